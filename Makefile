# Clearlane. Needs GNU make and gcc; deps/install.sh brings the rest from Debian.
#
#   make            build/clearlane-server, build/check-rdb
#   make run        build, then serve 127.0.0.1:6379 with redis-compat.conf
#   make check      unit tests, layers, format, headers: under a minute
#   make test       check, integration, clients, short model and fuzz runs; check and integration again
#                   with SAN=address, without and with STRESS=1; with SAN= or STRESS=1 said: the suites
#                   of that flavour
#   make model      MODEL_COMMANDS=1000000 random commands beside redis-server
#   make fuzz       FUZZ_SECONDS=3600 for each target
#   make crash      the crash tests
#   make storm      STORM_SECONDS=600 of many clients at once on few keys (STORM_SEED=1)
#   make bench      figures beside redis-server (BENCH_ARGS=...: options of tests/bench/run)
#   make format     rewrites the sources by .clang-format
#   make install    PREFIX=/usr/local DESTDIR=
#   make clean
#
# SAN=address|undefined|thread and STRESS=1 build and test in directories of their own, as
# build/address-stress. V=1 shows the commands. DEPS=skip leaves Debian's packages alone.

SAN ?=
STRESS ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
MODEL_COMMANDS ?= 1000000
FUZZ_SECONDS ?= 3600
TEST_MODEL_COMMANDS ?= 100000
TEST_FUZZ_SECONDS ?= 3
STORM_SECONDS ?= 600
STORM_SEED ?= 1
TEST_STORM_SECONDS ?= 8

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules
ifndef V
.SILENT:
endif
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SUFFIXES:

# ---- flavours ----

FLAVOUR := $(subst $(eval) ,-,$(strip $(SAN) $(if $(STRESS),stress)))
B := build$(FLAVOUR:%=/%)
CC := gcc
AR := gcc-ar
WARN := -Wall -Wextra -Werror
CFLAGS := -std=gnu17 -g $(WARN) -Isrc
LIBS := -Wl,--as-needed -levent_core -lsystemd -lcrypto -l:liblua5.1-cjson.a -l:liblua5.1-bitop.a -l:liblua5.1.a -llzf -lpthread -lm
SUITE_SECONDS := 120

# The server proper is linked by LTO, the unit tests from the same (fat) objects without.
# No -rdynamic in the LTO link, as an exported function can be neither cloned nor removed:
# `addr2line -fipe build/clearlane-server +OFFSET` names the frames of a crash report.
ifeq ($(FLAVOUR),)
OPTIMIZE := -O3 -flto -ffat-lto-objects
LINK := -O3 -flto=auto
else
OPTIMIZE := -O1 -fno-omit-frame-pointer
# Names and lines for backtraces, no variables: a fifth of the compiler's time.
CFLAGS += -g1 -DCHECKS $(if $(STRESS),-DSTRESS)
LINK := -rdynamic
endif

ifeq ($(SAN),)
LIBS := -ljemalloc $(LIBS)
else
SAN_address := -fsanitize=address,undefined
SAN_undefined := -fsanitize=undefined
SAN_thread := -fsanitize=thread
ifeq ($(SAN_$(SAN)),)
$(error SAN=$(SAN): one of address, undefined, thread)
endif
# The sanitizers' own branches make gcc see uses of unset variables that are none.
CFLAGS += $(SAN_$(SAN)) -fno-sanitize-recover=all -Wno-maybe-uninitialized -DNO_JEMALLOC
LINK += $(SAN_$(SAN))
SUITE_SECONDS := $(if $(filter thread,$(SAN)),1200,300)
# What is freed is watched for 64 MB: a quarter of the default, and an eighth of the time is saved.
export ASAN_OPTIONS ?= detect_stack_use_after_return=1:quarantine_size_mb=64
export UBSAN_OPTIONS ?= print_stacktrace=1
# A server that is told to leave at once does not wait a second for races.
export TSAN_OPTIONS ?= second_deadlock_stack=1 atexit_sleep_ms=0
endif

# With sanitizers -O2 takes half as long again to compile, and saves nothing in the running.
TEST_CFLAGS := $(CFLAGS) -g1 $(if $(SAN),-O1,-O2) -Itests -DTESTS_DIR='"$(CURDIR)/tests"'
TEST_LINK := -fno-lto -rdynamic $(SAN_$(SAN))
COMPILE = mkdir -p $(@D) && printf '  CC    %s\n' $@ && $(CC) -MMD -MP -c -o $@ $<

