/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the local APIC is driven by the rules of its two forms: x2APIC by MSRs alone, in the
 * order in which a processor allows the switch, with no access that would fault (QEMU's emulation
 * has no x2APIC, so this model is the only thing here that ever runs that code); xAPIC by its page
 * alone; and the choice between them follows the processor, the firmware and x2apic=.
 */
// SOURCES: hypervisor/cpu/apic.c
// LIBS: -include tests/unit/fake_insn.h
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/irq.h"
#include "debug/assert.h"
#include "hooks.h"

/* --- a processor's APIC, by Intel SDM volume 3, 11.12 --------------------------------------------
 */

#define X2APIC(offset) (MSR_X2APIC_FIRST + ((offset) >> 4))

/* Registers that can be read, a bit each.  Not there: DFR and the upper half of the ICR;
 * write-only: EOI and the self-IPI. */
static const uint64_t readable = 1UL << 0x02 | 1UL << 0x03 | 1UL << 0x08 | 1UL << 0x0a |
                                 1UL << 0x0d | 1UL << 0x0f | 0xffffffUL << 0x10 | 1UL << 0x28 |
                                 1UL << 0x2f | 1UL << 0x30 | 0xffUL << 0x32 | 1UL << 0x3e;

static uint64_t apic_base, icr;
static uint32_t pending_errors; /* shown in the ESR after a write */
static unsigned nr_reads[64], nr_ticks;
static irq_handler_t handlers[256];
static uint32_t reg[64]; /* by MSR number less 0x800 */
static unsigned nr_eois, nr_icrs, nr_maps;
static uint64_t deadline;
static uint32_t page[1024]; /* of the xAPIC */
static jmp_buf stopped;

struct cpu_info host_cpu_info;
struct cpu_caps cpu_caps;
struct acpi_info acpi_info;
uint32_t tsc_khz = 2000000, apic_timer_khz = 1000000;

uint64_t fake_rdmsr(uint32_t msr)
{
    if (msr == MSR_APIC_BASE)
        return apic_base;
    assert_in_range(msr, MSR_X2APIC_FIRST, MSR_X2APIC_FIRST + 63);
    assert_true(apic_base & APIC_BASE_X2APIC); /* #GP otherwise */
    assert_true(readable >> (msr - MSR_X2APIC_FIRST) & 1);
    nr_reads[msr - MSR_X2APIC_FIRST]++;
    return msr == X2APIC(0x300) ? icr : reg[msr - MSR_X2APIC_FIRST];
}

uint64_t fake_rdtsc(void)
{
    return 1000;
}

static void switch_form(uint64_t v)
{
    bool on = v & APIC_BASE_ENABLE, x2 = v & APIC_BASE_X2APIC;

    assert_false(x2 && !on);
    /* Neither straight from off to x2APIC nor back to xAPIC. */
    assert_false(x2 && !(apic_base & APIC_BASE_ENABLE));
    assert_false((apic_base & APIC_BASE_X2APIC) && !x2);
    assert_true(!x2 || cpu_caps.x2apic);
    apic_base = v;
}

static void eoi(void)
{
    nr_eois++;
    for (unsigned i = 8; i-- > 0;) {
        if (reg[0x10 + i]) {
            reg[0x10 + i] &= ~(1u << (31 - __builtin_clz(reg[0x10 + i])));
            return;
        }
    }
}

/* A one in any other bit faults. */
static void store(uint32_t msr, uint64_t v, uint32_t writable)
{
    assert_int_equal(v & ~(uint64_t)writable, 0);
    reg[msr - MSR_X2APIC_FIRST] = (uint32_t)v;
}

void fake_wrmsr(uint32_t msr, uint64_t v)
{
    if (msr == MSR_APIC_BASE) {
        switch_form(v);
        return;
    }
    if (msr == MSR_TSC_DEADLINE) {
        deadline = v;
        return;
    }
    assert_in_range(msr, MSR_X2APIC_FIRST, MSR_X2APIC_FIRST + 63);
    assert_true(apic_base & APIC_BASE_X2APIC);
    switch (msr) {
    case X2APIC(0x0b0):
        assert_int_equal(v, 0); /* anything else faults, as for the ESR */
        eoi();
        return;
    case X2APIC(0x280):
        assert_int_equal(v, 0);
        reg[0x28] = pending_errors;
        pending_errors = 0;
        return;
    case X2APIC(0x300):
        assert_int_equal(v & 0xfff33000, 0); /* reserved, delivery status among them */
        icr = v;
        nr_icrs++;
        return;
    case X2APIC(0x080): store(msr, v, 0xff); return;
    case X2APIC(0x0f0): store(msr, v, 0x13ff); return;
    case X2APIC(0x320): store(msr, v, 0x700ff); return;
    case X2APIC(0x330):
    case X2APIC(0x340): store(msr, v, 0x107ff); return;
    case X2APIC(0x350):
    case X2APIC(0x360): store(msr, v, 0x1a7ff); return;
    case X2APIC(0x370): store(msr, v, 0x100ff); return;
    case X2APIC(0x380): store(msr, v, ~0u); return;
    case X2APIC(0x3e0): store(msr, v, 0xb); return;
    default: fail_msg("write of MSR %#x faults", msr);
    }
}

