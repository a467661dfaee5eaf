#!/usr/bin/env bash
# Makes the pictures of examples/pictures, none of which comes from the data engine. They are in the repository; this is
# how they came about. Usage: examples/make.sh [NAME...]     NAME: page chart paper balls recording (default: all)
# Needs chromium, gnuplot, poppler-utils, povray with povray-includes, ffmpeg, python3, bzip2-doc and fonts-sil-andika.
set -eu
cd "$(dirname "$0")/pictures"
manual=file:///usr/share/doc/bzip2/manual.html
pdf=/usr/share/doc/fonts-sil-andika/documentation/pdf/about.pdf.gz

for name in ${*:-page chart paper balls recording}; do
    case $name in
    page) # a documentation page that Debian installs, as a browser shows it
        chromium --headless --no-sandbox --hide-scrollbars --window-size=640,480 --screenshot="$PWD/page.png" "$manual" 2>/dev/null
        ;;
    chart) # a bar chart
        gnuplot ../chart.gp >chart.png
        ;;
    paper) # a page of a PDF
        zcat "$pdf" | pdftoppm -r 50 -f 1 -l 1 -png - >paper.png
        ;;
    balls) # ray-traced: soft shadows, reflections, depth of field
        povray -D -GA +I../balls.pov +FJ85 +Oballs.jpg +W640 +H480 +A0.2 +R3 >/dev/null 2>&1
        ;;
    recording) # six seconds of that page in a browser; from second 2 to second 4 it is scrolled
        frames=$(mktemp -d)
        python3 ../record.py "$manual" "$frames" 320 240
        ffmpeg -v error -y -framerate 5 -i "$frames/%03d.png" -c:v libx264 -pix_fmt yuv420p -crf 34 recording.mp4
        rm -r "$frames"
        ;;
    *)
        echo "$0: nothing is called $name" >&2
        exit 2
        ;;
    esac
    ls -l "$name".*
done
