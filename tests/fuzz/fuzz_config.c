/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xl.cfg: no text makes the parser step outside of it, use more than its limits or leave something
 * behind; what it accepts has a name, a kernel and disks with numbers.
 */
// SHORT: 30000
// OPTIONS: -max_len=2000 -dict=tests/fuzz/config.dict
// SOURCES: dom0-tools/config/arena.c dom0-tools/config/report.c dom0-tools/config/syntax.c dom0-tools/config/disk.c dom0-tools/config/nic.c dom0-tools/config/guest_config.c
// FLAGS: -Idom0-tools -D_GNU_SOURCE
#include <cmocka.h>

#include "config/guest_config.h"
#include "fuzz.h"

static void check(const struct guest_config *c)
{
    assert_true(c->name && *c->name && c->kernel && *c->kernel && c->cmdline);
    assert_true(c->vcpus && c->vcpus <= c->max_vcpus && c->max_vcpus <= CONFIG_MAX_VCPUS);
    assert_true(c->memory_mib && c->memory_mib <= c->maxmem_mib);
    for (unsigned i = 0; i < c->nr_disks; i++) {
        assert_true(c->disks[i].vdev && disk_number(c->disks[i].vdev) == (int)c->disks[i].number);
        assert_true(c->disks[i].format == DISK_EMPTY || *c->disks[i].path);
    }
    for (unsigned i = 0; i < c->nr_nics; i++)
        assert_true(!c->nics[i].has_mac || !(c->nics[i].mac[0] & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_report report;
    static struct guest_config config;
    struct config_syntax syntax = {0};
    char *text = fuzz_copy(data, size);

    memset(&report, 0, sizeof(report));
    if (config_parse(&syntax, "fuzz", text, size, &report)) {
        assert_true(report.nr_errors == 0);
        if (guest_config_make(&config, &syntax, &report))
            check(&config);
        else
            assert_true(report.nr_errors > 0);
    } else {
        assert_true(report.nr_errors == 1);
    }
    assert_true(report.nr_notes <= REPORT_MAX_NOTES);
    config_syntax_free(&syntax);
    free(text);
    return 0;
}
