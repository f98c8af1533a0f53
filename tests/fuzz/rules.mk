# Fuzzers on the host: every tests/fuzz/fuzz_<x>.c becomes build/fuzz/<x>, by clang with libFuzzer and the
# address and undefined-behaviour sanitizers.  It names the files that it compiles as a unit test does
# (SOURCES, LIBS), further options (FLAGS), and with MODEL a unit test that it includes, whose SOURCES it needs.
FUZZ_CC := clang-14
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CFLAGS := -std=gnu11 -O1 -g $(WARN) -Wno-missing-prototypes -Wno-unused-function -Wno-unused-variable \
        -fno-strict-aliasing -fwrapv -DPAVIS_HOST_TEST -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all \
        -fsanitize-coverage-ignorelist=tests/fuzz/uncounted -Itests/fuzz -Ihypervisor -Itests/unit

fuzz_says = $(shell f=tests/fuzz/fuzz_$(2).c; sed -n 's,^// $(1):,,p' $$f $$(sed -n 's,^// MODEL:,,p' $$f))

.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS:%=$B/fuzz/%)

.SECONDEXPANSION:
$B/fuzz/%: tests/fuzz/fuzz_%.c $$(call fuzz_says,SOURCES,$$*) $(wildcard tests/fuzz/*.h tests/unit/fake_*.h) \
        $$(call fuzz_says,MODEL,$$*) $(HV_H)
	@mkdir -p $(@D)
	@echo "  FUZZER  $@"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(call fuzz_says,FLAGS,$*) $(filter-out tests/unit/%,$(filter %.c,$^)) -o $@ \
	    $(call fuzz_says,LIBS,$*)

RUNS ?= 100000
fuzz: $(if $F,$B/fuzz/$F,fuzzers) ## Fuzz on the host: F=one of tests/fuzz (all), RUNS=executions of each (100000)
	@for f in $(if $F,$F,$(FUZZERS)); do tests/fuzz/run.sh $$f $(RUNS) || exit 1; done
