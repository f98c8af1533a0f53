/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: boot options are read with Xen's syntax and meaning (dom0_mem with its arithmetic and
 * default reserve above all), a word that is unknown or a value that is none changes nothing and is
 * kept for the boot to warn of, and no command line whatever makes the parser step outside it.
 */
// SOURCES: hypervisor/boot/cmdline.c hypervisor/dom0/dom0_mem.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"
#include "console/log.h"
#include "cpu/nmi.h"

#define MB_PAGES 256ULL

static struct boot_options parsed(const char *text)
{
    struct boot_options o;
    char *copy = strdup(text); /* of exact size, for ASan */

    cmdline_parse(&o, copy);
    if (o.dom0_extra)
        o.dom0_extra = text + (o.dom0_extra - copy);
    free(copy);
    return o;
}

static struct boot_options good(const char *text)
{
    struct boot_options o = parsed(text);

    if (o.nr_unknown || o.nr_wrong)
        fail_msg("\"%s\": %s %s", text, o.unknown[0], o.wrong[0]);
    return o;
}

static void usual_lines(void **state)
{
    struct boot_options o = good("console=com1 com1=115200 dom0_mem=1536M,max:1536M loglvl=all "
                                 "guest_loglvl=all  console_timestamps=raw ");

    assert_int_equal(o.console, CONSOLE_COM1);
    assert_true(o.com[0].given);
    assert_false(o.com[1].given);
    assert_int_equal(o.com[0].baud, 115200);
    assert_int_equal(o.com[0].clock_hz, 1843200);
    assert_int_equal(o.com[0].io_base, 0x3f8);
    assert_int_equal(o.com[0].irq, 4);
    assert_int_equal(o.com[0].data_bits, 8);
    assert_int_equal(o.log.always, 4);
    assert_int_equal(o.guest_log.limited, 4);
    assert_int_equal(o.console_timestamps, STAMPS_RAW);

    o = good("placeholder no-real-mode edd=off noreboot dom0_vcpus_pin sync_console x2apic=off "
             "no-hpet irq_ratelimit=0 -- root=/dev/xvda  quiet");
    assert_true(o.noreboot && o.dom0_vcpus_pin && o.sync_console);
    assert_false(o.x2apic || o.hpet || o.irq_ratelimit);
    assert_string_equal(o.dom0_extra, "root=/dev/xvda  quiet");

    o = good("");
    assert_null(o.dom0_extra);
    assert_int_equal(o.console, CONSOLE_COM1 | CONSOLE_VGA);
    assert_true(o.x2apic && o.hpet && o.cpuidle);
    assert_int_equal(o.irq_ratelimit, 10000);
    assert_false(o.dom0_mem.size.given || o.noreboot || o.nosmp);
    assert_int_equal(o.log.always, 2);
    assert_int_equal(o.log.limited, 3);
    assert_int_equal(o.guest_log.always, 0);
    assert_int_equal(o.guest_log.limited, 2);
    assert_string_equal(o.sched, "credit2");
}

