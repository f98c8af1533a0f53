/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How dom0 and with it the machine ends.  Alone: what would end or suspend it otherwise than asked
 * for is refused.  With a word on the command line (tests/system/ending-*) it then ends that way,
 * or stays for the test to do something to the machine.
 */
#include "abi/nmi.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "test.h"

/* There is no kexec, as on a Xen that was built without; whatever the arguments. */
static void test_kexec(void)
{
    for (unsigned op = 0; op < 8; op++)
        EXPECT_RC(HC_2(__HYPERVISOR_kexec_op, op, 0), on_pavis ? -ENOSYS : -EFAULT);
}

/* The machine does not suspend to memory or disk, and a sleep state that is none is refused too. */
static void test_sleep_states(void)
{
    static struct xen_platform_op op;

    if (!on_pavis)
        return;
    for (uint32_t state = 0; state < 8; state++) {
        if (state == 5)
            continue;
        op = (struct xen_platform_op){.cmd = XENPF_enter_acpi_sleep,
                                      .interface_version = XENPF_INTERFACE_VERSION,
                                      .u.enter_acpi_sleep.sleep_state = state};
        EXPECT_RC(HC_1(__HYPERVISOR_platform_op, &op), -EOPNOTSUPP);
    }
}

/* A shutdown whose reason cannot be read is none. */
static void test_shutdown_reason(void)
{
    EXPECT_RC(hc_sched_op(SCHEDOP_shutdown, (void *)0x1000), -EFAULT);
}

static bool nmi_hook(struct regs *regs)
{
    if (regs->vector != VECTOR_NMI)
        return false;
    print("NMI with reason %lu\n", shared_info->arch.nmi_reason);
    return true;
}

static void press_key(char key)
{
    static struct xen_sysctl sys;

    sys = (struct xen_sysctl){.cmd = XEN_SYSCTL_debug_keys,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    sys.u.debug_keys.keys = (uint64_t)&key;
    sys.u.debug_keys.nr_keys = 1;
    HC_1(__HYPERVISOR_sysctl, &sys);
}

/* Fills the log's ring and says how much of it there is, and whether it still has the first line.
 */
static void look_at_log(void)
{
    static char text[128 * 1024];
    static struct xen_sysctl sys;
    bool whole = false;

    for (unsigned i = 0; i < 30; i++)
        press_key('h');
    sys = (struct xen_sysctl){.cmd = XEN_SYSCTL_readconsole,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    sys.u.readconsole.buffer = (uint64_t)text;
    sys.u.readconsole.count = sizeof(text);
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &sys), 0);
    for (uint32_t i = 0; i < sys.u.readconsole.count; i++)
        whole |= !strncmp(text + i, "Pavis 4.17", 10);
    print("log ring %u KiB, from its start: %s\n", sys.u.readconsole.count >> 10,
          whole ? "yes" : "no");
}

/* As the command line says; without a word there the family ends as every other. */
static void test_end(void)
{
    static const struct {
        const char *word;
        unsigned reason;
    } ends[] = {{"poweroff", SHUTDOWN_poweroff},
                {"reboot", SHUTDOWN_reboot},
                {"suspend", SHUTDOWN_suspend},
                {"crash", SHUTDOWN_crash},
                {"watchdog", SHUTDOWN_watchdog}};
    struct xennmi_callback cb = {(uint64_t)nmi_entry, 0};

    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        struct sched_shutdown arg = {ends[i].reason};

        if (cmdline_has(ends[i].word))
            hc_sched_op(SCHEDOP_shutdown, &arg);
    }
    if (cmdline_has("fault")) {
        hc_set_trap_table(NULL);
        __asm__ volatile("ud2");
    }
    if (cmdline_has("panic"))
        press_key('C');
    if (cmdline_has("nmi")) {
        trap_hook = nmi_hook;
        HC_2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &cb);
    }
    if (cmdline_has("ring"))
        look_at_log();
    if (!cmdline_has("stay") && !cmdline_has("nmi") && !cmdline_has("ring"))
        return;
    print("STAYS\n");
    for (;;) {
        struct sched_poll poll = {.timeout = system_time() + 20000000};

        hc_sched_op(SCHEDOP_poll, &poll);
    }
}

TESTS("ending", T(kexec), T(sleep_states), T(shutdown_reason), T(end));
