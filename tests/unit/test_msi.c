/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the memory of a PCI function is never switched on while a guest could write its MSI-X
 * table (I9), whoever switches it on, wherever the table lies, and whichever allocation fails; and
 * the pages of a function that has left are free again, unless another one's table is there too.
 */
// SOURCES: hypervisor/domain/msi.c hypervisor/mem/rangeset.c hypervisor/pv/ports.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/pci.h"
#include "cpu/rtc.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/msi.h"
#include "lib/errno.h"
#include "mem/heap.h"
#include "mem/map.h"
#include "mem/pte.h"
#include "mem/rangeset.h"
#include "pv/emulate.h"

/* --- two functions of bus 3 with an MSI-X table of 512 entries (two pages) in BAR 2 --------------
 */

#define BUS     3
#define CAP     0x50
#define ENTRIES 512
#define BAR2    0x18
#define OFFSET  0x1000 /* of the table in its BAR */

static uint8_t config[2][256];
static bool all_protected = true; /* what the claim is about, looked at after each write */
static char said[300];

struct rangeset *mem_io_read_only;

static uint32_t get(unsigned fn, unsigned at, unsigned size)
{
    uint32_t v = 0;

    memcpy(&v, config[fn] + at, size);
    return v;
}

static void put(unsigned fn, unsigned at, unsigned size, uint32_t v)
{
    memcpy(config[fn] + at, &v, size);
}

static bool memory_is_on(unsigned fn)
{
    return config[fn][PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

static uint64_t table_frame(unsigned fn)
{
    return (get(fn, BAR2, 4) + OFFSET) >> PAGE_SHIFT;
}

static bool is_protected(unsigned fn)
{
    return rangeset_contains_range(mem_io_read_only, table_frame(fn), table_frame(fn) + 1);
}

uint32_t pci_cf8_read(uint32_t address, unsigned offset, unsigned size)
{
    unsigned fn = address >> 8 & 0xff;

    return (address >> 16 & 0xff) == BUS && fn < 2 ? get(fn, (address & 0xfc) + offset, size)
                                                   : ~0u >> (32 - size * 8);
}

void pci_cf8_write(uint32_t address, unsigned offset, unsigned size, uint32_t val)
{
    unsigned fn = address >> 8 & 0xff;

    assert_true((address >> 16 & 0xff) == BUS && fn < 2);
    put(fn, (address & 0xfc) + offset, size, val);
    if (memory_is_on(fn) && get(fn, BAR2, 4) && !is_protected(fn))
        all_protected = false;
}

static void plug(unsigned fn, uint32_t bar)
{
    memset(config[fn], 0, sizeof(config[fn]));
    put(fn, 0, 4, 0x12345678);
    put(fn, 6, 2, 0x10); /* there are capabilities */
    put(fn, 0x34, 1, CAP);
    put(fn, CAP, 1, 0x11);
    put(fn, CAP + 2, 2, ENTRIES - 1);
    put(fn, CAP + 4, 4, OFFSET | 2); /* in BAR 2 */
    put(fn, BAR2, 4, bar);
}

/* --- what the two files call besides -------------------------------------------------------------
 */

static unsigned fail_at; /* the how manieth allocation from now on */
static unsigned nr_maps;
static uint8_t table[3 * PAGE_SIZE];

void *hv_zalloc(size_t size)
{
    return fail_at && --fail_at == 0 ? NULL : calloc(1, size);
}

void hv_free(void *p)
{
    free(p);
}

void *ioremap(paddr_t p, uint64_t size)
{
    nr_maps++;
    return fail_at && --fail_at == 0 ? NULL : table;
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
}

int64_t guest_refused(int64_t error, const char *why, const char *file, int line)
{
    return error;
}

uint64_t apic_msi_address(unsigned int cpu)
{
    return 0xfee00000;
}

uint32_t apic_msi_data(uint8_t vector)
{
    return vector;
}

uint8_t rtc_cmos_read(uint8_t index)
{
    return 0;
}

void rtc_cmos_write(uint8_t index, uint8_t val)
{
}

/* --- the tests -----------------------------------------------------------------------------------
 */

static struct domain domain0 = {.is_control = true};

/* As dom0's kernel writes a register, by the two ports. */
static void config_write(unsigned fn, unsigned at, unsigned size, uint32_t val)
{
    pv_port_out(&domain0, 0xcf8, 4, 1u << 31 | BUS << 16 | fn << 8 | (at & 0xfc));
    pv_port_out(&domain0, 0xcfc + (at & 3), size, val);
}

static int setup(void **state)
{
    static struct rangeset *only;

    /* Areas of earlier tests are remembered, as in life; what they protect is not. */
    fail_at = 0;
    rangeset_free(only);
    mem_io_read_only = only = rangeset_new();
    all_protected = true;
    said[0] = 0;
    return !only;
}

static void memory_on_by_dom0(void **state)
{
    static const unsigned sizes[] = {1, 2, 4};

    for (unsigned i = 0; i < 3; i++) {
        plug(0, 0xe0000000 + i * 0x10000);
        config_write(0, PCI_COMMAND, sizes[i], PCI_COMMAND_MEMORY | 4);
        assert_true(memory_is_on(0) && is_protected(0) && all_protected);
        assert_int_equal(config[0][PCI_COMMAND], PCI_COMMAND_MEMORY | 4);
        assert_false(rangeset_contains(mem_io_read_only, table_frame(0) - 1));
        assert_false(rangeset_contains(mem_io_read_only, table_frame(0) + 2));
        config_write(0, PCI_COMMAND, sizes[i], 0);
        assert_int_equal(msi_forget_table(BUS, 0), 0);
        assert_false(rangeset_contains(mem_io_read_only, table_frame(0)));
    }
}

static void a_function_that_was_on(void **state)
{
    plug(0, 0xe1000000);
    put(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | 4); /* by the firmware */
    assert_int_equal(msi_protect_table(BUS, 0), 0);
    assert_true(memory_is_on(0) && is_protected(0));
    assert_string_equal(said, "");
    assert_int_equal(msi_forget_table(BUS, 0), 0);
}

/* Every allocation fails once, on either way: then the memory is off, which is said, and comes with
 * the next attempt. */
static void no_memory(void **state)
{
    for (unsigned way = 0; way < 2; way++) {
        unsigned failures = 0;
        int rc;

        for (unsigned n = 1;; n++) {
            /* Always a new place, so that nothing is there from before. */
            plug(0, 0xe2000000 + (way * 16 + n) * 0x10000);
            assert_int_equal(setup(state), 0);
            fail_at = n;
            if (way == 0) {
                config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | 4);
            } else {
                put(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | 4);
                rc = msi_protect_table(BUS, 0);
                assert_int_equal(rc, fail_at ? 0 : -ENOMEM);
            }
            assert_true(all_protected);
            assert_int_equal(memory_is_on(0), is_protected(0));
            assert_true(config[0][PCI_COMMAND] & 4); /* nothing else is touched */
            if (fail_at)
                break; /* fewer allocations than n: it went well */
            failures++;
            assert_false(memory_is_on(0));
            assert_non_null(strstr(said, "03:00.0"));
            config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | 4);
            assert_true(memory_is_on(0) && is_protected(0) && all_protected);
            assert_int_equal(msi_forget_table(BUS, 0), 0);
        }
        assert_true(failures >= 3); /* the record, its mapping, the range */
        assert_true(memory_is_on(0) && is_protected(0));
        assert_int_equal(msi_forget_table(BUS, 0), 0);
    }
}