void *ioremap(paddr_t p, uint64_t size)
{
    nr_maps++;
    assert_int_equal(p, 0xfee00000);
    return page;
}

/* --- what apic.c calls besides
 * -------------------------------------------------------------------- */

static char said[1000];

void printk(const char *fmt, ...)
{
    va_list args;
    size_t n = strlen(said);

    va_start(args, fmt);
    vsnprintf(said + n, sizeof(said) - n, fmt, args);
    va_end(args);
}

__noreturn void panic(const char *fmt, ...)
{
    longjmp(stopped, 1);
}

__noreturn void bug(const char *file, int line, const char *what)
{
    abort();
}

bool rate_limit_ok(struct rate_limit *state, unsigned int interval_ms, unsigned int burst)
{
    return true;
}

void irq_set_handler(uint8_t vector, irq_handler_t fn)
{
    handlers[vector] = fn;
}

void timer_interrupt(void)
{
    nr_ticks++;
}

/* --- the tests
 * ------------------------------------------------------------------------------------ */

static void power_on(bool has_x2apic, uint64_t base)
{
    memset(reg, 0, sizeof(reg));
    memset(page, 0, sizeof(page));
    said[0] = 0;
    apic_base = 0xfee00000 | APIC_BASE_BSP | base;
    cpu_caps = (struct cpu_caps){.x2apic = has_x2apic};
    acpi_info.lapic_address = 0xfee00000;
    icr = deadline = nr_eois = nr_icrs = nr_maps = 0;
    pending_errors = nr_ticks = 0;
    memset(nr_reads, 0, sizeof(nr_reads));
    reg[2] = 0x12345;
}

static bool is_x2apic(void)
{
    return apic_base & APIC_BASE_X2APIC && cpu_apic_id[0] == reg[2];
}

