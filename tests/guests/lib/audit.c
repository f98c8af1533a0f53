/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks the hypervisor for its audit, by debug key, and reads the verdict from its log. */
#include "abi/sysctl.h"
#include "test.h"

static struct xen_sysctl sys;
static char text[16384];

static long sysctl(unsigned cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_sysctl, &sys);
}

/* Reads the log from position `from` on into text[]; the result is where it ends. */
static uint32_t read_log(uint32_t from)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.readconsole.incremental = 1;
    sys.u.readconsole.index = from;
    sys.u.readconsole.buffer = (uint64_t)text;
    sys.u.readconsole.count = sizeof(text) - 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_readconsole), 0);
    text[sys.u.readconsole.count] = 0;
    return sys.u.readconsole.index;
}

bool audit_clean(void)
{
    uint32_t from = 0, next;
    bool clean = false;

    while ((next = read_log(from)) != from)
        from = next;
    memset(&sys, 0, sizeof(sys));
    sys.u.debug_keys.keys = (uint64_t) "A";
    sys.u.debug_keys.nr_keys = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_debug_keys), 0);
    hc_sched_op(SCHEDOP_yield, 0);
    read_log(from);
    for (unsigned i = 0; text[i]; i++)
        clean |= !strncmp(text + i, "audit: clean", 12);
    return clean;
}
