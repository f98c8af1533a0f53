// SPDX-License-Identifier: GPL-2.0-only
/* CLAIM: what `pavis top` shows is what happened between two samples, whoever came or went
 * meanwhile; and no name of a domain reaches a terminal or a reader of metrics as more than a name.
 */
// SOURCES: dom0-tools/pavis/rates.c dom0-tools/pavis/rows.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pavis/rates.h"

#define S 1000000000ull

static struct domain_sample domains_before[] = {
    {.info = {.domid = 0, .cpu_ns = 10 * S, .pages = 1000}, .name = "Domain-0"},
    {.info = {.domid = 3, .cpu_ns = 5 * S, .pages = 500, .handle = {1}}, .name = "old"},
};
static struct domain_sample domains_now[] = {
    {.info = {.domid = 0, .cpu_ns = 11 * S, .pages = 1000}, .name = "Domain-0"},
    {.info = {.domid = 3, .cpu_ns = 3 * S, .pages = 250, .handle = {2}}, .name = "\033[2Jnew"},
};
static struct disk_sample disks_before[] = {
    {.domid = 3, .device = 51712, .who = "blkback", .reads = 100, .writes = 900, .ns = 1 * S},
    {.domid = 3, .device = 51728, .who = "xen-blkback", .reads = 7},
};
static struct disk_sample disks_now[] = {
    {.domid = 3,
     .device = 51712,
     .who = "blkback",
     .reads = 120,
     .writes = 1, /* a new disk with the old number */
     .bytes_read = 40960,
     .ns = 1 * S + 40000000},
    {.domid = 3, .device = 51728, .who = "xen-blkback", .reads = 9},
};
static struct nic_sample nics_now[] = {
    {.domid = 3, .device = 0, .who = "netback", .tx_bytes = 8192, .rx_packets = 10},
};
static const struct sample before = {.ns = 100 * S,
                                     .domains = domains_before,
                                     .nr_domains = 2,
                                     .disks = disks_before,
                                     .nr_disks = 2};
static const struct sample now = {.ns = 102 * S,
                                  .host = {.total_pages = 10000},
                                  .domains = domains_now,
                                  .nr_domains = 2,
                                  .disks = disks_now,
                                  .nr_disks = 2,
                                  .nics = nics_now,
                                  .nr_nics = 1};

static void test_rates(void **state)
{
    struct rates *all = rates_between(&before, &now, BY_CPU);
    char row[RATES_ROW];

    assert_non_null(all);
    /* Another domain with the same number: all of its 3 seconds are new. */
    assert_int_equal(all[0].domid, 3);
    assert_float_equal(all[0].cpu, 150, 0.01);
    assert_float_equal(all[1].cpu, 50, 0.01);
    assert_float_equal(all[1].memory, 10, 0.01);
    assert_float_equal(all[0].reads, 11, 0.01);
    assert_float_equal(all[0].writes, 0, 0.01);
    assert_float_equal(all[0].read_bytes, 20480, 0.01);
    assert_float_equal(all[0].sent_bytes, 4096, 0.01);
    assert_float_equal(all[0].received_packets, 5, 0.01);
    assert_true(all[0].wait_ms > 0);
    rates_row(&all[0], row);
    assert_null(strchr(row, '\033'));
    assert_memory_equal(row, "?[2Jnew ", 8);
    free(all);
    all = rates_between(&before, &now, BY_MEMORY);
    assert_int_equal(all[0].domid, 0);
    free(all);
    all = rates_between(&before, &now, BY_NAME);
    assert_int_equal(all[0].domid, 3);
    free(all);
}

static void test_no_time(void **state)
{
    struct rates *all = rates_between(&now, &now, BY_DISK);

    assert_non_null(all);
    assert_float_equal(all[0].cpu, 0, 0.01);
    free(all);
}

static void check_label(const char *text, const char *wanted)
{
    char *label = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&label, &size);

    put_label(out, text);
    fclose(out);
    assert_string_equal(label, wanted);
    free(label);
}

static void test_labels(void **state)
{
    check_label("plain", "plain");
    check_label("a\"b\\c\nd", "a\\\"b\\\\c\\nd");
    check_label("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7");
    check_label("\xc3", "?");
    check_label("\xff\xfe x", "?? x");
    check_label("\xc0\x80\xe0\x80\x80\xed\xa0\x80", "????????");
    check_label("\xf4\x90\x80\x80", "????");
    check_label("\033]0;x\007", "?]0;x?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_no_time),
        cmocka_unit_test(test_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
