/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/config/arena.c dom0-tools/config/report.c dom0-tools/config/syntax.c dom0-tools/config/disk.c dom0-tools/config/nic.c dom0-tools/config/guest_config.c dom0-tools/config/edit.c
// LIBS: -Idom0-tools -D_GNU_SOURCE
/* A guest that was given devices, or lost some, while it ran is made again with what it had then,
 * whatever its author wrote and how often they change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/edit.h"
#include "config/guest_config.h"

static const char base[] =
    "name = 'g'\nkernel = '/k'\n"
    "disk = [ 'phy:/dev/a,xvda,w',\n   'format=raw,vdev=xvdb,target=/x,y' ]\n"
    "vif = [ '', 'bridge=br1' ] # two\n";

static struct config_syntax syntax;
static struct config_report report;
static struct guest_config config;

static void make(const char *text)
{
    config_syntax_free(&syntax);
    memset(&syntax, 0, sizeof(syntax));
    memset(&report, 0, sizeof(report));
    assert_true(config_parse(&syntax, "t", text, strlen(text), &report));
    assert_true(guest_config_make(&config, &syntax, &report));
}

/* CLAIM: a device is added behind the others, which stay what they were. */
static void test_add(void **state)
{
    char *text = config_with_device(base, "disk", 51744, "/d \"q\\,raw,xvdc,w");

    (void)state;
    assert_non_null(text);
    make(text);
    assert_int_equal(config.nr_disks, 3);
    assert_string_equal(config.disks[1].path, "/x,y");
    assert_string_equal(config.disks[2].path, "/d \"q\\");
    assert_int_equal(config.nr_nics, 2);
    assert_string_equal(config.nics[1].bridge, "br1");
    assert_int_equal(config.nics[1].devid, 1);
    free(text);
}

/* CLAIM: a card keeps its number when one before it goes. */
static void test_remove(void **state)
{
    char *text = config_with_device(base, "vif", 0, NULL);

    (void)state;
    make(text);
    assert_int_equal(config.nr_nics, 1);
    assert_int_equal(config.nics[0].devid, 1);
    assert_int_equal(config.nr_disks, 2);
    free(text);
    text = config_with_device(base, "disk", 12345, NULL); /* not there: nothing changes */
    make(text);
    assert_int_equal(config.nr_disks, 2);
    free(text);
}

/* CLAIM: however often devices come and go, the text does not grow. */
static void test_often(void **state)
{
    char *text = config_with_device(base, "disk", 51744, "/d,raw,xvdc,w");
    size_t len = strlen(text);

    (void)state;
    for (int i = 0; i < 100; i++) {
        char *without = config_with_device(text, "disk", 51744, NULL);
        char *with = config_with_device(without, "disk", 51744, "/d,raw,xvdc,w");

        free(text);
        free(without);
        text = with;
    }
    assert_int_equal(strlen(text), len);
    make(text);
    assert_int_equal(config.nr_disks, 3);
    free(text);
}

/* CLAIM: a line that was added behind (another uuid, say) still wins afterwards. */
static void test_lines_behind(void **state)
{
    char *text = config_with_device(base, "disk", 51744, "/d,raw,xvdc,w"), *more;
    char both[1024];

    (void)state;
    snprintf(both, sizeof(both), "%s\nname=\"other\"\n", text);
    more = config_with_device(both, "disk", 51744, NULL);
    make(more);
    assert_string_equal(config.name, "other");
    assert_int_equal(config.nr_disks, 2);
    free(text);
    free(more);
}

/* CLAIM: a device's words are found by its number, whatever form they have. */
static void test_words(void **state)
{
    char *words = config_device(base, "disk", 51728);

    (void)state;
    assert_string_equal(words, "format=raw,vdev=xvdb,target=/x,y");
    free(words);
    words = config_device(base, "vif", 1);
    assert_string_equal(words, "bridge=br1");
    free(words);
    assert_null(config_device(base, "disk", 1));
    assert_null(config_device("disk = [", "disk", 1));
}

/* CLAIM: one name's value is replaced, added in front of a target, or taken away. */
static void test_one_word(void **state)
{
    static const struct {
        const char *words, *name, *value, *result;
    } cases[] = {
        {"phy:/a,xvda,w", "iops", "5", "phy:/a,xvda,w,iops=5"},
        {"phy:/a,iops=3,xvda,w", "iops", "5", "phy:/a,xvda,w,iops=5"},
        {"vdev=xvda, iops=3,target=/a,iops=4", "iops", "5", "vdev=xvda,iops=5,target=/a,iops=4"},
        {"iops=3", "iops", NULL, ""},
        {"", "devid", "0", "devid=0"},
        {"/a,,xvda", "weight", "2", "/a,,xvda,weight=2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *result = device_words_with(cases[i].words, cases[i].name, cases[i].value);

        assert_string_equal(result, cases[i].result);
        free(result);
    }
}

/* CLAIM: what only our back ends know is read, and nonsense refused with what to write. */
static void test_ours(void **state)
{
    (void)state;
    make("name='g'\nkernel='/k'\n"
         "disk=['/a,raw,xvda,w,backendtype=pvblk,weight=512,iops=100,bytes-per-second=20M']\n"
         "vif=['backendtype=pvnet,network=nat,vlan=5']");
    assert_int_equal(config.disks[0].backend_type, DISK_BACKEND_PVBLK);
    assert_int_equal(config.disks[0].weight, 512);
    assert_int_equal(config.disks[0].iops, 100);
    assert_int_equal(config.disks[0].bytes_per_second, 20 << 20);
    assert_int_equal(config.nics[0].backend_type, NIC_BACKEND_PVNET);
    assert_string_equal(config.nics[0].network, "nat");
    assert_int_equal(config.nics[0].vlan, 5);
}

/* CLAIM: amounts are bytes or powers of 1024, and nothing beyond 64 bits. */
static void test_sizes(void **state)
{
    uint64_t n;

    (void)state;
    assert_true(size_parse("17", &n) && n == 17);
    assert_true(size_parse("2k", &n) && n == 2048);
    assert_true(size_parse("3T", &n) && n == 3ull << 40);
    assert_true(size_parse("16777215T", &n));
    assert_false(size_parse("16777216T", &n));
    assert_false(size_parse("", &n));
    assert_false(size_parse("-1", &n));
    assert_false(size_parse("1KB", &n));
    assert_false(size_parse("99999999999999999999", &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),   cmocka_unit_test(test_remove),
        cmocka_unit_test(test_often), cmocka_unit_test(test_lines_behind),
        cmocka_unit_test(test_words), cmocka_unit_test(test_one_word),
        cmocka_unit_test(test_ours),  cmocka_unit_test(test_sizes),
    };
    int status = cmocka_run_group_tests(tests, NULL, NULL);

    config_syntax_free(&syntax);
    return status;
}
