/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/config/arena.c dom0-tools/config/report.c dom0-tools/config/syntax.c dom0-tools/config/disk.c dom0-tools/config/nic.c dom0-tools/config/guest_config.c
// LIBS: -Idom0-tools -D_GNU_SOURCE -lxlutil -lxenlight
/* Of random texts made of the words of xl.cfg ours and Xen's parser take the same ones, and read
 * the same in them; likewise of disk specifications and of rates.  Xen's is Debian's libxlutil.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libxl.h>
#include <libxlutil.h>

#include "config/guest_config.h"

#define ROUNDS 20000

/* The other library does not give back what a text with an error had filled. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static unsigned seed = 7;
static FILE *null;

static void random_text(char *text, size_t size, const char *const *words, unsigned nr_words)
{
    unsigned n = 1 + (unsigned)rand_r(&seed) % 14;

    *text = 0;
    while (n-- > 0 && strlen(text) + 32 < size)
        strcat(text, words[(unsigned)rand_r(&seed) % nr_words]);
}

/* One value of each kind, as text. */
static void show(char *out, size_t size, const struct config_value *value)
{
    size_t n = 0;

    if (value->text) {
        snprintf(out, size, "'%s'", value->text);
        return;
    }
    n += (size_t)snprintf(out, size, "%u:", value->nr_items);
    for (const struct config_value *v = value->items; v && v->text; v = v->next)
        n += (size_t)snprintf(out + n, size - n, "'%s',", v->text);
}

static void show_peer(char *out, size_t size, XLU_Config *peer, const char *name)
{
    XLU_ConfigList *list;
    const char *text;
    int items;
    size_t n;

    if (xlu_cfg_get_string(peer, name, &text, 1) == 0) {
        snprintf(out, size, "'%s'", text);
    } else if (xlu_cfg_get_list(peer, name, &list, &items, 1) == 0) {
        n = (size_t)snprintf(out, size, "%d:", items);
        for (int i = 0; i < items && (text = xlu_cfg_get_listitem(list, i)); i++)
            n += (size_t)snprintf(out + n, size - n, "'%s',", text);
    } else {
        snprintf(out, size, "none");
    }
}

static void test_syntax_like_xen(void **state)
{
    static const char *const words[] = {
        "a",
        "b",
        "ab_1",
        "=",
        "=",
        "=",
        "+=",
        "1",
        "0x1f",
        "12",
        "'x'",
        "\"y\"",
        "\"a'b\"",
        "''",
        "[",
        "]",
        ",",
        " ",
        "\n",
        "\n",
        ";",
        "# c\n",
        "'a\\nb'",
        "\"\\\\\"",
        "a=1\n",
        "b='z'\n",
        "a=['x','y']\n",
        "b=[\n'q',\n]\n",
        "b+=['r']\n",
        "\t",
        "A",
        "-",
        "(",
        "'",
        "a.b",
        "1f",
    };
    unsigned accepted = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        static const char *const names[] = {"a", "b", "ab_1"};
        struct config_syntax syntax = {0};
        struct config_report report = {0};
        XLU_Config *peer = xlu_cfg_init(null, "t");
        char text[600], ours[600], theirs[600];
        bool yes;

        random_text(text, sizeof(text) - 1, words, sizeof(words) / sizeof(*words));
        strcat(text, "\n"); /* an error in a last line without its end escapes Xen's parser */
        yes = xlu_cfg_readdata(peer, text, (int)strlen(text)) == 0;
        if (config_parse(&syntax, "t", text, strlen(text), &report) != yes)
            fail_msg("Xen's parser %s <<%s>>, ours says %s", yes ? "takes" : "refuses", text,
                     report.notes[0].text);
        for (unsigned n = 0; yes && n < 3; n++) {
            const struct config_setting *s = config_find(&syntax, names[n]);

            snprintf(ours, sizeof(ours), "none");
            if (s)
                show(ours, sizeof(ours), s->value);
            show_peer(theirs, sizeof(theirs), peer, names[n]);
            if (strcmp(ours, theirs) != 0)
                fail_msg("<<%s>>: %s is %s, Xen's parser says %s", text, names[n], ours, theirs);
        }
        accepted += yes;
        config_syntax_free(&syntax);
        xlu_cfg_destroy(peer);
    }
    assert_true(accepted > 200);
}

static const char *const formats[] = {
    [LIBXL_DISK_FORMAT_RAW] = "raw",     [LIBXL_DISK_FORMAT_QCOW] = "qcow",
    [LIBXL_DISK_FORMAT_QCOW2] = "qcow2", [LIBXL_DISK_FORMAT_VHD] = "vhd",
    [LIBXL_DISK_FORMAT_QED] = "qed",     [LIBXL_DISK_FORMAT_EMPTY] = "empty",
};

