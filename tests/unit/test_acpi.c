/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the ACPI tables that the hypervisor reads are understood, and no table, however it is cut
 * or damaged, makes the reader look outside it or loop.
 */
// SOURCES: hypervisor/cpu/acpi_parse.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/acpi_parse.h"

#define ROUNDS 200000

static void seal(uint8_t *t, uint32_t size, const char *signature)
{
    uint8_t sum = 0;

    memcpy(t, signature, 4);
    memcpy(t + 4, &size, 4);
    t[9] = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + t[i]);
    t[9] = (uint8_t)-sum;
}

/* QEMU's: two processors, one IO-APIC, IRQ 0 on GSI 2, IRQ 9 level. */
static const uint8_t madt_entries[] = {
    0, 8,  0,    0,   1, 0, 0,    0,                               /* processor 0 */
    0, 8,  1,    1,   1, 0, 0,    0,                               /* processor 1 */
    0, 8,  2,    255, 1, 0, 0,    0,                               /* no processor */
    9, 16, 0,    0,   0, 1, 0,    0,    1,    0, 0, 0, 7, 0, 0, 0, /* x2APIC 256 */
    9, 16, 0,    0,   1, 1, 0,    0,    0,    0, 0, 0, 8, 0, 0, 0, /* x2APIC 257, disabled */
    1, 12, 5,    0,   0, 0, 0xc0, 0xfe, 0,    0, 0, 0,             /* IO-APIC 5 at 0xfec00000 */
    2, 10, 0,    0,   2, 0, 0,    0,    0,    0,                   /* IRQ 0: GSI 2 */
    2, 10, 0,    9,   9, 0, 0,    0,    0x0f, 0,                   /* IRQ 9: level, low */
    4, 6,  0xff, 0,   0, 1,                                        /* NMI, not used */
};

static uint32_t make_madt(uint8_t *t)
{
    uint32_t size = 44 + sizeof(madt_entries);

    memset(t, 0, 44);
    memcpy(t + 36, "\x00\x00\xe0\xfe\x01\x00\x00\x00", 8);
    memcpy(t + 44, madt_entries, sizeof(madt_entries));
    seal(t, size, "APIC");
    return size;
}

static void madt_is_understood(void **state)
{
    uint8_t t[256];
    uint32_t size = make_madt(t);
    struct acpi_info i = {0};

    assert_true(acpi_table_ok(t, size, "APIC"));
    assert_false(acpi_table_ok(t, size, "FACP"));
    assert_false(acpi_table_ok(t, size - 1, "APIC"));
    assert_null(acpi_parse_madt(t, size, &i));
    assert_int_equal(i.lapic_address, 0xfee00000);
    assert_true(i.has_8259);
    assert_int_equal(i.nr_cpus, 3);
    assert_int_equal(i.cpu[1].apic_id, 1);
    assert_int_equal(i.cpu[2].apic_id, 256);
    assert_int_equal(i.cpu[2].acpi_id, 7);
    assert_int_equal(i.nr_ioapics, 1);
    assert_int_equal(i.ioapic[0].address, 0xfec00000);
    assert_int_equal(i.nr_overrides, 2);
    assert_int_equal(i.override[0].gsi, 2);
    assert_false(i.override[0].level);
    assert_true(i.override[1].level && i.override[1].active_low);
}

static void fadt_old_and_new(void **state)
{
    uint8_t t[268] = {0};
    struct acpi_info i = {0};

    memcpy(t + 46, "\x09\x00", 2);
    memcpy(t + 64, "\x04\x06\x00\x00", 4);
    memcpy(t + 76, "\x08\x06\x00\x00", 4);
    t[89] = 2;
    t[91] = 4;
    t[113] = 4; /* flags bit 10: reset register */
    t[116] = 1;
    memcpy(t + 120, "\xf9\x0c", 2);
    t[128] = 0x0f;
    assert_null(acpi_parse_fadt(t, 116, &i));
    assert_int_equal(i.pm_timer_port, 0x608);
    assert_int_equal(i.pm1a_control.address, 0x604);
    assert_int_equal(i.sci_irq, 9);
    assert_int_equal(i.reset.address, 0); /* the table ends before it */
    t[172] = 1;                           /* extended PM1a control: a port */
    memcpy(t + 176, "\x04\xb0", 2);
    assert_null(acpi_parse_fadt(t, sizeof(t), &i));
    assert_int_equal(i.reset.address, 0xcf9);
    assert_int_equal(i.reset_value, 0x0f);
    assert_int_equal(i.pm1a_control.address, 0xb004);
    assert_non_null(acpi_parse_fadt(t, 115, &i));
}

