# Seedling. `make help` lists the targets, V=1 shows the commands. Everything goes to build/ (build/san/ with SAN=1, build/tsan/ with SAN=thread);
# new files under src/ and tests/ are found by themselves.

CC ?= cc
V ?= 0
PREFIX ?= /usr/local
SAN ?= 0
B := build
ifeq ($(SAN),1)
B := build/san
else ifeq ($(SAN),thread)
B := build/tsan
endif

# $(call say,WORD) stands before a command: it prints "WORD file" instead of the command, unless V=1.
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(if $(filter CC,$(1)),$<,$(@:$(B)/%=%));)

VERSION := $(shell sed -n 's/.*SL_VERSION "\(.*\)".*/\1/p' include/seedling.h)
ARCH := $(shell uname -m)
PKGS := jansson yaml-0.1 libpcre2-8 libutf8proc libpng libjpeg libwebp libwebpdemux cairo pangocairo fontconfig libarchive libavformat libavcodec libswscale libavutil libmicrohttpd libseccomp libcurl libxxhash libedit
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

OPT := -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=implicit-function-declaration
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Isrc -MMD -MP
# Products and sums are fused only where a kernel asks for it, so that every compiler gives the same numbers.
CFLAGS_ALL := -std=c17 $(OPT) $(WARN) -fPIC -fopenmp -fvisibility=hidden -fno-math-errno -ffp-contract=off $(PKG_CFLAGS) $(CFLAGS)
LIBS := $(PKG_LIBS) -lgif -lm -ldl
# MPI is optional (MPI=0 leaves it out); only the collectives of src/comm/mpi.c know it.
MPI ?= $(firstword $(foreach p,mpich ompi-c mpi,$(shell pkg-config --exists $(p) 2>/dev/null && echo $(p))))
ifneq ($(filter-out 0,$(MPI)),)
LIBS += $(shell pkg-config --libs $(MPI))
$(B)/obj/src/comm/mpi.o: CPPFLAGS += -DSL_WITH_MPI $(shell pkg-config --cflags-only-I $(MPI))
endif
ifeq ($(SAN),1)
CFLAGS_ALL += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
else ifeq ($(SAN),thread)
CFLAGS_ALL += -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS += -fsanitize=thread
endif

# Kernels for one processor level are compiled for that level: the file's ending says which. A *_vec.c file is
# compiled once for every vector width (tensor/cpu/vec.h).
AVX2 := -mavx2 -mfma -mf16c
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512
AMX := $(AVX512) -mavx512vnni -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-int8