static void compare_disk(const char *spec, const struct guest_disk *ours,
                         const libxl_device_disk *theirs)
{
    static const char *const our_formats[] = {"raw", "qcow", "qcow2", "vhd", "qed", "empty"};
    static const int backends[] = {LIBXL_DISK_BACKEND_UNKNOWN, LIBXL_DISK_BACKEND_PHY,
                                   LIBXL_DISK_BACKEND_TAP, LIBXL_DISK_BACKEND_QDISK};

    if (strcmp(ours->path ? ours->path : "", theirs->pdev_path ? theirs->pdev_path : "") != 0)
        fail_msg("%s: path %s, Xen's %s", spec, ours->path, theirs->pdev_path);
    assert_string_equal(ours->vdev, theirs->vdev);
    assert_string_equal(ours->script ? ours->script : "", theirs->script ? theirs->script : "");
    if (strcmp(our_formats[ours->format], formats[theirs->format]) != 0)
        fail_msg("%s: %s, Xen's %s", spec, our_formats[ours->format], formats[theirs->format]);
    if (ours->writable != theirs->readwrite || ours->is_cdrom != theirs->is_cdrom ||
        ours->removable != theirs->removable || ours->direct_io_safe != theirs->direct_io_safe)
        fail_msg("%s: flags differ", spec);
    assert_int_equal(backends[ours->backend_type], theirs->backend);
    assert_int_equal(ours->has_discard, !libxl_defbool_is_default(theirs->discard_enable));
    if (ours->has_discard)
        assert_int_equal(ours->discard, libxl_defbool_val(theirs->discard_enable));
}

static void test_disks_like_xen(void **state)
{
    static const char *const prefixes[] = {
        "", "", "phy:", "file:", "tap:aio:", "qcow2:", "raw:", "x:"};
    static const char *const words[] = {
        "/dev/x",
        "/a b",
        ",",
        ",",
        ",",
        ",",
        ",",
        "raw",
        "vhd",
        "xvda",
        "xvdb1",
        "xvdd",
        "xvde",
        "w",
        "r",
        "rw",
        "ro",
        "vdev=xvdc",
        "format=raw",
        "access=r",
        "access=w",
        "cdrom",
        "devtype=disk",
        "devtype=cdrom",
        "backendtype=phy",
        "backendtype=qdisk",
        "script=s",
        "direct-io-safe",
        "discard",
        "no-discard",
        "target=/t",
        "foo",
        "bar=1",
        "/dev/x,raw,xvda,w",
        "/x,xvda,w",
        "empty",
        "backend=d",
    };
    XLU_Config *peer = xlu_cfg_init(null, "t");
    unsigned accepted = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct arena arena = {0};
        struct config_report report = {0};
        struct config_place place = {.source = "t", .line = 1, .column = 1};
        struct guest_disk ours;
        libxl_device_disk theirs;
        char spec[600];
        const char *specs = spec;
        bool yes;

        /* At its beginning only: Xen's parser looks for them in every field. */
        strcpy(spec, prefixes[(unsigned)rand_r(&seed) % 8]);
        random_text(spec + strlen(spec), sizeof(spec) - 20, words, sizeof(words) / sizeof(*words));
        libxl_device_disk_init(&theirs);
        yes = xlu_disk_parse(peer, 1, &specs, &theirs) == 0;
        /* Xen's parser takes any word for a device and no word for a target, and finds out later.
         */
        if (yes && (disk_number(theirs.vdev) < 0 ||
                    (theirs.pdev_path && !*theirs.pdev_path && !theirs.removable)))
            assert_false(disk_spec_parse(&ours, &arena, spec, &place, &report));
        else if (disk_spec_parse(&ours, &arena, spec, &place, &report) != yes)
            fail_msg("Xen's parser %s <<%s>>, ours: %s", yes ? "takes" : "refuses", spec,
                     report.notes[0].text);
        else if (yes)
            compare_disk(spec, &ours, &theirs);
        accepted += yes;
        libxl_device_disk_dispose(&theirs);
        arena_free(&arena);
    }
    xlu_cfg_destroy(peer);
    assert_true(accepted > 200);
}

static void test_rates_like_xen(void **state)
{
    static const char *const words[] = {"1",   "10",   "250", "K",  "M",  "G",  "B", "b", "/s",
                                        "B/s", "Mb/s", "@",   "20", "ms", "us", "s", "m", "@50ms"};
    XLU_Config *peer = xlu_cfg_init(null, "t");
    unsigned accepted = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct arena arena = {0};
        struct config_report report = {0};
        struct config_place place = {.source = "t", .line = 1, .column = 1};
        struct guest_nic ours = {0};
        libxl_device_nic theirs;
        char rate[600], spec[620];
        bool yes;

        random_text(rate, 40, words, sizeof(words) / sizeof(*words));
        snprintf(spec, sizeof(spec), "rate=%s", rate);
        libxl_device_nic_init(&theirs);
        yes = xlu_vif_parse_rate(peer, rate, &theirs) == 0;
        yes = yes && theirs.rate_bytes_per_interval > 0; /* nothing at all is no rate for ours */
        if (nic_spec_parse(&ours, &arena, spec, &place, &report) != yes)
            fail_msg("Xen's parser %s <<%s>>", yes ? "takes" : "refuses", spec);
        if (yes && (ours.rate_bytes != theirs.rate_bytes_per_interval ||
                    ours.rate_interval_us != theirs.rate_interval_usecs))
            fail_msg("%s: %lu bytes in %u us, Xen's %lu in %u", spec, ours.rate_bytes,
                     ours.rate_interval_us, theirs.rate_bytes_per_interval,
                     theirs.rate_interval_usecs);
        accepted += yes;
        libxl_device_nic_dispose(&theirs);
        arena_free(&arena);
    }
    xlu_cfg_destroy(peer);
    assert_true(accepted > 20);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_like_xen),
        cmocka_unit_test(test_disks_like_xen),
        cmocka_unit_test(test_rates_like_xen),
    };
    null = fopen("/dev/null", "w");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