# ---- what there is ----

SERVER := $(B)/clearlane-server
DIRS := $(sort $(patsubst src/%/,%,$(dir $(wildcard src/*/*.c))))
ARCHIVES := $(DIRS:%=$(B)/lib%.a)
SUPPORT := $(B)/libsupport.a
# utils/check_rdb.c is build/check-rdb.
UTILS := $(foreach u,$(patsubst utils/%.c,%,$(wildcard utils/*.c)),$(B)/$(subst _,-,$u))
objects = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $1))

UNIT := $(patsubst tests/%.c,$(B)/%,$(wildcard tests/unit/*/*_test.c))
# What drives a server over its socket is the same for the servers of all flavours.
INTEGRATION := $(patsubst tests/%.c,build/%,$(wildcard tests/integration/*_test.c))
CRASH := $(patsubst tests/%.c,build/%,$(wildcard tests/crash/*_test.c))
MODEL := build/model
DRIVERS := $(INTEGRATION) $(CRASH) $(MODEL)
FUZZ := $(patsubst tests/fuzz/%_fuzz.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_DIRS := base wire types store
FUZZ_SRC := $(wildcard $(FUZZ_DIRS:%=src/%/*.c) src/core/dump*.c)
BENCH_MAINS := $(shell grep -ls '^int main\b' tests/bench/*.c)
BENCH := $(BENCH_MAINS:tests/%.c=$(B)/%)
BENCH_SHARED := $(filter-out $(BENCH_MAINS),$(wildcard tests/bench/*.c))
HEADERS := $(wildcard src/*.h src/*/*.h)
FORMATTED := $(wildcard $(foreach d,src src/* tests/* tests/unit/* utils,$d/*.c $d/*.h) \
    tests/clients/*.js)

all: $(SERVER) $(UTILS)

executables: $(SERVER) $(UTILS) $(UNIT) $(DRIVERS)

.PHONY: all executables drivers run check test model fuzz crash storm bench format install clean

# ---- building ----

build/.deps: deps/install.sh deps/packages.txt
	mkdir -p build
	$(if $(filter skip,$(DEPS)),,deps/install.sh)
	touch $@

build/.deps-test: deps/install.sh deps/packages.txt | build/.deps
	$(if $(filter skip,$(DEPS)),,deps/install.sh --test)
	touch $@

$(B)/obj/src/%.o: src/%.c Makefile | build/.deps
	$(COMPILE) $(CFLAGS) $(OPTIMIZE)

$(B)/obj/tests/%.o: tests/%.c Makefile | build/.deps-test
	$(COMPILE) $(TEST_CFLAGS)

$(B)/fuzz/obj/%.o: src/%.c Makefile | build/.deps
	$(COMPILE) $(CFLAGS) $(OPTIMIZE) -fsanitize-coverage=trace-pc

ARCHIVE = printf '  AR    %s\n' $@ && rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# The directory is a prerequisite so that a file that was taken away leaves its archive.
$(ARCHIVES): $(B)/lib%.a: $$(call objects,src/$$*/*.c) src/%
	$(ARCHIVE)

$(SUPPORT): $(call objects,tests/support/*.c) tests/support
	$(ARCHIVE)

$(SERVER): $(B)/obj/src/main.o $(ARCHIVES)
	printf '  LINK  %s\n' $@
	$(CC) $(CFLAGS) $(LINK) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

$(B)/obj/utils/%.o: utils/%.c Makefile | build/.deps
	$(COMPILE) $(CFLAGS) $(OPTIMIZE)

$(UTILS): $(B)/%: $$(B)/obj/utils/$$(subst -,_,$$*).o $(ARCHIVES)
	printf '  LINK  %s\n' $@
	$(CC) $(CFLAGS) $(LINK) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

LINK_TEST = mkdir -p $(@D) && printf '  LINK  %s\n' $@ && $(CC) $(TEST_LINK) -o $@ \
    -Wl,--start-group $(filter %.o %.a,$^) -Wl,--end-group

# LIBS_OF_dir: the archives of dir and of the lower ranks, and what its tests share.
libs_of = $(filter $(ARCHIVES),$(shell awk -v own=$1 '$$1 ~ /^[0-9]/ { \
    for (i = 2; i <= NF; i++) rank[$$i] = $$1 } \
    END { for (d in rank) if (d == own || rank[d] < rank[own]) print "$(B)/lib" d ".a" }' \
    src/LAYERS)) $(call objects,$(filter-out %_test.c,$(wildcard tests/unit/$1/*.c)))
UNIT_DIRS := $(patsubst tests/unit/%/,%,$(sort $(dir $(wildcard tests/unit/*/*_test.c))))
$(foreach d,$(UNIT_DIRS),$(eval LIBS_OF_$d := $(call libs_of,$d)))

$(UNIT): $(B)/unit/%: $(B)/obj/tests/unit/%.o $$(LIBS_OF_$$(firstword $$(subst /, ,$$*))) $(SUPPORT)
	$(LINK_TEST) -lcunit $(LIBS)

drivers: $(DRIVERS)
ifneq ($(FLAVOUR),)
$(DRIVERS): build-drivers ;
.PHONY: build-drivers
build-drivers:
	$(MAKE) SAN= STRESS= drivers
else
$(INTEGRATION) $(CRASH): build/%: build/obj/tests/%.o $(SUPPORT)
	$(LINK_TEST) -lhiredis -lcunit -lpthread -lm

# A library for the server under test: no sanitizer in it, and none of ours.
build/crash/shim.so: tests/crash/shim.c | build/.deps-test
	mkdir -p $(@D) && printf '  LINK  %s\n' $@
	$(CC) -std=gnu17 -g -O1 $(WARN) -shared -fPIC -o $@ $< -ldl -lpthread
$(CRASH): build/crash/shim.so

$(MODEL): $(call objects,tests/model/*.c) $(SUPPORT)
	$(LINK_TEST) -lhiredis -lcunit -lpthread -lm
endif

$(BENCH): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(call objects,$(BENCH_SHARED))
	$(LINK_TEST) -lpthread -lm

$(FUZZ): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%_fuzz.o $(B)/obj/tests/fuzz/driver.o \
    $(FUZZ_SRC:src/%.c=$(B)/fuzz/obj/%.o)
	$(LINK_TEST) $(LIBS)

.SECONDARY:
-include $(shell find $(B)/obj $(B)/fuzz/obj -name '*.d' 2>/dev/null)

# ---- testing ----

# A suite notes its result in RESULTS and does not stop make; `tally` counts them.
RESULTS := build/results
RUN_SUITE = tests/support/run_suite $(RESULTS)
LABEL := $(FLAVOUR:%=%:)
export CLEARLANE_SERVER := $(CURDIR)/$(SERVER)
TALLY = tests/support/tally $(RESULTS)

run-layers run-format run-headers: | build/.deps-test
run-layers:
	$(RUN_SUITE) layers 60 sh -c 'utils/check_layers --self-test && utils/check_layers'
run-format:
	$(RUN_SUITE) format 60 tests/support/check_format $(FORMATTED)
run-headers:
	$(RUN_SUITE) headers 60 tests/support/check_headers "$(CC) $(CFLAGS)" $(HEADERS)

UNIT_RUNS := $(UNIT:$(B)/%=run/%)
INTEGRATION_RUNS := $(INTEGRATION:build/%=run/%)
CRASH_RUNS := $(CRASH:build/%=run/%)
FUZZ_RUNS := $(FUZZ:$(B)/fuzz/%=run/fuzz/%)

$(UNIT_RUNS): run/%: $(B)/%
	$(RUN_SUITE) $(LABEL)$* $(SUITE_SECONDS) $<

$(INTEGRATION_RUNS) $(CRASH_RUNS): run/%: build/% $(SERVER) $(UTILS)
	$(RUN_SUITE) $(LABEL)$* $(SUITE_SECONDS) $<

# Real client libraries; brings npm's packages itself.
run-clients: $(SERVER) | build/.deps-test
	$(RUN_SUITE) $(LABEL)clients $(SUITE_SECONDS) tests/clients/run

run-model: $(MODEL) $(SERVER)
	$(RUN_SUITE) $(LABEL)model $(or $(MODEL_DEADLINE),3600) $(MODEL) --commands $(MODEL_COMMANDS)

run-storm: $(SERVER) | build/.deps-test
	$(RUN_SUITE) $(LABEL)storm $$(($(STORM_SECONDS) + 300)) tests/storm/run \
	    --seconds $(STORM_SECONDS) --seed $(STORM_SEED)

$(FUZZ_RUNS): run/fuzz/%: $(B)/fuzz/%
	$(RUN_SUITE) $(LABEL)fuzz/$* $$(($(FUZZ_SECONDS) + 60)) $< $(wildcard tests/fuzz/corpus/$*) \
	    $(addprefix --dict ,$(wildcard tests/fuzz/$*.dict)) --seconds $(FUZZ_SECONDS)

# Callgrind's instructions per command at P=16: the budgets of the hot path, and 3 % for noise. It
# runs by itself: beside another suite the client's turns are cut, which costs the server 3 % more.
run-instructions: $(SERVER) $(BENCH)
	$(RUN_SUITE) instructions 240 tests/bench/instructions --pipelines 16 --repeat 8 \
	    --max get=463 --max set=618 --max incr=618

run-fuzz-driver: $(firstword $(FUZZ))
	$(if $<,$(RUN_SUITE) $(LABEL)fuzz/must-fail 120 $< --must-fail)

run-check: run-layers run-format run-headers $(UNIT_RUNS)
run-all: run-check $(INTEGRATION_RUNS) $(CRASH_RUNS) run-clients
run-sanitized: $(UNIT_RUNS) $(INTEGRATION_RUNS) $(CRASH_RUNS) run-fuzz-driver $(FUZZ_RUNS)
# Not with the small limits: what takes its time by intent, and what has its sizes from its format.
UNSTRESSED := $(foreach s,soak encryption num_shortest,%/$(s)_test)
run-stressed: $(filter-out $(UNSTRESSED),$(UNIT_RUNS) $(INTEGRATION_RUNS)) run-storm
run-flavour: $(if $(STRESS),run-stressed,run-sanitized)

.PHONY: run-layers run-format run-headers run-instructions run-model run-storm run-clients run-fuzz-driver \
    run-check run-all run-sanitized run-stressed run-flavour $(UNIT_RUNS) $(INTEGRATION_RUNS) $(CRASH_RUNS) $(FUZZ_RUNS)

check:
	rm -f $(RESULTS)
	$(MAKE) -k run-check || echo FAIL build >>$(RESULTS)
	$(TALLY)

# All is built before the first test runs, so that no compiler disturbs a test's timing.
ifneq ($(FLAVOUR),)
test:
	rm -f $(RESULTS)
	{ $(MAKE) -k executables $(if $(STRESS),,$(FUZZ)) && \
	  $(MAKE) run-flavour FUZZ_SECONDS=$(TEST_FUZZ_SECONDS) STORM_SECONDS=$(TEST_STORM_SECONDS); \
	} || echo FAIL build >>$(RESULTS)
	$(TALLY)
else
test:
	rm -f $(RESULTS)
	{ $(MAKE) -k executables && \
	  $(MAKE) -k SAN=address executables $(FUZZ:$(B)/%=build/address/%) && \
	  $(MAKE) -k SAN=address STRESS=1 executables && \
	  $(MAKE) run-all && \
	  $(MAKE) run-instructions && \
	  $(MAKE) run-model MODEL_COMMANDS=$(TEST_MODEL_COMMANDS) MODEL_DEADLINE=300 && \
	  $(MAKE) SAN=address run-sanitized FUZZ_SECONDS=$(TEST_FUZZ_SECONDS) && \
	  $(MAKE) SAN=address STRESS=1 run-stressed STORM_SECONDS=$(TEST_STORM_SECONDS); \
	} || echo FAIL build >>$(RESULTS)
	$(TALLY)
endif

model crash storm fuzz:
	rm -f $(RESULTS)
	$(MAKE) $(RUNS) || echo FAIL build >>$(RESULTS)
	$(TALLY)
model: RUNS = run-model
crash: RUNS = $(CRASH_RUNS)
storm: RUNS = run-storm
fuzz: RUNS = SAN=address run-fuzz-driver $(FUZZ_RUNS)

bench: $(SERVER) $(BENCH) | build/.deps-test
	tests/bench/run $(BENCH_ARGS)

# ---- using ----

run: $(SERVER)
	exec $(SERVER) redis-compat.conf

format: | build/.deps-test
	clang-format -i $(FORMATTED)

install: $(SERVER) $(UTILS)
	install -D -m 755 $(SERVER) $(DESTDIR)$(PREFIX)/bin/clearlane-server
	for u in $(UTILS); do \
	    install -D -m 755 $$u $(DESTDIR)$(PREFIX)/bin/clearlane-$${u##*/} || exit 1; done
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/clearlane/LICENSE
	test -e $(DESTDIR)$(SYSCONFDIR)/clearlane/clearlane.conf || install -D -m 644 \
	    redis-compat.conf $(DESTDIR)$(SYSCONFDIR)/clearlane/clearlane.conf

clean:
	rm -rf build
