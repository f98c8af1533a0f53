/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/config/arena.c dom0-tools/config/report.c dom0-tools/config/syntax.c dom0-tools/config/disk.c dom0-tools/config/nic.c dom0-tools/config/guest_config.c
// LIBS: -Idom0-tools -D_GNU_SOURCE
/* A guest's configuration says what its author meant, with the defaults of xl; and a mistake in one
 * is answered with its place and with what to write instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/guest_config.h"

static struct config_syntax syntax;
static struct config_report report;
static struct guest_config config;

static void reset(void)
{
    config_syntax_free(&syntax);
    memset(&syntax, 0, sizeof(syntax));
    memset(&report, 0, sizeof(report));
}

static bool parse(const char *text)
{
    reset();
    return config_parse(&syntax, "t", text, strlen(text), &report);
}

/* With the two keys that every guest needs. */
static bool make(const char *text)
{
    static const char needed[] = "name='g'\nkernel='/k'\n";

    reset();
    return config_parse(&syntax, "needed", needed, strlen(needed), &report) &&
           config_parse(&syntax, "t", text, strlen(text), &report) &&
           guest_config_make(&config, &syntax, &report);
}

static const char *text_of(const char *name)
{
    const struct config_setting *s = config_find(&syntax, name);

    return s ? s->value->text : NULL;
}

static void test_syntax_accepts(void **state)
{
    (void)state;
    assert_true(parse(
        "# a comment\n\n a = 'x' ; b=0x1f;;\nc=\"it's\\n\\\\\\\"\" # more\nd=\"\\x41\\101\""));
    assert_string_equal(text_of("a"), "x");
    assert_string_equal(text_of("b"), "0x1f");
    assert_string_equal(text_of("c"), "it's\n\\\"");
    assert_string_equal(text_of("d"), "AA");
    assert_true(parse("a=1\na=2\nb='x'\nb+='y'\nc+='z'"));
    assert_string_equal(text_of("a"), "2"); /* the last one wins */
    assert_string_equal(text_of("b"), "xy");
    assert_string_equal(text_of("c"), "z");
    assert_true(parse("a=[ 'x', # one\n 'y',\n\n]\na+=[3]\nb=[[1,2],[]]\nc=[]"));
    assert_int_equal(config_find(&syntax, "a")->value->nr_items, 3);
    assert_string_equal(config_find(&syntax, "a")->value->items->next->next->text, "3");
    assert_int_equal(config_find(&syntax, "b")->value->items->nr_items, 2);
    assert_int_equal(config_find(&syntax, "c")->value->nr_items, 0);
    assert_true(parse(""));
    assert_null(config_find(&syntax, "a"));
}

static void test_syntax_refuses(void **state)
{
    static const struct {
        const char *text, *says;
        unsigned line, column;
    } wrong[] = {
        {"a=", "missing", 1, 3},
        {"a=True", "quotes", 1, 3},
        {"a=-1", "sign", 1, 3},
        {"a=(1,2)", "Python", 1, 3},
        {"a='x", "no end", 1, 3},
        {"a='x\ny'", "no end", 1, 3},
        {"a 1", "= is missing", 1, 3},
        {"b=1\nA=1", "capital", 2, 1},
        {"a=1 b=2", "follows", 1, 5},
        {"a=[1 2]", "comma", 1, 6},
        {"a=[\n1,\n", "missing", 3, 1},
        {"a=[,]", "missing", 1, 4},
        {"a='\\q'", "escape", 1, 6},
        {"a=1\r\n", "Windows", 1, 4},
        {"a=[1]\na+='x'", "joins", 2, 7},
        {"=1", "begins with a name", 1, 1},
        {"a=[[[[[[[[[1]]]]]]]]]", "deep", 1, 12},
        {"a\n=1", "= is missing", 1, 2},
        {"a='\\", "no end", 1, 3},
        {"\"a\"=1", "begins with a name", 1, 1},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(parse(wrong[i].text));
        assert_int_equal(report.nr_errors, 1);
        if (!strstr(report.notes[0].text, wrong[i].says))
            fail_msg("'%s': %s", wrong[i].text, report.notes[0].text);
        assert_int_equal(report.notes[0].place.line, wrong[i].line);
        assert_int_equal(report.notes[0].place.column, wrong[i].column);
    }
    reset();
    assert_false(config_parse(&syntax, "t", "a=1\0", 4, &report));
}