static void kinds(void **state)
{
    struct boot_options o;

    o = good("com2=38400/115200,7e2,0x3e8,10 com1=auto,,0x2000");
    assert_int_equal(o.com[1].baud, 38400);
    assert_int_equal(o.com[1].clock_hz, 1843200);
    assert_int_equal(o.com[1].data_bits, 7);
    assert_int_equal(o.com[1].parity, 'e');
    assert_int_equal(o.com[1].stop_bits, 2);
    assert_int_equal(o.com[1].io_base, 0x3e8);
    assert_int_equal(o.com[1].irq, 10);
    assert_int_equal(o.com[0].baud, 0);
    assert_int_equal(o.com[0].io_base, 0x2000);

    assert_int_equal(good("dom0_max_vcpus=4").dom0_vcpus_max, 4);
    assert_int_equal(good("dom0_max_vcpus=4").dom0_vcpus_min, 4);
    assert_int_equal(good("dom0_max_vcpus=2-6").dom0_vcpus_min, 2);
    assert_int_equal(good("dom0_max_vcpus=2-6").dom0_vcpus_max, 6);
    assert_int_equal(good("dom0_max_vcpus=-6").dom0_vcpus_max, 6);
    assert_int_equal(good("dom0_max_vcpus=-6").dom0_vcpus_min, 0);
    assert_int_equal(good("dom0_max_vcpus=2-").dom0_vcpus_max, 0);

    assert_int_equal(good("conring_size=64").conring_size, 64 << 10);
    assert_int_equal(good("conring_size=1M").conring_size, 1 << 20);
    assert_int_equal(good("conring_size=4096b").conring_size, 4096);
    assert_int_equal(good("maxcpus=0x3").maxcpus, 3);
    assert_int_equal(good("maxcpus=1 maxcpus=2").maxcpus, 2); /* the last one wins */
    assert_int_equal(good("loglvl=error/info").log.always, 1);
    assert_int_equal(good("loglvl=error/info").log.limited, 3);
    assert_int_equal(good("loglvl=info/error").log.limited, 3);
    assert_int_equal(good("loglvl=none").log.limited, 0);
    assert_int_equal(good("loglvl=debug").log.always, 4);
    assert_int_equal(good("console=none").console, 0);
    assert_int_equal(good("reboot=t,w").reboot, REBOOT_TRIPLE);
    assert_true(good("reboot=t,w").reboot_warm);
    assert_int_equal(good("reboot=acpi").reboot, REBOOT_ACPI);
    assert_int_equal(good("xpti=off").xpti[0], CHOICE_NO);
    assert_int_equal(good("no-xpti").xpti[1], CHOICE_NO);
    assert_int_equal(good("xpti").xpti[1], CHOICE_YES);
    assert_int_equal(good("xpti=dom0=off,domu=on").xpti[0], CHOICE_NO);
    assert_int_equal(good("xpti=dom0=off,domu=on").xpti[1], CHOICE_YES);
    assert_int_equal(good("xpti=off xpti=default").xpti[0], CHOICE_AUTO);
    assert_int_equal(good("pv-l1tf=domu=0,dom0").l1tf[0], CHOICE_YES);
    assert_int_equal(good("pv-l1tf=domu=0,dom0").l1tf[1], CHOICE_NO);
    assert_int_equal(good("pv-l1tf").xpti[0], CHOICE_AUTO);
    assert_true(good("watchdog").watchdog);
    assert_int_equal(good("watchdog").watchdog_timeout, 5);
    assert_true(good("watchdog=force").watchdog);
    assert_false(good("watchdog=0").watchdog);
    assert_true(good("watchdog_timeout=9").watchdog);
    assert_int_equal(good("watchdog_timeout=9").watchdog_timeout, 9);
    assert_false(good("watchdog watchdog_timeout=0").watchdog);
    assert_true(good("vga=text-80x50,keep").vga_keep);
    assert_true(good("vga=text-80x50,keep").vga_other_mode);
    assert_false(good("vga=keep,text-80x25").vga_other_mode);
    assert_false(good("vga=current").vga_keep);
    assert_int_equal(good("nmi=fatal").nmi, NMI_FATAL);
    assert_int_equal(good("").nmi, NMI_TO_DOM0); /* as a Xen that was not built for debugging */
    assert_int_equal(good("console_timestamps").console_timestamps, STAMPS_BOOT);
    assert_int_equal(good("console_timestamps=date").console_timestamps, STAMPS_BOOT);
    assert_int_equal(good("console_timestamps=0").console_timestamps, STAMPS_NONE);
    assert_string_equal(good("clocksource=pit").clocksource, "pit");
}

static void mistakes(void **state)
{
    static const char *const wrong[] = {
        "com1=fast",
        "com1=115200,9n1",
        "com1=1,8x1",
        "com1=1,8n1,0x3f8,4,5",
        "com1=0",
        "com1=1/",
        "console=com9",
        "console=com1,",
        "loglvl=loud",
        "loglvl=all/all/all",
        "loglvl=",
        "x2apic=maybe",
        "noreboot=",
        "maxcpus=two",
        "maxcpus=4294967296",
        "maxcpus=",
        "conring_size=1Q",
        "conring_size=",
        "conring_size=18014398509481984k",
        "dom0_max_vcpus=",
        "dom0_max_vcpus=0",
        "dom0_max_vcpus=6-2",
        "dom0_max_vcpus=2-x",
        "dom0_mem=",
        "dom0_mem=lots",
        "dom0_mem=1G,",
        "dom0_mem=min:",
        "dom0_mem=100%",
        "dom0_mem=1G+",
        "dom0_mem=1G+5",
        "dom0_mem=--1G",
        "dom0_mem=1G min",
        "sched=",
        "reboot=x",
        "xpti=perhaps",
        "watchdog_timeout=1",
        "watchdog_timeout=soon",
        "nmi=loud",
        "console_timestamps=often",
        "pv-l1tf=domx=1",
        "vga=this-is-a-mode-with-a-name-that-is-too-long",
    };
    struct boot_options standard = parsed(""), o;
    char text[2000] = "";

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        o = parsed(wrong[i]);
        if (strchr(wrong[i], ' '))
            continue;
        if (o.nr_wrong != 1 || o.nr_unknown)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(strncmp(o.wrong[0], wrong[i], OPTION_WORD - 1), 0);
        o.nr_wrong = 0;
        memset(o.wrong, 0, sizeof(o.wrong));
        assert_memory_equal(&o, &standard, sizeof(o)); /* nothing else changed */
    }

    o = parsed("iommu=on no-such no-console dom0_men=1G no-x2apic=1 -");
    assert_int_equal(o.nr_unknown, 6);
    assert_string_equal(o.unknown[0], "iommu=on");
    assert_string_equal(o.unknown[2], "no-console");
    assert_string_equal(o.unknown[5], "-");

    for (int i = 0; i < 100; i++)
        strcat(text, "unknown-word ");
    o = parsed(text);
    assert_int_equal(o.nr_unknown, 100);
    memset(text, 'a', 1000);
    text[1000] = 0;
    o = parsed(text);
    assert_int_equal(o.nr_wrong, 1);
}

static void table_is_sound(void **state)
{
    const struct boot_option *t;
    unsigned nr;

    t = cmdline_table(&nr);
    assert_true(nr > 20);
    for (unsigned i = 0; i < nr; i++) {
        assert_true(t[i].help && *t[i].help && t[i].values && t[i].standard);
        assert_true(i == 0 || strcmp(t[i - 1].name, t[i].name) < 0);
        assert_true(t[i].field < sizeof(struct boot_options));
    }
}

static void pages(const char *option, uint64_t avail, uint64_t want, uint64_t want_max)
{
    struct boot_options o = good(option);
    uint64_t nr, most;

    dom0_mem_pages(&o.dom0_mem, avail * MB_PAGES, &nr, &most);
    if (nr != want * MB_PAGES || most != (want_max ? want_max * MB_PAGES : UINT32_MAX))
        fail_msg("%s of %llu MiB: %llu, max %llu", option, (unsigned long long)avail,
                 (unsigned long long)nr, (unsigned long long)most);
}

static void dom0_memory(void **state)
{
    pages("", 1600, 1500, 0); /* 1/16 stays */
    pages("", 8192, 8064, 0); /* at most 128 MiB */
    pages("dom0_mem=512M", 4000, 512, 0);
    pages("dom0_mem=524288", 4000, 512, 0); /* KiB without a letter */
    pages("dom0_mem=1g,max:2G", 4000, 1024, 2048);
    pages("dom0_mem=-512M", 4000, 3488, 0);
    pages("dom0_mem=-8G", 4000, 3872, 0); /* nothing left: as if not stated */
    pages("dom0_mem=-8G,min:256M", 4000, 3872, 0);
    pages("dom0_mem=8G", 4000, 4000, 0);
    pages("dom0_mem=min:4G", 2000, 2000, 0);
    pages("dom0_mem=max:1G", 4000, 1024, 1024);
    pages("dom0_mem=64M,min:256M,max:1G", 4000, 256, 1024);
    pages("dom0_mem=2G,max:-3G", 4096, 1024, 1024);
    pages("dom0_mem=50%", 4000, 2000, 0);
    pages("dom0_mem=1G+25%", 4000, 2024, 0);
    pages("dom0_mem=-1G+25%", 4000, 1976, 0);
    pages("dom0_mem=512M dom0_mem=max:1G", 4000, 512, 1024); /* adds up, as in Xen */
}

static uint64_t rng = 0x9e3779b97f4a7c15ULL;

static uint64_t dice(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static void any_line(void **state)
{
    static const char *const bits[] = {"=",
                                       ",",
                                       " ",
                                       "-",
                                       "%",
                                       "+",
                                       "--",
                                       "min:",
                                       "max:",
                                       "0x",
                                       "9",
                                       "1",
                                       "G",
                                       "k",
                                       "no-",
                                       "dom0_mem",
                                       "com1",
                                       "xpti",
                                       "console",
                                       "sched",
                                       "loglvl",
                                       "/",
                                       "all",
                                       "8n1",
                                       "dom0",
                                       "reboot",
                                       "99999999999999999999",
                                       "\x7f",
                                       "\"",
                                       "watchdog",
                                       "vga",
                                       "dom0_max_vcpus",
                                       "conring_size",
                                       "auto"};

    for (unsigned round = 0; round < 200000; round++) {
        char text[512] = "";
        uint64_t nr, most;
        struct boot_options o;

        for (uint64_t n = dice(14); n; n--)
            strcat(text, bits[dice(ARRAY_SIZE(bits))]);
        o = parsed(text);
        dom0_mem_pages(&o.dom0_mem, dice(1ULL << 40), &nr, &most);
        assert_true(memchr(o.sched, 0, OPTION_WORD) && memchr(o.selftest, 0, OPTION_WORD));
        for (unsigned i = 0; i < OPTION_MAX_WRONG; i++)
            assert_true(memchr(o.wrong[i], 0, OPTION_WORD) && memchr(o.unknown[i], 0, OPTION_WORD));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_lines),    cmocka_unit_test(kinds),       cmocka_unit_test(mistakes),
        cmocka_unit_test(table_is_sound), cmocka_unit_test(dom0_memory), cmocka_unit_test(any_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