SRC := $(sort $(wildcard src/*/*.c src/*/*/*.c))
VEC_SRC := $(filter %_vec.c,$(SRC))
X86_SRC := $(filter %_avx2.c %_avx512.c %_vnni.c %_avx512bf16.c %_amx.c,$(SRC))
# The command line is no part of the library; the tests link it from an archive of its own.
MAIN_SRC := src/cli/main.c
CLI_SRC := $(filter-out $(MAIN_SRC),$(wildcard src/cli/*.c))
LIB_SRC := $(filter-out $(MAIN_SRC) $(CLI_SRC) $(VEC_SRC) $(X86_SRC),$(SRC))
ifeq ($(ARCH),x86_64)
LIB_SRC += $(X86_SRC)
VEC_OBJ := $(VEC_SRC:%.c=$(B)/obj/%.avx2.o) $(VEC_SRC:%.c=$(B)/obj/%.avx512.o)
endif
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o) $(VEC_OBJ)
MAIN_OBJ := $(MAIN_SRC:%.c=$(B)/obj/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(B)/obj/%.o)

TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TESTS := $(TEST_SRC:tests/%.c=$(B)/tests/%)
EXAMPLES := $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_SRC:tests/%.c=$(B)/tests/%)
TEST_HELPERS := $(patsubst %.c,$(B)/obj/%.o,$(filter-out tests/fuzz/% $(TEST_SRC),$(wildcard tests/*.c)))

.PHONY: all test test-long test-threads lint bench fuzz flags install clean help format
all: $(B)/seedling $(B)/libseedling.a $(B)/libseedling.so ## the program and the library (default)

$(B)/seedling: $(MAIN_OBJ) $(B)/obj/cli.a $(B)/libseedling.a
	$(call say,LINK) $(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libseedling.a: $(LIB_OBJ)
$(B)/obj/cli.a: $(CLI_OBJ)
%.a:
	$(call say,AR) rm -f $@ && $(AR) rcs $@ $^

$(B)/libseedling.so: $(LIB_OBJ)
	$(call say,LINK) $(CC) $(CFLAGS_ALL) $(LDFLAGS) -shared -Wl,-soname,libseedling.so.0 -o $@ $^ $(LIBS)

$(B)/obj/%_vec.avx2.o: %_vec.c
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(AVX2) -DSL_VEC_WIDTH=8 -c -o $@ $<
$(B)/obj/%_vec.avx512.o: %_vec.c
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(AVX512) -DSL_VEC_WIDTH=16 -c -o $@ $<
$(B)/obj/%_avx2.o: CFLAGS_ALL += $(AVX2)
$(B)/obj/%_avx512.o: CFLAGS_ALL += $(AVX512)
$(B)/obj/%_vnni.o: CFLAGS_ALL += $(AVX512) -mavx512vnni
$(B)/obj/%_avx512bf16.o: CFLAGS_ALL += $(AVX512) -mavx512bf16
$(B)/obj/%_amx.o: CFLAGS_ALL += $(AMX)
# The web page travels inside an object file.
$(B)/obj/src/serve/page.o: $(wildcard src/serve/page/*)
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(B)/tests/cli/%: LIBS := $(B)/obj/cli.a $(B)/libseedling.a $(LIBS)
$(patsubst %,$(B)/%,$(filter tests/cli/%,$(TEST_SRC:.c=))): $(B)/obj/cli.a
$(B)/tests/%: $(B)/obj/tests/%.o $(TEST_HELPERS) $(B)/libseedling.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay.o $(B)/libseedling.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/examples/%: examples/%.c include/seedling.h $(B)/libseedling.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $< $(B)/libseedling.a $(LIBS)
$(B)/obj/tests/%.o: CPPFLAGS += -Itests

test: all $(TESTS) $(FUZZ) $(EXAMPLES) ## all fast tests, fuzz corpora included (SAN=1: under ASan and UBSan; MATCH=PATTERN: some)
	scripts/run-tests.sh $(B) $(MATCH)

test-long: all $(TESTS) $(FUZZ) $(EXAMPLES) ## the slow tests too
	SEEDLING_TEST_LONG=1 SEEDLING_TEST_SECONDS=$${SEEDLING_TEST_SECONDS:-10800} scripts/run-tests.sh $(B)

test-threads: ## engine, server and loader under ThreadSanitizer, in build/tsan
	scripts/test-threads.sh

fuzz: ## libFuzzer binaries in build/fuzz (needs clang)
	scripts/build-fuzzers.sh build/fuzz

flags: ## what a program over libseedling.a is compiled and linked with
	@echo $(PKG_CFLAGS) $(LIBS)

lint: all $(TESTS) $(FUZZ) ## layers, exports, banned calls, lengths, docstrings, format, clang-tidy
	scripts/lint.sh $(B)

format: ## clang-format everything in place
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

bench: all ## speed on this machine, as rates and fractions of measured limits
	$(B)/seedling bench

install: all ## program, library, header, pkg-config file and the model that ships under PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $(B)/seedling $(DESTDIR)$(PREFIX)/bin/seedling
	install -m 644 $(B)/libseedling.a $(DESTDIR)$(PREFIX)/lib/libseedling.a
	install -m 755 $(B)/libseedling.so $(DESTDIR)$(PREFIX)/lib/libseedling.so.$(VERSION)
	ln -sf libseedling.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libseedling.so.0
	ln -sf libseedling.so.0 $(DESTDIR)$(PREFIX)/lib/libseedling.so
	install -m 644 include/seedling.h $(DESTDIR)$(PREFIX)/include/seedling.h
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@PKGS@|$(PKGS)|' scripts/seedling.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/seedling.pc
ifneq ($(wildcard models/seedling-nano/model.safetensors),)
	install -d $(DESTDIR)$(PREFIX)/share/seedling/models/seedling-nano
	install -m 644 models/seedling-nano/* $(DESTDIR)$(PREFIX)/share/seedling/models/seedling-nano
endif

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
.SECONDARY:
