# ordeal: see README.md. Sources are found by folder; a new file needs no
# line here. Another compiler (CC=clang-14), sanitizers (SAN=address|thread|
# undefined) and COV=1, which counts, build into folders of their own.
CC      ?= gcc
SAN     ?=
COV     ?=
COMPILER := $(notdir $(lastword $(CC)))
BUILD   := build$(if $(filter-out gcc cc,$(COMPILER)),/$(COMPILER))$(if $(SAN),/$(SAN))$(if $(COV),/coverage)
ENGINE  ?= auto
SCENARIOS ?=
SET     ?=
REPEAT  ?=

PKGS    := libcurl libcares libcjson yaml-0.1 libmicrohttpd gnutls libnftables libpq hiredis libmariadb rdkafka librabbitmq zlib
DEBS    := gcc make pkg-config perl libcurl4-openssl-dev libc-ares-dev libcjson-dev libyaml-dev \
	   libmicrohttpd-dev libgnutls28-dev libnftables-dev libpq-dev libhiredis-dev libmariadb-dev \
	   librdkafka-dev librabbitmq-dev erlang-dev zlib1g-dev \
	   libcmocka-dev
# What single targets need besides; the tests talk to these servers and have JSON and
# HTML judged by these validators, and skip what they cannot find.
DEBS_test := postgresql-15 redis-server openjdk-17-jre-headless maven libjson-validator-perl libxml2-utils \
	   python3-pymysql python3-cryptography
DEBS_clang := clang-14
DEBS_lint := clang-14 clang-tidy-14 cppcheck shellcheck
DEBS_ci := ccache
DEBS_coverage := lcov
DEBS_bench := redis-server
DEBS_fuzz := clang-14 libclang-rt-14-dev
# Each includes only itself and those before it; test/unit/layers.t holds that.
LAYERS  := base yaml manifest history scenario memoryd system load fault kube node apiserver engine \
	   agent measure check report run cmd

CFLAGS  ?= $(if $(COV),-O0,$(if $(SAN),-O1,-O2)) -g
CPPFLAGS += -D_GNU_SOURCE -D_REENTRANT -Iharness -I$(BUILD)/harness -include harness/base/banned.h $(PKG_CFLAGS)
# One short line a file, on standard error: standard output is the TAP's.
# V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2) >&2)

WARN    := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
	   -Wmissing-prototypes -Wvla -Walloca -Werror
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(if $(COV),--coverage)
# libei, of Erlang, tells pkg-config nothing.
LDLIBS   = $(PKG_LIBS) -lei -lpthread -lm

# For a make within make: as many jobs as processors, unless it was told how many.
parallel = $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))

comma    := ,
space    := $() $()

# Files that fit the last word in folders of any depth: $(call find,DIRS,*.c)
find     = $(sort $(shell find $(1) -name '$(2)'))
SRCS    := $(call find,$(LAYERS:%=harness/%),*.c)
OBJS    := $(SRCS:%.c=$(BUILD)/%.o)
LIBOBJS := $(filter-out $(BUILD)/harness/cmd/main.o,$(OBJS))
TESTSRC := $(call find,harness/test,*_test.c)
TESTS   := $(TESTSRC:harness/test/%.c=$(BUILD)/test/%)
# Neither their code nor their tests begin a thread (test/unit/layers.t holds that): a
# sanitizer that looks for races sees nothing there, and takes twice as long as for all
# the rest.
THREADLESS := yaml manifest history scenario measure check report
ifeq ($(SAN),thread)
TESTS   := $(filter-out $(foreach d,$(THREADLESS),$(filter $(BUILD)/test/unit/$(d)/%,$(TESTS))),$(TESTS))
endif
# These try the fixtures' scripts, which are Python's, on real servers: what of Ordeal runs
# in them, an API server, has tests of its own.
ifneq ($(SAN),)
TESTS   := $(filter-out %/system/mysql/group_agent_test %/system/mysql/runbook_test,$(TESTS))
endif
FUZZED  := $(filter-out %_test.c,$(wildcard harness/test/fuzz/*.c))
TESTLIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard harness/test/lib/*.c) $(FUZZED))
SCRIPTS := $(call find,harness/test,*.t)
BENCHES := $(patsubst harness/test/bench/%.c,%,$(wildcard harness/test/bench/*.c))

FUZZ_CC ?= clang-14
FUZZ_SECONDS ?= 60
# About a minute of a processor for each.
FUZZ_RUNS := api=800000 gtid=2500000 history=600000 inside=800000 kafka=1000000 manifest=350000 report=24000 \
	scenario=350000 schedule=900000 settings=500000 words=450000 yaml=550000
FUZZ_SAN := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZERS := $(patsubst harness/test/fuzz/entry/%.c,fuzz-%,$(wildcard harness/test/fuzz/entry/*.c))
FUZZOBJ := $(patsubst %.c,build/fuzz/%.o,$(FUZZED) $(call find,$(addprefix harness/,base yaml manifest history \
	   scenario memoryd system load fault kube apiserver measure check report),*.c))
# A run's two files are longer than what the parsers are fed.
FUZZ_LEN = $(if $(filter report,$(1)),40000,4096)

.PHONY: all compile deps deps-all flags test unit scenarios cluster cluster-down check-asan check-tsan check-kind \
	check-docker check-failpoints check-newcomer check-fuzz fuzz $(FUZZERS) $(FUZZERS:%=check-%) bench lint coverage clean
.SECONDARY: $(TESTSRC:%.c=$(BUILD)/%.o) $(BENCHES:%=$(BUILD)/harness/test/bench/%.o) $(TESTLIB) \
	$(FUZZOBJ) $(FUZZERS:fuzz-%=build/fuzz/harness/test/fuzz/entry/%.o)
.PRECIOUS: build/%.deps
.DELETE_ON_ERROR:

all: $(BUILD)/ordeal
compile: $(BUILD)/ordeal $(TESTS) $(BENCHES:%=$(BUILD)/bench/%)

# Debian packages that building needs, then their flags, which can be asked
# for only when they are there: Make starts anew after writing this file.
build/deps.mk: kind/deps.sh Makefile
	@mkdir -p build
	@kind/deps.sh $(DEBS)
	@pkg-config --exists --print-errors $(PKGS)
	@{ echo "PKG_CFLAGS := $$(pkg-config --cflags $(PKGS))"; \
	   echo "PKG_LIBS := $$(pkg-config --libs $(PKGS))"; } >$@
ifneq ($(MAKECMDGOALS),clean)
include build/deps.mk
endif
deps: build/deps.mk
deps-all: # at once
	@kind/deps.sh --idle $(DEBS) $(DEBS_test) $(DEBS_clang) $(DEBS_lint) $(DEBS_fuzz) $(DEBS_ci)
build/%.deps: kind/deps.sh
	@mkdir -p build
	@kind/deps.sh --idle $(DEBS_$*)
	@touch $@
# Where no package of this Debian has it: what tests of MySQL talk to.
build/mysql: kind/build/mysql.sh kind/build/mysql-root.sh kind/mysql/packages
	@mkdir -p build
	@ln -sfn "$$(kind/build/mysql.sh)" $@
# The brokers that tests of Kafka talk to.
build/kafka: kind/build/kafka.sh kind/versions.env $(call find,kind/kafka,*)
	@mkdir -p build
	@ln -sfn "$$(kind/build/kafka.sh)" $@
build/rabbitmq: kind/build/rabbitmq.sh kind/build/root.sh kind/roots/rabbitmq-3.10
	@mkdir -p build
	@ln -sfn "$$(kind/build/rabbitmq.sh)" $@
flags: # what a file is compiled with
	@echo $(CC) $(CPPFLAGS) $(CFLAGS) $(WARN)

$(BUILD)/%.o: %.c | build/deps.mk $(if $(findstring clang,$(COMPILER)),build/clang.deps)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) $(SANFLAGS) -MD -MP -c -o $@ $<

# A style sheet as C strings, for #include: comments, line breaks and the
# indentation after them go, an empty line stays as a line break.
$(BUILD)/%.css.inc: %.css Makefile
	@mkdir -p $(@D)
	@sed -e '/^\/\*.*\*\/$$/d' -e '/^\/\*/,/\*\/$$/d' -e 's/^[[:space:]]*//' -e 's/[\\"]/\\&/g' \
		-e 's/^$$/\\n/' -e 's/.*/"&"/' $< >$@
$(BUILD)/harness/report/html/style.o build/fuzz/harness/report/html/style.o: $(BUILD)/harness/report/html/style.css.inc

$(BUILD)/libordeal.a: $(LIBOBJS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/ordeal: $(BUILD)/harness/cmd/main.o $(BUILD)/libordeal.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/test/%: $(BUILD)/harness/test/%.o $(TESTLIB) $(BUILD)/libordeal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka

# The linker puts what makes calls fail between the code and each call of the table.
FAILPOINTS := harness/test/failpoints
FAILPOINT_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %_test.c,$(wildcard $(FAILPOINTS)/*.c)))
$(BUILD)/test/failpoints/failpoints_test: $(FAILPOINT_OBJS)
$(BUILD)/test/failpoints/failpoints_test: LDLIBS += -Wl,--wrap=ferror,--wrap=clock_mono_ns,--wrap=clock_sleep_until \
	$(shell sed -nE 's/^[CP]A[LR][LT].[^,]*, (\w+),.*/-Wl,--wrap=\1/p' $(FAILPOINTS)/table.h)

# Every day. What takes longest begins first, for it is not to end alone.
LONG := $(patsubst %,$(BUILD)/test/%_test,unit/check/shipped failpoints/failpoints system/kafka/client \
	system/mysql/group system/mysql/replication system/rabbitmq/client system/mysql/client \
	system/mysql/group_agent system/mysql/runbook unit/load/late unit/engine/docker/shapes system/mysql/deadline)
# Whole runs measure lengths of time: nothing that computes goes on beside these, and they
# themselves hardly do. The newcomer's compiles.
RUNS := $(filter harness/test/e2e/run_%,$(SCRIPTS))
ALONE := $(RUNS) $(filter %/newcomer.t,$(SCRIPTS))
# Tests wait for servers and for time-outs more than they compute: two for each processor.
TEST_JOBS ?= $(shell expr 2 \* $$(nproc))
PROVE = ORDEAL_HOME=$(CURDIR) ORDEAL=$(CURDIR)/$(BUILD)/ordeal CMOCKA_MESSAGE_OUTPUT=TAP \
	prove --timer -e harness/test/lib/tap.sh
test: unit
unit: $(BUILD)/ordeal $(TESTS) build/mysql build/kafka build/rabbitmq
	$(PROVE) -j$(TEST_JOBS) $(filter $(TESTS),$(LONG)) $(if $(SAN),,$(filter-out $(ALONE),$(SCRIPTS))) \
		$(filter-out $(LONG),$(TESTS))
	$(if $(SAN),,$(PROVE) -j2 $(RUNS))
	$(if $(SAN),,$(PROVE) $(filter-out $(RUNS),$(ALONE)))

# The skeletons filled in to a system and a fault, in a copy of the tree.
check-newcomer: all
	ORDEAL=$(CURDIR)/$(BUILD)/ordeal prove --timer -v harness/test/e2e/newcomer/newcomer.t

# The unit tests with sanitizers, for races those of what has threads; whole runs take
# their time there, and are made without.
check-asan:
	@$(MAKE) SAN=address,undefined $(parallel) --no-print-directory compile
	@$(MAKE) SAN=address,undefined --no-print-directory test
check-tsan:
	@$(MAKE) SAN=thread $(parallel) --no-print-directory compile
	@$(MAKE) SAN=thread --no-print-directory test

# Every call in every way, not only the first and the last of each line of code: some
# nine minutes of a processor, four trials at once. Needs root.
check-failpoints: $(BUILD)/test/failpoints/failpoints_test
	ORDEAL_FAILPOINTS=all $<

# Needs the cluster: what is left when the driver dies with a fault on, and on
# the disk when a volume was full, and in a cluster that is somebody else's.
check-kind: all
	prove --timer -e '' harness/test/e2e/kind/undo.sh harness/test/e2e/kind/disk.sh \
	  harness/test/e2e/kind/rights.sh harness/test/e2e/kind/foreign.sh harness/test/e2e/kind/host.sh

# Needs root; starts a Docker where none runs: nothing is left of runs, whatever
# became of them.
check-docker: all
	@kind/docker-up.sh
	prove --timer -e '' harness/test/e2e/docker/clean.sh harness/test/e2e/docker/refuse.sh \
	  harness/test/e2e/docker/features.sh harness/test/e2e/docker/jobs.sh \
	  harness/test/e2e/docker/node.sh harness/test/e2e/docker/escape.sh

cluster: all
	$(BUILD)/ordeal up --engine kind
cluster-down: all
	$(BUILD)/ordeal down --engine kind

# make scenarios ENGINE=kind SCENARIOS="postgres-kill-primary redis-*" SET="ttl=20" REPEAT=6
# Without SCENARIOS: the suite for every day; SCENARIOS=all: everything.
CHOSEN := $(if $(SCENARIOS),$(if $(filter all,$(SCENARIOS)),--all,$(foreach s,$(SCENARIOS),\
	  $(or $(wildcard scenarios/$(s).yaml),scenarios/$(s).yaml))),--suite scenarios/default.suite)
scenarios: all
	@$(BUILD)/ordeal run --engine $(ENGINE) $(foreach s,$(SET),--set $(s)) \
		$(if $(REPEAT),--repeat $(REPEAT)) $(CHOSEN)

# What is looked for, what is not and why: .clang-tidy, .cppcheck/, .shellcheckrc. What
# passed once is not read again, in another clone either. cppcheck reads all at once: it
# finds what nobody calls.
TIDY := clang-tidy-14
# How many states of a function the analyzer walks. By itself it goes to 225,000, which takes
# some twenty minutes of a processor, most of it in a few functions: DEPTH=225000.
DEPTH ?= 10000
TIDIED := $(patsubst %.c,build/lint/%.tidy,$(SRCS) $(TESTSRC) $(wildcard harness/test/lib/*.c harness/test/fuzz/*.c harness/test/bench/*.c))
SHELLS := $(shell grep -rlIE '^\#!.*sh$$|^\# shellcheck shell' kind .ci harness)

ONCE  := harness/test/lib/once.sh
lint: build/lint.deps
	@$(MAKE) -k $(parallel) --no-print-directory LINT_KEY="$$({ dpkg-query -W $(DEBS_lint); \
		cat .clang-tidy harness/test/.clang-tidy .cppcheck/* .shellcheckrc; } | sha256sum)" \
		build/lint/cppcheck build/lint/shellcheck $(TIDIED)
build/lint/%.tidy: $(BUILD)/%.o .clang-tidy harness/test/.clang-tidy | build/lint.deps
	@mkdir -p $(@D)
	$(call say,TIDY,$*.c)
	$(Q)tr ' ' '\n' <$(BUILD)/$*.d | grep -v '[:\]$$' | $(ONCE) "$(LINT_KEY)" \
		$(TIDY) --quiet $*.c -- -std=c11 $(CPPFLAGS) \
		-Xclang -analyzer-config -Xclang max-nodes=$(DEPTH) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
build/lint/cppcheck: $(OBJS) $(wildcard .cppcheck/*) | build/lint.deps
	@mkdir -p $(@D)
	$(call say,LINT,cppcheck)
	$(Q)find harness -name '*.[ch]' | $(ONCE) "$(LINT_KEY)" cppcheck --quiet --std=c11 \
		--enable=warning,performance,portability,unusedFunction --error-exitcode=1 \
		--inline-suppr --library=.cppcheck/macros.xml --suppressions-list=.cppcheck/suppressions \
		-Iharness -I$(BUILD)/harness -D_GNU_SOURCE harness
	@touch $@
build/lint/shellcheck: $(SHELLS) .shellcheckrc | build/lint.deps
	@mkdir -p $(@D)
	$(call say,LINT,shellcheck)
	$(Q)printf '%s\n' $(SHELLS) | $(ONCE) "$(LINT_KEY)" shellcheck $(SHELLS)
	@touch $@

# Which lines the tests run, by folder. A process that is killed tells nothing; nor does what
# a test that failed did not run, but those after it are run all the same (-i).
coverage: build/coverage.deps
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) COV=1 $(parallel) --no-print-directory compile
	@$(MAKE) COV=1 -i --no-print-directory unit
	@lcov --quiet --capture --no-external --base-directory . --directory build/coverage/harness \
		--output-file build/coverage/lines.info
	@awk -f harness/test/lib/coverage.awk build/coverage/lines.info >build/coverage/figures
	@sort build/coverage/figures

# Beside peers that others keep: both figures and their ratio, from one run on one
# machine. Porcupine is built where there is a Go.
bench: build/bench.deps $(BENCHES:%=$(BUILD)/bench/%)
	@if command -v go >/dev/null; then cd harness/test/bench/porcupine && \
		go build -o $(CURDIR)/build/bench/porcupine .; fi
	@$(BUILD)/bench/load
	@$(BUILD)/bench/register build/bench/porcupine
	@$(BUILD)/bench/sampler
$(BUILD)/bench/%: $(BUILD)/harness/test/bench/%.o $(TESTLIB) $(BUILD)/libordeal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# libFuzzer on every parser: the same inputs for the same tree on every machine, so what it
# finds is the change's own. Comparisons are not traced, for those of addresses are never the
# same, nor how deep the stack is, which hangs on where it begins; the corpus comes by name,
# for folders list it in any order.
check-fuzz:
	@$(MAKE) $(parallel) --output-sync=target --no-print-directory $(FUZZERS:%=check-%)
$(FUZZERS:%=check-%): check-fuzz-%: build/fuzz/%
	@echo "== $*"
	@build/fuzz/$* -seed=1 -use_cmp=0 -runs=$(or $(patsubst $*=%,%,$(filter $*=%,$(FUZZ_RUNS))),500000) \
		-max_len=$(call FUZZ_LEN,$*) -timeout=60 -verbosity=0 -print_final_stats=1 -artifact_prefix=build/fuzz/$*- \
		-seed_inputs=$(subst $(space),$(comma),$(sort $(wildcard harness/test/fuzz/corpus/$*/*))) 2>&1

# The search: other inputs each time, FUZZ_SECONDS for each parser, on and on from what it
# found before. What breaks goes into harness/test/fuzz/corpus/, with its mending.
fuzz:
	@$(MAKE) $(parallel) --output-sync=target --no-print-directory $(FUZZERS)
$(FUZZERS): fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	@echo "== $*"
	@build/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -max_len=$(call FUZZ_LEN,$*) -timeout=10 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=build/fuzz/$*- build/fuzz/corpus/$* \
		harness/test/fuzz/corpus/$* 2>&1
build/fuzz/%: build/fuzz/harness/test/fuzz/entry/%.o $(FUZZOBJ)
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_SAN) -o $@ $^ $(LDLIBS)
build/fuzz/%.o: %.c | build/deps.mk build/fuzz.deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(FUZZ_CC) -std=c11 $(CPPFLAGS) -O1 -g $(FUZZ_SAN:-fsanitize=fuzzer,%=-fsanitize=fuzzer-no-link,%) \
		-fno-sanitize-coverage=stack-depth -MMD -MP -c -o $@ $<

clean:
	rm -rf build

-include $(OBJS:.o=.d) $(FUZZOBJ:.o=.d) $(TESTLIB:.o=.d) $(BENCHES:%=$(BUILD)/harness/test/bench/%.d) \
	$(TESTSRC:harness/test/%.c=$(BUILD)/harness/test/%.d) $(FAILPOINT_OBJS:.o=.d)