/* A table that moves takes its protection along; one whose entry is in use may not move. */
static void a_table_that_moves(void **state)
{
    struct msi_source m;
    uint64_t before;

    plug(0, 0xe4000000);
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    before = table_frame(0);
    config_write(0, PCI_COMMAND, 2, 0);
    config_write(0, BAR2, 4, 0xe4100000);
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_true(memory_is_on(0) && is_protected(0) && all_protected);
    assert_false(rangeset_contains(mem_io_read_only, before));

    assert_int_equal(msi_open(&m, BUS, 0, ENTRIES, 0xe4100000), -EINVAL);
    assert_int_equal(msi_open(&m, BUS, 0, 5, 0xe4000000), -EINVAL); /* not where it is */
    assert_int_equal(msi_open(&m, BUS, 0, 5, 0xe4100000), 0);
    assert_ptr_equal(m.table, table + 5 * 16);
    assert_int_equal(msi_forget_table(BUS, 0), -EBUSY);
    before = table_frame(0);
    config_write(0, PCI_COMMAND, 2, 0);
    config_write(0, BAR2, 4, 0xe4200000);
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_false(memory_is_on(0));
    assert_true(all_protected);
    assert_true(rangeset_contains(mem_io_read_only, before));
    msi_close(&m);
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_true(memory_is_on(0) && is_protected(0) && all_protected);
    assert_int_equal(msi_forget_table(BUS, 0), 0);
}

/* Small BARs: two tables overlap in a page, which stays protected until both have left. */
static void two_tables_in_a_page(void **state)
{
    plug(0, 0xe5000000);
    plug(1, 0xe5001000);
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    config_write(1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_true(all_protected);
    assert_int_equal(msi_forget_table(BUS, 0), 0);
    assert_true(is_protected(1));
    assert_false(rangeset_contains(mem_io_read_only, table_frame(0)));
    assert_int_equal(msi_forget_table(BUS, 1), 0);
    assert_false(rangeset_contains_range(mem_io_read_only, table_frame(1), table_frame(1)));
}

/* What is no function with a placed table in a memory BAR is left alone. */
static void nothing_to_protect(void **state)
{
    plug(0, 0);
    nr_maps = 0;
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    plug(0, 0xc001); /* ports */
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    plug(0, 0xe6000000);
    put(0, CAP, 1, 0x10); /* another capability, the last */
    config_write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_true(memory_is_on(0));
    put(0, CAP + 1, 1, CAP); /* a chain that is a circle */
    assert_int_equal(msi_protect_table(BUS, 0), 0);
    assert_int_equal(msi_protect_table(BUS, 9), 0); /* an empty slot */
    plug(0, 0xe6000000);
    config_write(0, PCI_COMMAND, 2, 4); /* not its memory */
    assert_int_equal(nr_maps, 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, setup)
    const struct CMUnitTest tests[] = {
        T(memory_on_by_dom0),  T(a_function_that_was_on), T(no_memory),
        T(a_table_that_moves), T(two_tables_in_a_page),   T(nothing_to_protect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
