# Pavis: one Makefile for everything.  `make help` lists the verbs.
#
# Sources are found by wildcard, so a new file needs no line here.  The hypervisor is every
# hypervisor/*/*.c and *.S; a unit test is every tests/unit/test_*.c, which names the pure
# hypervisor files it compiles in comment lines of the form
#     // SOURCES: hypervisor/mem/page_type.c hypervisor/lib/format.c
# and host libraries beside cmocka as
#     // LIBS: -llzma

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
B := build
CC := gcc
OBJCOPY := objcopy
LD := ld
NM := nm

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wundef -Wvla -Wno-unused-parameter -Wdeclaration-after-statement -Wno-declaration-after-statement
HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-builtin-printf -fpie -fvisibility=hidden \
        -mcmodel=small -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-common \
        -fno-asynchronous-unwind-tables -fno-strict-aliasing -fwrapv -fcf-protection=none \
        -fno-jump-tables -ftrivial-auto-var-init=zero -ffunction-sections -Ihypervisor -MMD -MP
HV_ASFLAGS := -D__ASSEMBLY__ -g -Ihypervisor -MMD -MP -Wa,--noexecstack

HV_C := $(sort $(wildcard hypervisor/*/*.c))
HV_S := $(sort $(wildcard hypervisor/*/*.S))
HV_S := $(filter-out %.lds.S,$(HV_S))
HV_OBJ := $(HV_C:%.c=$B/%.o) $(HV_S:%.S=$B/%.S.o)

.PHONY: all help clean
all: hypervisor

$B/hypervisor/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(HV_CFLAGS) -c $< -o $@

$B/hypervisor/%.S.o: hypervisor/%.S
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(CC) $(HV_ASFLAGS) -c $< -o $@

include hypervisor/link.mk

# --- host unit tests ---------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_CFLAGS := -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -fwrapv -DPAVIS_HOST_TEST \
        -fsanitize=address,undefined -fno-sanitize-recover=all -Ihypervisor -Itests/unit

.PHONY: unit
unit: $(UNIT:%=$B/unit/%)
.SECONDEXPANSION:
$B/unit/test_%: tests/unit/test_%.c $$(call unit_sources,tests/unit/test_$$*.c) \
                $(wildcard hypervisor/*/*.h tests/unit/*.h)
	@mkdir -p $(@D)
	@echo "  UNIT    $@"
	@$(CC) $(UNIT_CFLAGS) $(filter %.c,$^) -o $@ -lcmocka $(shell sed -n 's,^// LIBS:,,p' $<)

include tests/boot/rules.mk

include tests/abi/rules.mk
include tests/guests/rules.mk

clean:
	rm -rf $B

-include $(HV_OBJ:.o=.d)
-include tests/abi/rules.mk