/* What a text can cost has an end, whatever is in it. */
static void test_syntax_limits(void **state)
{
    char *text = malloc(CONFIG_MAX_BYTES + 2);
    size_t len = 0;
    (void)state;
    memset(text, '\n', CONFIG_MAX_BYTES + 2);
    reset();
    assert_false(config_parse(&syntax, "t", text, CONFIG_MAX_BYTES + 1, &report));
    reset();
    assert_true(config_parse(&syntax, "t", text, CONFIG_MAX_BYTES, &report));
    while (len < 100000)
        len += (size_t)sprintf(text + len, "a+='x'\n");
    reset();
    assert_false(config_parse(&syntax, "t", text, len, &report));
    assert_non_null(strstr(report.notes[0].text, "settings"));
    len = (size_t)sprintf(text, "a='%*s'\na+='x'", CONFIG_MAX_JOINED, "");
    reset();
    assert_false(config_parse(&syntax, "t", text, len, &report));
    free(text);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_true(make("memory=256"));
    assert_int_equal(report.nr_notes, 0);
    assert_int_equal(config.memory_mib, 256);
    assert_int_equal(config.maxmem_mib, 256);
    assert_int_equal(config.vcpus, 1);
    assert_int_equal(config.max_vcpus, 1);
    assert_string_equal(config.cmdline, "");
    assert_int_equal(config.on_poweroff, ACTION_DESTROY);
    assert_int_equal(config.on_reboot, ACTION_RESTART);
    assert_int_equal(config.on_crash, ACTION_DESTROY);
    assert_false(config.has_uuid);
    assert_false(config.cpus.is_set);
}

static void test_values(void **state)
{
    static const uint8_t uuid[UUID_BYTES] = {0x33, 0x15, 0x77, 0x85, 0xd2, 0xdf, 0x4b, 0xe4,
                                             0x87, 0x98, 0xc1, 0x99, 0x95, 0xce, 0xe8, 0x40};
    (void)state;
    assert_true(make("uuid='33157785-d2df-4be4-8798-c19995cee840'\nmemory='0x100'\nmaxmem=512\n"
                     "vcpus=2\nmaxvcpus=4\ncpus='0-3,^1'\nroot='/dev/xvda'\nextra='quiet'\n"
                     "on_crash='rename-restart'\ncpu_weight=512\ncap=50\nmax_grant_frames=64\n"
                     "tsc_mode='native'\nramdisk=''"));
    assert_memory_equal(config.uuid, uuid, UUID_BYTES);
    assert_int_equal(config.memory_mib, 256);
    assert_int_equal(config.maxmem_mib, 512);
    assert_int_equal(config.max_vcpus, 4);
    assert_int_equal(config.cpus.bits[0], 0xd);
    assert_string_equal(config.cmdline, "root=/dev/xvda quiet");
    assert_int_equal(config.on_crash, ACTION_RENAME_RESTART);
    assert_int_equal(config.cpu_weight, 512);
    assert_int_equal(config.max_grant_frames, 64);
    assert_int_equal(config.tsc_mode, 2);
    assert_null(config.ramdisk);
    assert_true(make("cpus=['0','all,^0',3]\ncmdline='a b'\nextra='c'"));
    assert_int_equal(config.nr_vcpu_cpus, 3);
    assert_int_equal(config.vcpu_cpus[0].bits[0], 1);
    assert_int_equal(config.vcpu_cpus[1].bits[0], 0xfe);
    assert_int_equal(config.vcpu_cpus[2].bits[0], 8);
    assert_string_equal(config.cmdline, "a b");
    assert_int_equal(report.nr_notes, 1);
}

