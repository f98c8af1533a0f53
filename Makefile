# Pavis: one Makefile for everything.  `make help` lists the verbs.
#
# Sources are found by wildcard, so a new file needs no line here.  The hypervisor is every
# hypervisor/*/*.c and *.S.  Folders with rules of their own put them in tests/*/rules.mk or
# hypervisor/*/libs.mk, included below.  A unit test is every tests/unit/test_*.c, which names the pure
# hypervisor files it compiles in comment lines of the form
#     // SOURCES: hypervisor/mem/page_type.c hypervisor/lib/format.c
# and host libraries beside cmocka as
#     // LIBS: -llzma
#
# A verb is documented by the two hashes behind its target's name; `make help` prints those lines.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
# DEBUG=1 builds a flavour in a folder of its own that checks itself more: locks (debug/locks.c).
FLAVOUR := $(if $(filter 1,$(DEBUG)),debug)
B := build$(FLAVOUR:%=/%)
CC := gcc
LD := ld
OBJCOPY := objcopy
NM := nm
# How many things at once where a verb starts make again.
JOBS ?= 2

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wundef -Wvla -Wno-unused-parameter -Wno-declaration-after-statement
HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-builtin-printf -fpie -fvisibility=hidden \
        -mcmodel=small -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-common \
        -fno-asynchronous-unwind-tables -fno-strict-aliasing -fwrapv -fcf-protection=none \
        -fno-jump-tables -ftrivial-auto-var-init=zero -ffunction-sections -Ihypervisor -MMD -MP
HV_ASFLAGS := -D__ASSEMBLY__ -g -Ihypervisor -MMD -MP -Wa,--noexecstack
ifeq ($(FLAVOUR),debug)
HV_CFLAGS += -DPAVIS_LOCK_CHECK
HV_ASFLAGS += -DPAVIS_LOCK_CHECK
endif

HV_C := $(sort $(wildcard hypervisor/*/*.c))
HV_S := $(filter-out %.lds.S,$(sort $(wildcard hypervisor/*/*.S)))
HV_H := $(sort $(wildcard hypervisor/*.h hypervisor/*/*.h hypervisor/*/*/*.h))
HV_OBJ := $(HV_C:%.c=$B/%.o) $(HV_S:%.S=$B/%.S.o)

.PHONY: help all deps dom0 run debug test test-long unit lint lint-sample lint-scripts format format-check layers \
        headers unused size install clean

all: hypervisor ## Build the hypervisor: build/pavis-hv, .gz and -syms (the default); prints its size
	@scripts/size hypervisor

help: ## This list
	@echo "Verbs:"
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort -u | \
	    awk -F'\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'
	@echo "Knobs of run:  CPUS=1 MEM=2048 (MiB) MACHINE=pc|q35 CPU=max ACCEL=tcg|kvm (tcg unless KVM works)"
	@echo "               BATCH=1 (unattended, ends with a status)  XEN=1 (Debian's Xen instead of Pavis)"
	@echo "               TOOLS=ours|debian (whose xenstored, xenconsoled and so on; ours)"
	@echo "               HVARGS='hypervisor options' KERNELARGS='dom0 kernel options'"
	@echo "               IMAGE=1 FIRMWARE=bios|uefi (a full Debian, by GRUB, from the disk of make image)"
	@echo "Knobs of test: T=part-of-a-name  XEN=1  TIME_FACTOR=2 (longer timeouts)"
	@echo "Everywhere:    PAVIS_CACHE=folder (~/.cache/pavis): downloads and dom0's file system"

$B/hypervisor/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(HV_CFLAGS) -c $< -o $@

$B/hypervisor/%.S.o: hypervisor/%.S
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(CC) $(HV_ASFLAGS) -c $< -o $@

include $(wildcard hypervisor/*/libs.mk)
include hypervisor/link.mk
include xenbus/rules.mk
include dom0-tools/rules.mk
include blkback/rules.mk
include netback/rules.mk
include $(wildcard tests/*/rules.mk)
include docs/rules.mk

# --- host unit tests ---------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_CFLAGS := -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -fwrapv -DPAVIS_HOST_TEST \
        -fsanitize=address,undefined -fno-sanitize-recover=all -Ihypervisor -Itests/unit

unit: $(UNIT:%=$B/unit/%) ## Build the host unit tests (build/unit/test_*; run them with make test T=unit)

# Each test says its sources and options in its first lines.  A source that several tests have with the same options of
# the compiler is compiled once: build/unit.mk, made by awk, says which objects each test is linked from.
-include $B/unit.mk
$B/unit.mk: $(UNIT:%=tests/unit/%.c) tests/unit/unit.awk
	@mkdir -p $(@D)
	@awk -v B=$B -f tests/unit/unit.awk $(filter %.c,$^) >$@