static void hpet_and_mcfg(void **state)
{
    uint8_t t[60] = {0};
    struct acpi_info i = {0};

    memcpy(t + 44, "\x00\x00\xd0\xfe", 4);
    assert_null(acpi_parse_hpet(t, 56, &i));
    assert_int_equal(i.hpet_address, 0xfed00000);
    t[40] = 1;
    assert_non_null(acpi_parse_hpet(t, 56, &i));
    memcpy(t + 44, "\x00\x00\x00\xb0\x00\x00\x00\x00\x00\x00\x00\xff", 12);
    assert_null(acpi_parse_mcfg(t, 60, &i));
    assert_int_equal(i.nr_mcfg, 1);
    assert_int_equal(i.mcfg[0].address, 0xb0000000);
    assert_int_equal(i.mcfg[0].end_bus, 255);
}

/* Each table in a heap block of its exact size, so that the sanitizer sees every step outside. */
static void damage_is_survived(void **state)
{
    static const char *(*const parsers[])(const uint8_t *, size_t, struct acpi_info *) = {
        acpi_parse_madt, acpi_parse_fadt, acpi_parse_hpet, acpi_parse_mcfg};

    srand(8);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t good[300] = {0};
        size_t size = (size_t)rand() % sizeof(good);
        uint8_t *t = malloc(size ? size : 1);
        static struct acpi_info info;

        memset(&info, 0, sizeof(info));
        make_madt(good);
        memcpy(t, good, size);
        for (int i = rand() % 20; i && size; i--)
            t[(size_t)rand() % size] = (uint8_t)rand();
        parsers[rand() % 4](t, size, &info);
        acpi_table_ok(t, size, "APIC");
        assert_in_range(info.nr_cpus, 0, NR_CPUS);
        free(t);
    }
}

/* A processor in both forms is one; an empty socket is none. */
static void twice_is_once(void **state)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0, 0, 0, 0, 0,                         /* processor 0, disabled */
        0, 8,  0, 0, 1, 0, 0, 0,                         /* processor 0 */
        9, 16, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* processor 0, x2APIC form */
        9, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, /* processor 1 */
    };
    uint8_t t[44 + sizeof(entries)] = {[36] = 1};
    struct acpi_info i = {0};

    memcpy(t + 44, entries, sizeof(entries));
    assert_null(acpi_parse_madt(t, sizeof(t), &i));
    assert_int_equal(i.nr_cpus, 2);
    assert_int_equal(i.cpu[0].apic_id, 0);
    assert_int_equal(i.cpu[1].apic_id, 1);
}

static void more_than_fits_is_counted(void **state)
{
    uint8_t t[44 + 8 * (NR_CPUS + 3)] = {0};
    struct acpi_info i = {0};

    t[36] = 1;
    for (unsigned int k = 0; k < NR_CPUS + 3; k++) {
        memcpy(t + 44 + 8 * k, "\x00\x08\x00\x01\x01\x00\x00\x00", 8);
        t[44 + 8 * k + 3] = (uint8_t)k;
    }
    assert_null(acpi_parse_madt(t, sizeof(t), &i));
    assert_int_equal(i.nr_cpus, NR_CPUS);
    assert_int_equal(i.nr_cpus_ignored, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(madt_is_understood), cmocka_unit_test(fadt_old_and_new),
        cmocka_unit_test(hpet_and_mcfg),      cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(twice_is_once),      cmocka_unit_test(more_than_fits_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
