/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables: no parser looks outside its table or loops, and nothing is counted beyond its array.
 * The first byte names the parser; the same table goes to it twice, since firmware may have
 * several.
 */
// SHORT: 150000
// SOURCES: hypervisor/cpu/acpi_parse.c hypervisor/lib/string.c
#include <cmocka.h>

#include "cpu/acpi_parse.h"
#include "fuzz.h"

static const char *(*const parsers[])(const uint8_t *, size_t, struct acpi_info *) = {
    acpi_parse_madt, acpi_parse_fadt, acpi_parse_hpet,
    acpi_parse_mcfg, acpi_parse_srat, acpi_parse_slit};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_info info;
    uint8_t *table;
    unsigned which;

    if (!size)
        return 0;
    which = data[0] % ARRAY_SIZE(parsers);
    table = fuzz_copy(data + 1, size - 1);
    memset(&info, 0, sizeof(info));
    for (unsigned i = 0; i < 2; i++)
        (void)parsers[which](table, size - 1, &info);
    (void)acpi_table_ok(table, size - 1, "APIC");
    assert_true(info.nr_cpus <= NR_CPUS && info.nr_ioapics <= ACPI_MAX_IOAPICS);
    assert_true(info.nr_overrides <= ACPI_MAX_OVERRIDES && info.nr_mcfg <= ACPI_MAX_MCFG);
    assert_true(info.numa.nr_cpus <= NR_CPUS && info.numa.nr_memory <= ACPI_MAX_SRAT);
    assert_true(info.numa.slit_size <= ACPI_MAX_SLIT);
    for (unsigned i = 0; i < info.numa.nr_memory; i++)
        assert_true(info.numa.memory[i].start < info.numa.memory[i].end);
    free(table);
    return 0;
}