static void test_values_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"memory='lots'", "number"},
        {"memory=[1]", "number"},
        {"memory=99999999999", "too much"},
        {"memory=0", "memory = 0"},
        {"memory=256\nmaxmem=128", "less"},
        {"vcpus=0", "at least one"},
        {"vcpus=2\nmaxvcpus=1", "less"},
        {"vcpus=10000", "too much"},
        {"uuid='x'", "UUID"},
        {"type='hvm'", "paravirtualized"},
        {"builder='hvm'", "paravirtualized"},
        {"on_crash='explode'", "there are"},
        {"disk='phy:/x,xvda,w'", "list"},
        {"disk=[['x']]", "list"},
        {"name='a b'", "blank"},
        {"name='12'", "number"},
        {"name=''", "no name"},
        {"kernel=''", "no kernel"},
        {"cpus='x'", "does not name"},
        {"cpus='0,^0'", "no CPU"},
        {"cpus='3-1'", "does not name"},
        {"cpus='600'", "does not name"},
        {"cpus=''", "does not name"},
        {"bootloader='pygrub'", "PV-GRUB"},
        {"cpuid='host,aes=0'", "not supported"},
        {"cpuid=['0x1:ecx=0']", "not supported"},
        {"pool='other'", "only Pool-0"},
        {"pci=['01:00.0']", "not supported"},

        {"tsc_mode='fast'", "there are"},
        {"name=['x']", "is a list"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        bool found = false;

        assert_false(make(wrong[i].text));
        for (unsigned n = 0; n < report.nr_notes; n++)
            found |= report.notes[n].is_error && strstr(report.notes[n].text, wrong[i].says);
        if (!found)
            fail_msg("'%s': %s", wrong[i].text, report.notes[0].text);
    }
}

static void test_warned(void **state)
{
    (void)state;
    assert_true(make("acpi=1\nvnc=0\nmemroy=3\npci=[]\nbootloader=''\nvfb=['type=vnc']"));
    assert_int_equal(report.nr_notes, 4);
    assert_non_null(strstr(report.notes[0].text, "HVM"));
    assert_non_null(strstr(report.notes[2].text, "misspelt"));
    assert_int_equal(report.notes[2].place.line, 3);
}

static void test_one_pool(void **state)
{
    (void)state;
    assert_true(make("pool='Pool-0'\ncpuid=''"));
    assert_int_equal(report.nr_notes, 0);
    assert_true(make("pool=0"));
}

/* All mistakes of a file are told at once, each with its line; what does not fit is counted. */
static void test_all_errors_at_once(void **state)
{
    char text[4096] = "";
    FILE *null = fopen("/dev/null", "w");
    (void)state;
    assert_false(make("memory='x'\nvcpus=0\ndisk=['x']\n\nvif=['y']"));
    assert_int_equal(report.nr_errors, 4);
    assert_int_equal(report.notes[0].place.line, 1);
    assert_int_equal(report.notes[3].place.line, 5);
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "x%d='\\a%s'\n", i, i ? "" : "\\e");
    assert_false(make(text));
    for (int i = 0; i < 100; i++)
        sprintf(text + (i ? strlen(text) : 0), "x%d='\\a'\n", i);
    assert_true(make(text));
    assert_int_equal(report.nr_notes, REPORT_MAX_NOTES);
    assert_int_equal(report.nr_lost, 100 - REPORT_MAX_NOTES);
    report_print(&report, null, true);
    fclose(null);
}

static void test_quoted_bytes_are_cleaned(void **state)
{
    (void)state;
    assert_false(make("type='\\x1b[2J'"));
    assert_null(strchr(report.notes[0].text, '\x1b'));
}

static void test_disks(void **state)
{
    (void)state;
    assert_true(make("disk=['phy:/dev/vda,xvda,w', 'file:/tmp/x.img,xvdb1,r',\n"
                     "'format=raw, vdev=xvdc, access=ro, discard, target=/a,b',\n"
                     "'/c,,hdc:cdrom,r', ',,hdd:cdrom,r', '/d,qcow2,d20p3,rw,no-discard',\n"
                     "'nbd://h:1/e,raw,xvde,w', 'overlay:/o,raw,xvdf,w', 'nbd:h,xvdg,w',\n"
                     "'format=raw, vdev=xvdh, access=rw, target=nbd+unix:///e?socket=/s']"));
    assert_int_equal(config.nr_disks, 10);
    assert_string_equal(config.disks[6].path, "nbd://h:1/e");
    assert_null(config.disks[6].script);
    assert_string_equal(config.disks[7].path, "overlay:/o");
    assert_string_equal(config.disks[8].script, "block-nbd"); /* as with Xen's tools */
    assert_string_equal(config.disks[9].path, "nbd+unix:///e?socket=/s");
    assert_string_equal(config.disks[0].path, "/dev/vda");
    assert_int_equal(config.disks[0].number, 51712);
    assert_true(config.disks[0].writable);
    assert_int_equal(config.disks[1].number, 51712 + 16 + 1);
    assert_false(config.disks[1].writable);
    assert_string_equal(config.disks[2].path, "/a,b");
    assert_true(config.disks[2].has_discard && config.disks[2].discard);
    assert_true(config.disks[3].is_cdrom);
    assert_int_equal(config.disks[3].number, 22 << 8);
    assert_int_equal(config.disks[4].format, DISK_EMPTY);
    assert_int_equal(config.disks[5].format, DISK_QCOW2);
    assert_int_equal(config.disks[5].number, 1 << 28 | 20 << 8 | 3);
    assert_true(config.disks[5].has_discard && !config.disks[5].discard);
}