$(UNIT:%=$B/unit/%):
	@echo "  UNIT    $@"
	@$(CC) $(UNIT_CFLAGS) $^ -o $@ -lcmocka $(LIBS)
$B/unit/obj/%.o: $(HV_H) $(USER_H) $(wildcard tests/unit/*.h)
	@mkdir -p $(@D)
	@$(CC) $(UNIT_CFLAGS) $(OPTIONS) -c $(SOURCE) -o $@

# Rules of the folders included above, for `make help`.
guests: ## Build the tiny PV kernels (build/guests/*.elf)
inject: ## Build the hypervisor in which allocations fail on demand (build/pavis-hv-inject)
abi-check: ## Compare hypervisor/abi/ with Debian's libxen-dev
bench: ## Instructions per operation: native, Xen, Pavis side by side, and the goals (BENCH='-k xen,pavis null_syscall')
bench-io: ## Instructions per byte of dom0's disks and network cards: native, Xen, Pavis (BENCH='-k xen,pavis')
bench-net: ## Instructions per byte of a guest's network: Xen, Pavis with Xen's back end, with netback; and the goals
bench-store: ## Instructions per request of the store's daemon, ours and Debian's
bench-create: ## Instructions for creating a paused guest, ours and xl's, and the goals
bench-stretch: ## The longest stretch without a look at pending work, for each hypercall (BENCH=-f: tiny kernels only)
bench-profile: ## Where the hypervisor's instructions go in each of these operations
mutants: ## Take each check out of the hypervisor in turn: its test must fail (M=part-of-a-name)
mutants-check: ## Fail if a mutant does not apply any more, or names a test that does not exist
unpack-check: ## Let the hypervisor's decompressors, linked as in the image, unpack Debian's kernels

# --- running and testing ------------------------------------------------------------------------
deps: ## Install the Debian packages that building, running and testing need
	@scripts/deps test

dom0: ## Fetch Debian's packages and build dom0's file system and the guests'; prints where it is
	@scripts/deps run
	@scripts/dom0-image

# The disk is a copy of a cached one with the hypervisor and programs of today: seconds, but for the first time.
IMAGE_PARTS := scripts/disk-image scripts/guest-image scripts/lib-apt.sh scripts/packages $(shell find scripts/disk -type f)
IMAGE_PROGRAMS := $(addprefix $B/root/usr/,$(addprefix sbin/,pavis xenstored xenconsoled blkback netback) lib/pavis/pavis-init)
.PHONY: image
image: $B/pavis.img ## Make build/pavis.img: a full Debian dom0 with GRUB for BIOS and UEFI, for QEMU or a PC's disk
$B/pavis.img: $B/pavis-hv.gz $(IMAGE_PROGRAMS) $(IMAGE_PARTS) | user
	@scripts/deps image
	@scripts/disk-image $B/pavis-hv.gz $B/root $@

# XEN=1 does without our hypervisor, TOOLS=debian without our programs: so each works when they do not build.
RUN_PARTS := $(strip $(if $(filter 1,$(XEN)),,hypervisor) $(if $(filter debian,$(TOOLS)),,user))
run: ## Boot Debian as dom0 in QEMU, let it host guests, print a report, leave a prompt
	@scripts/deps run
	@[ -z "$(RUN_PARTS)" ] || $(MAKE) --no-print-directory -j$(JOBS) $(RUN_PARTS)
	@[ "$(IMAGE)" != 1 ] || $(MAKE) --no-print-directory image
	@IMAGE="$(IMAGE)" FIRMWARE="$(FIRMWARE)" CPUS="$(CPUS)" MEM="$(MEM)" MACHINE="$(MACHINE)" CPU="$(CPU)" ACCEL="$(ACCEL)" BATCH="$(BATCH)" \
	    XEN="$(XEN)" TOOLS="$(TOOLS)" HVARGS="$(HVARGS)" KERNELARGS="$(KERNELARGS)" scripts/run

.PHONY: user
user: xenbus libxenstore xenstore-tools dom0-tools blkback netback ## Build the programs of dom0: build/root

debug: hypervisor ## Boot dom0 stopped in QEMU, with gdb attached and its commands loaded (K=kernel: a tiny one)
	@CPUS="$(CPUS)" MEM="$(MEM)" MACHINE="$(MACHINE)" CPU="$(CPU)" HVARGS="$(HVARGS)" \
	    KERNELARGS="$(KERNELARGS)" scripts/debug $(K)

# What `make test` executes has to be there first.  -k: a part that does not build must not hide the
# results of the others; the runner then fails for what is missing.
TEST_PARTS := all unit dom0-tools fuzzers $(if $(wildcard tests/guests/rules.mk),guests inject)
.PHONY: test-parts
test-parts:
	@scripts/deps test
	@scripts/dom0-image >/dev/null
	@$(MAKE) --no-print-directory -k -j$(JOBS) $(TEST_PARTS) && \
	    $(MAKE) --no-print-directory -j$(JOBS) DEBUG=1 hypervisor inject || \
	    { rm -f $B/pavis-hv; echo "The build failed; the tests go on without the hypervisor."; }

test: test-parts ## Run all tests but the long ones, or those that match T=
	@tests/run $(T)

test-long: test-parts ## Run all tests, the long ones too (stress for minutes)
	@tests/run --long $(T)

# --- what the source must satisfy -----------------------------------------------------------------
PRODUCT := hypervisor xenbus blkback netback dom0-tools
C_FILES = $(shell find $(PRODUCT) tests -name '*.[ch]')
PRODUCT_C := $(sort $(shell find $(PRODUCT) -name '*.c'))

lint: $(PRODUCT_C:%=$B/lint/%.tidy) $B/lint/cppcheck ## Static analysis: clang-tidy and cppcheck find nothing

# Following every path of every function takes nine tenths of the time, so `make test` lets it be done on
# a tenth of the files, others each day.
SAMPLE_C = $(shell printf '%s\n' $(PRODUCT_C) | awk -v day="$$(date +%j)" 'NR % 10 == day % 10')
lint-sample: $(PRODUCT_C:%=$B/lint/%.quick) $(SAMPLE_C:%=$B/lint/%.tidy) $B/lint/cppcheck

# clang does not know -ftrivial-auto-var-init=zero without a second option, and makes no dependencies here.
TIDY_CFLAGS := $(filter-out -MMD -MP -Werror -ftrivial-auto-var-init=zero,$(HV_CFLAGS))
define tidy
	@mkdir -p $(@D)
	@echo "  TIDY    $<"
	@clang-tidy --quiet --warnings-as-errors='*' $1 $< -- $(TIDY_CFLAGS) >$@.log 2>&1 || \
	    { cat $@.log; exit 1; }
	@touch $@
endef
$B/lint/%.tidy: % .clang-tidy $(HV_H)
	$(call tidy)
$B/lint/%.quick: % .clang-tidy $(HV_H)
	$(call tidy,--checks=-clang-analyzer-*)

$B/lint/cppcheck: $(PRODUCT_C) $(HV_H) scripts/cppcheck-exceptions
	@mkdir -p $(@D)
	@echo "  CPPCHECK"
	@cppcheck --quiet --error-exitcode=1 --std=c11 --platform=unix64 -j$(JOBS) \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=scripts/cppcheck-exceptions -D__x86_64__ -Ihypervisor -I. -Ixenbus -Idom0-tools $(PRODUCT_C)
	@touch $@

lint-scripts: ## shellcheck over every shell script, Python's own compiler over the rest
	@scripts/lint-scripts

format: ## Lay out all C files with clang-format
	@clang-format -i $(C_FILES)

format-check: ## Fail if `make format` would change anything
	@clang-format --dry-run --Werror $(C_FILES) 2>&1 | grep -E 'error:' | cut -d: -f1 | sort | uniq -c | \
	    awk '{ print $$2 ": " $$1 " lines"; bad = 1 } END { if (bad) print "make format would mend that"; exit bad }'

layers: ## Fail if a hypervisor file includes from a layer above its own
	@scripts/check-layers

headers: ## Fail if a header does not compile alone
	@scripts/check-headers $(CC) -D_GNU_SOURCE $(filter-out -MMD -MP,$(HV_CFLAGS)) -I. -Ixenbus -Idom0-tools

unused: $(HV_SYMS) ## Fail if no code and no test uses a global function of the hypervisor
	@scripts/check-unused $(HV_SYMS) $(HV_LINK) $(UNPACK_PARTS)

size: ## Lines of code (no comments, no blanks) per folder, and the longest files and functions
	@scripts/size

# --- installing and cleaning ------------------------------------------------------------------------
install: all ## Install the hypervisor under $(DESTDIR)/boot, where GRUB's own scripts find it
	install -D -m 644 $B/pavis-hv.gz $(DESTDIR)/boot/xen-pavis.gz
	install -D -m 644 $B/pavis-hv-syms $(DESTDIR)/usr/lib/debug/boot/xen-pavis-syms

clean: ## Remove everything built (not the cache of downloads)
	rm -rf $B

-include $(HV_OBJ:.o=.d)
