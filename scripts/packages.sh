#!/usr/bin/env bash
# The Debian/Ubuntu packages that Seedling needs, and installing the missing ones.
# Usage: scripts/packages.sh GROUP...     groups: build test lint fuzz mpi screen, examples: what
# examples/make.sh draws with, and data: fonts that widen what the data engine draws with, all free
# docs/DEPENDENCIES.md gives the reasons. A package whose check succeeds is left alone, so a prepared machine needs
# neither root nor a network.
set -eu

# group  package  check: a command, or pc:MODULE for pkg-config, or file:PATTERN
table='
build gcc            cc
build make           make
build pkg-config     pkg-config
build libjansson-dev pc:jansson
build libyaml-dev    pc:yaml-0.1
build libpcre2-dev   pc:libpcre2-8
build libutf8proc-dev pc:libutf8proc
build libpng-dev     pc:libpng
build libjpeg-dev    pc:libjpeg
build libwebp-dev    pc:libwebpdemux
build libgif-dev     file:/usr/include/gif_lib.h
build libcairo2-dev  pc:cairo
build libpango1.0-dev pc:pangocairo
build libfontconfig1-dev pc:fontconfig
build libarchive-dev pc:libarchive
build libavformat-dev pc:libavformat
build libavcodec-dev pc:libavcodec
build libavutil-dev  pc:libavutil
build libswscale-dev pc:libswscale
build libmicrohttpd-dev pc:libmicrohttpd
build libseccomp-dev pc:libseccomp
build libcurl4-openssl-dev pc:libcurl
build libxxhash-dev pc:libxxhash
build libedit-dev pc:libedit
test  libcmocka-dev  pc:cmocka
screen chromium      chromium
examples chromium    chromium
examples gnuplot     gnuplot
examples poppler-utils pdftoppm
examples povray      povray
examples povray-includes file:/usr/share/povray-*/include/colors.inc
examples ffmpeg      ffmpeg
examples python3     python3
examples bzip2-doc   file:/usr/share/doc/bzip2/manual.html
examples fonts-sil-andika file:/usr/share/doc/fonts-sil-andika/documentation/pdf/about.pdf.gz
mpi   mpich          mpirun
mpi   libmpich-dev   pc:mpich
lint  clang-format-14 clang-format-14
lint  clang-tidy-14  clang-tidy-14
lint  python3        python3
lint  binutils       objdump
lint  git            git
fuzz  clang-14       clang-14
fuzz  libomp-14-dev  file:/usr/lib/llvm-14/lib/libomp.so
fuzz  libclang-rt-14-dev file:/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
data  fonts-lato file:/usr/share/fonts/truetype/lato/Lato-Black.ttf
data  fonts-open-sans file:/usr/share/fonts/truetype/open-sans/OpenSans-Bold.ttf
data  fonts-roboto-slab file:/usr/share/fonts/opentype/roboto/slab/RobotoSlab-Bold.otf
data  fonts-freefont-ttf file:/usr/share/fonts/truetype/freefont/FreeMono.ttf
data  fonts-linuxlibertine file:/usr/share/fonts/opentype/linux-libertine/LinBiolinum_K.otf
data  fonts-crosextra-carlito file:/usr/share/fonts/truetype/crosextra/Carlito-Bold.ttf
data  fonts-crosextra-caladea file:/usr/share/fonts/truetype/crosextra/Caladea-Bold.ttf
data  fonts-cantarell file:/usr/share/fonts/opentype/cantarell/Cantarell-Bold.otf
data  fonts-comic-neue file:/usr/share/fonts/opentype/comic-neue/ComicNeue-Bold.otf
data  fonts-humor-sans file:/usr/share/fonts/truetype/humor-sans/Humor-Sans.ttf
data  fonts-dancingscript file:/usr/share/fonts/opentype/dancingscript/DancingScript-Bold.otf
data  fonts-breip file:/usr/share/fonts/truetype/breip/Breip.ttf
data  fonts-dkg-handwriting file:/usr/share/fonts/truetype/fifthhorseman/dkg.ttf
data  fonts-gfs-didot file:/usr/share/fonts/opentype/didot/GFSDidot.otf
data  fonts-gfs-neohellenic file:/usr/share/fonts/opentype/neohellenic/GFSNeohellenic.otf
data  fonts-gfs-artemisia file:/usr/share/fonts/opentype/artemisia/GFSArtemisia.otf
data  fonts-paratype file:/usr/share/fonts/truetype/paratype/PTC55F.ttf
data  fonts-ebgaramond file:/usr/share/fonts/opentype/ebgaramond/EBGaramond08-Italic.otf
data  fonts-oldstandard file:/usr/share/fonts/truetype/fonts-oldstandard/OldStandard-Bold.ttf
data  fonts-quicksand file:/usr/share/fonts/truetype/quicksand/Quicksand-Bold.ttf
data  fonts-comfortaa file:/usr/share/fonts/truetype/comfortaa/Comfortaa-Bold.ttf
data  fonts-courier-prime file:/usr/share/fonts/opentype/courier-prime/Courier?Prime?Bold?Italic.otf
data  fonts-sil-andika file:/usr/share/fonts/truetype/andika/Andika-Bold.ttf
data  fonts-wqy-microhei file:/usr/share/fonts/truetype/wqy/wqy-microhei.ttc
data  fonts-arphic-ukai file:/usr/share/fonts/truetype/arphic/ukai.ttc
data  fonts-noto-cjk file:/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc
'

present() {
    case $1 in
    pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
    file:*) compgen -G "${1#file:}" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=()
while read -r group package check; do
    [ -n "$group" ] || continue
    case " $* " in *" $group "*) present "$check" || missing+=("$package") ;; esac
done <<<"$table"
[ ${#missing[@]} -gt 0 ] || exit 0

by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]} libc6-dev"
if ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]} (these are the names on Debian 12; install what your system calls them)" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    # Asking for a password is fine where somebody can type one.
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
        echo "Packages are missing, and this user cannot install them. As root, run:" >&2
        echo "    $by_hand" >&2
        exit 1
    fi
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends "${missing[@]}" libc6-dev; }; then
    echo "The installation failed. Once this works, run the script again:" >&2
    echo "    ${sudo:+sudo }sh -c '$by_hand'" >&2
    exit 1
fi
