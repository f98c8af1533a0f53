// SPDX-License-Identifier: GPL-2.0-only
/* CLAIM: what pavis prints has the columns of xl's, whatever a domain's state and the processors'
 * map are, and the terminal's escape characters are those that people type.
 */
// SOURCES: dom0-tools/pavis/rows.c dom0-tools/pavis/terminal.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pavis/rows.h"
#include "pavis/terminal.h"

/* As Debian's xl 4.17 prints them. */
static void test_list(void **state)
{
    struct domain_info d = {.domid = 1,
                            .flags = XEN_DOMINF_blocked,
                            .pages = 256 * 256,
                            .cpu_ns = 6840000000,
                            .online_vcpus = 1};
    char text[ROW_MAX];

    assert_string_equal(
        list_row(&d, "demo", text),
        "demo                                         1   256     1     -b----       6.8");
    d.domid = 32000;
    d.claimed_pages = 256;
    d.online_vcpus = 64;
    assert_string_equal(
        list_row(&d, "a-name-that-is-longer-than-its-forty-columns", text),
        "a-name-that-is-longer-than-its-forty-columns 32000   257    64     -b----       6.8");
}

static void test_state(void **state)
{
    static const struct {
        uint32_t flags;
        const char *letters, *word;
    } cases[] = {
        {0, "------", "running"},
        {XEN_DOMINF_running, "r-----", "running"},
        {XEN_DOMINF_blocked | XEN_DOMINF_paused, "-bp---", "paused"},
        {XEN_DOMINF_shutdown, "---s--", "shutdown"},
        {XEN_DOMINF_shutdown | 3 << XEN_DOMINF_shutdownshift, "---sc-", "crashed"},
        {XEN_DOMINF_shutdown | 2 << XEN_DOMINF_shutdownshift, "---s--", "shutdown"},
        {XEN_DOMINF_dying | XEN_DOMINF_shutdown, "---s-d", "dying"},
        {3 << XEN_DOMINF_shutdownshift, "------", "running"}, /* a reason of no shutdown */
    };
    char text[STATE_TEXT];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct domain_info d = {.flags = cases[i].flags};

        assert_string_equal(state_letters(&d, text), cases[i].letters);
        assert_string_equal(state_word(&d), cases[i].word);
    }
}

static void test_ranges(void **state)
{
    static const struct {
        uint8_t map[2];
        unsigned nr;
        const char *text;
    } cases[] = {
        {{0xff, 0xff}, 4, "all"},         {{0x01, 0}, 1, "all"},
        {{0, 0xff}, 8, "none"},           {{0x01, 0}, 4, "0"},
        {{0x0b, 0}, 4, "0-1,3"},          {{0x80, 0x03}, 16, "7-9"},
        {{0x55, 0x80}, 16, "0,2,4,6,15"},
    };
    char text[64], little[6];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(cpu_ranges(cases[i].map, cases[i].nr, text, sizeof(text)),
                            cases[i].text);
    /* Cut where there is no room, and nothing is written behind it. */
    assert_string_equal(cpu_ranges(cases[6].map, 16, little, sizeof(little)), "0,2,4");
}

static void test_vcpu(void **state)
{
    struct xen_domctl_getvcpuinfo v = {
        .vcpu = 1, .online = 1, .blocked = 1, .cpu = 1, .cpu_time = 13400000000};
    char text[ROW_MAX];

    assert_string_equal(vcpu_row("demo", 1, &v, text),
                        "demo                                 1     1    1   -b-      13.4");
    v.online = 0;
    assert_string_equal(vcpu_row("demo", 1, &v, text),
                        "demo                                 1     1    -   --p      13.4");
}

static void test_caps(void **state)
{
    char text[160], little[8];

    assert_string_equal(virt_caps(0, text, sizeof(text)), "");
    assert_string_equal(
        virt_caps(XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1, text, sizeof(text)),
        "pv gnttab-v1");
    assert_string_equal(
        virt_caps(XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_directio, text, sizeof(text)),
        "hvm hvm_directio");
    assert_string_equal(virt_caps(~0U, little, sizeof(little)), "pv hvm ");
}

static void test_escape(void **state)
{
    assert_int_equal(escape_byte("^]"), 0x1d);
    assert_int_equal(escape_byte("^a"), 1);
    assert_int_equal(escape_byte("^A"), 1);
    assert_int_equal(escape_byte("^@"), 0);
    assert_int_equal(escape_byte("q"), 'q');
    assert_int_equal(escape_byte("^"), '^');
    assert_int_equal(escape_byte(""), -1);
    assert_int_equal(escape_byte("^1"), -1);
    assert_int_equal(escape_byte("ab"), -1);
    assert_int_equal(escape_byte("^ab"), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_state), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_vcpu), cmocka_unit_test(test_caps),  cmocka_unit_test(test_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