static void test_disk_numbers(void **state)
{
    static const struct {
        const char *vdev;
        int number;
    } disks[] = {
        {"xvda", 51712},
        {"xvdp15", 202 << 8 | 15 << 4 | 15},
        {"xvdq", 1 << 28 | 16 << 8},
        {"xvda16", 1 << 28 | 16},
        {"xvdaa", 1 << 28 | 26 << 8},
        {"hda", 0x300},
        {"hdb2", 0x342},
        {"sda1", 0x801},
        {"d0", 51712},
        {"d1p2", 51712 + 16 + 2},
        {"51712", 51712},
        {"0xca00", 51712},
        {"xvd", -1},
        {"xvda0", -1},
        {"xvda256", -1},
        {"xvda1x", -1},
        {"hde", -1},
        {"sdq", -1},
        {"vda", -1},
        {"", -1},
        {"d0p", -1},
        {"dx", -1},
        {"xvdzzzzzz", -1},
        {"99999999999", -1},
        {"d99999999", -1},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(disks) / sizeof(*disks); i++)
        if (disk_number(disks[i].vdev) != disks[i].number)
            fail_msg("%s: %d", disks[i].vdev, disk_number(disks[i].vdev));
}

static void test_nics(void **state)
{
    static const uint8_t mac[MAC_BYTES] = {0, 0x16, 0x3e, 0xab, 0, 2};
    static const char *const wrong[] = {
        "mac=1",
        "mac=01:16:3e:00:00:02",
        "rate=0Mb/s",
        "rate=10",
        "rate=10Mb/s@",
        "mtu=1",
        "x=1",
        "bridge",
        "bridge=a/b",
        "vifname=more-than-15-letters",
        "type=e1000",
        "devid=-1",
        "mac=00:16:3e:00:00:02:03",
        "rate=1Mb/s@99999999999s",
    };
    (void)state;
    assert_true(
        make("vif=['mac=00:16:3E:ab:00:02, bridge=br0 ,rate=10Mb/s', '',\n"
             "'rate=1MB/s@20ms,mtu=9000,devid=7,vifname=v7,trusted=0,script=s,ip=10.0.0.1']"));
    assert_memory_equal(config.nics[0].mac, mac, MAC_BYTES);
    assert_string_equal(config.nics[0].bridge, "br0");
    assert_int_equal(config.nics[0].rate_bytes, 62500);
    assert_int_equal(config.nics[0].rate_interval_us, 50000);
    assert_int_equal(config.nics[1].devid, 1);
    assert_true(config.nics[1].trusted && !config.nics[1].has_mac);
    assert_int_equal(config.nics[2].devid, 7);
    assert_int_equal(config.nics[2].rate_bytes, 20000);
    assert_int_equal(config.nics[2].mtu, 9000);
    assert_false(config.nics[2].trusted);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char text[100];

        snprintf(text, sizeof(text), "vif=['%s']", wrong[i]);
        if (make(text))
            fail_msg("%s is accepted", wrong[i]);
    }
    assert_false(make("vif=['devid=1','']"));
}

static int tear_down(void **state)
{
    (void)state;
    reset();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_accepts),
        cmocka_unit_test(test_syntax_refuses),
        cmocka_unit_test(test_syntax_limits),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_values_refused),
        cmocka_unit_test(test_warned),
        cmocka_unit_test(test_one_pool),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_quoted_bytes_are_cleaned),
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_disk_numbers),
        cmocka_unit_test(test_nics),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