static void x2apic_by_msrs_alone(void **state)
{
    static const uint32_t nothing[1024];

    power_on(true, 0);
    reg[0x11] = 1 << 3 | 1 << 9; /* two interrupts left in service */
    apic_init(true);
    assert_true(is_x2apic());
    assert_int_equal(apic_base, 0xfee00000 | APIC_BASE_BSP | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    assert_int_equal(nr_maps, 0);
    assert_int_equal(nr_eois, 2);
    assert_false(apic_in_service(35));
    assert_int_equal(cpu_apic_id[0], 0x12345); /* all 32 bits */
    assert_int_equal(reg[0x0f], 0x1ff);
    assert_int_equal(reg[0x32], VECTOR_TIMER);
    assert_true(reg[0x35] & 0x10000);

    /* One write sends: the destination stands in the upper half, whole. */
    cpu_apic_id[3] = 0xabcdef;
    apic_send_ipi(3, 0xfa);
    assert_int_equal(nr_icrs, 1);
    assert_int_equal(icr, 0xabcdefUL << 32 | 0x40fa);
    apic_send_nmi(3);
    assert_int_equal(icr, 0xabcdefUL << 32 | 0x4400);
    apic_send_init(7);
    assert_int_equal(icr, 7UL << 32 | 0x4500);
    apic_send_startup(7, 0x9e);
    assert_int_equal(icr, 7UL << 32 | 0x469e);
    apic_send_self(0x55);
    assert_int_equal(icr, 0x44055);
    assert_int_equal(nr_icrs, 5);
    cpu_apic_id[0] = 0x12345;
    apic_send_ipi_mask(1 << 0 | 1 << 3, 0xf9);
    assert_int_equal(nr_icrs, 7);
    assert_int_equal(icr, 0xabcdefUL << 32 | 0x40f9);
    assert_int_equal(nr_reads[0x30], 0); /* no waiting: that bit is not there */
    apic_arm_counter_nmi();
    assert_int_equal(reg[0x34], 0x400);
    assert_memory_equal(page, nothing, sizeof(page));
}

/* The timer's two ways: a count of the bus clock, which never is 0, or a value of the TSC. */
static void x2apic_timer(void **state)
{
    power_on(true, 0);
    apic_init(true);
    apic_timer_arm(1000 + 2000000); /* two ticks of the TSC for one of the bus */
    assert_int_equal(reg[0x38], 1000001);
    apic_timer_arm(900); /* over already */
    assert_int_equal(reg[0x38], 1);
    apic_timer_arm(~0UL);
    assert_int_equal(reg[0x38], 0xffffffff);
    apic_timer_stop();
    assert_int_equal(reg[0x38], 0);
    assert_int_equal(deadline, 0);
    apic_timer_count_start(); /* to measure the bus clock: no interrupt meanwhile */
    assert_int_equal(reg[0x32], 0x10000 | VECTOR_TIMER);
    assert_int_equal(reg[0x38], 0xffffffff);
    reg[0x39] = 0xfffff000;
    assert_int_equal(apic_timer_count(), 0xfffff000);
    apic_timer_count_stop();
    assert_int_equal(reg[0x38], 0);
    assert_int_equal(reg[0x32], VECTOR_TIMER);

    power_on(true, 0);
    cpu_caps.tsc_deadline = cpu_caps.tsc_invariant = true;
    apic_init(true);
    assert_int_equal(reg[0x32], 0x40000 | VECTOR_TIMER);
    apic_timer_arm(123456);
    assert_int_equal(deadline, 123456);
    apic_timer_arm(0); /* which would be "none" */
    assert_int_equal(deadline, 1);
    apic_timer_stop();
    assert_int_equal(deadline, 0);
    assert_int_equal(reg[0x38], 0);
    apic_timer_count_start();
    apic_timer_count_stop();
    assert_int_equal(reg[0x32], 0x40000 | VECTOR_TIMER);
}

/* What the APIC sends us itself is acknowledged once each, a spurious interrupt never; an error is
 * latched, read and said. */
static void x2apic_handlers(void **state)
{
    power_on(true, 0);
    apic_init(true);
    nr_eois = 0;
    handlers[VECTOR_TIMER](VECTOR_TIMER);
    assert_int_equal(nr_eois, 1);
    assert_int_equal(nr_ticks, 1);
    handlers[VECTOR_SPURIOUS](VECTOR_SPURIOUS);
    assert_int_equal(nr_eois, 1);
    pending_errors = 0x40;
    handlers[VECTOR_APIC_ERROR](VECTOR_APIC_ERROR);
    assert_int_equal(nr_eois, 2);
    assert_non_null(strstr(said, "APIC error 0x40"));
    assert_int_equal(reg[0x37], VECTOR_APIC_ERROR);
}

static void xapic_by_its_page_alone(void **state)
{
    power_on(false, APIC_BASE_ENABLE);
    page[0x020 / 4] = 5u << 24;
    apic_init(true);
    assert_false(is_x2apic());
    assert_int_equal(nr_maps, 1);
    assert_int_equal(apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC), APIC_BASE_ENABLE);
    assert_int_equal(cpu_apic_id[0], 5);
    assert_int_equal(page[0x0f0 / 4], 0x1ff);
    cpu_apic_id[3] = 9;
    apic_send_ipi(3, 0xfa);
    assert_int_equal(page[0x310 / 4], 9u << 24);
    assert_int_equal(page[0x300 / 4], 0x40fa);
    assert_int_equal(nr_icrs, 0);
}

static void who_chooses(void **state)
{
    power_on(true, APIC_BASE_ENABLE); /* the option */
    apic_init(false);
    assert_false(is_x2apic());
    power_on(true, APIC_BASE_ENABLE |
                       APIC_BASE_X2APIC); /* the firmware counts for more, and this is said */
    apic_init(false);
    assert_true(is_x2apic());
    assert_non_null(strstr(said, "no effect"));
    power_on(false, APIC_BASE_ENABLE | APIC_BASE_X2APIC); /* no processor is like this */
    if (!setjmp(stopped)) {
        apic_init(true);
        fail_msg("an x2APIC that CPUID denies is accepted");
    }
}

/* Another processor, which firmware may have left in either form, ends in the first one's. */
static void every_cpu_alike(void **state)
{
    power_on(true, 0);
    apic_init(true);
    assert_int_equal(reg[0x36], 0x400); /* the board's NMI comes here ... */
    power_on(true, APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    host_cpu_info.cpu = 1;
    apic_init_cpu();
    assert_true(apic_base & APIC_BASE_X2APIC);
    assert_int_equal(reg[0x36], 0x10400); /* ... and only here */
    power_on(true, APIC_BASE_ENABLE);
    apic_init_cpu();
    assert_true(apic_base & APIC_BASE_X2APIC);
}

/* A message carries 8 bits of destination, of which all ones mean everybody. */
static void ids_for_devices(void **state)
{
    assert_true(apic_id_usable(0) && apic_id_usable(254));
    assert_false(apic_id_usable(255) || apic_id_usable(256) || apic_id_usable(0x10001));
    cpu_apic_id[2] = 254;
    assert_int_equal(apic_msi_address(2), 0xfeefe000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x2apic_by_msrs_alone), cmocka_unit_test(xapic_by_its_page_alone),
        cmocka_unit_test(who_chooses),          cmocka_unit_test(every_cpu_alike),
        cmocka_unit_test(ids_for_devices),      cmocka_unit_test(x2apic_timer),
        cmocka_unit_test(x2apic_handlers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
