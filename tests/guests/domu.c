/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for tests of tools: it says on its own console what it was given, and then does what its
 * command line asks for.  Runs under any toolstack, on any Xen (tests/system/xl-verbs.sh); as dom0
 * it is a family whose one test is the counting.
 *
 *   spin      takes all the processor time it gets
 *   stay      does nothing, for ever
 *   poweroff, reboot, crash   when something is typed on its console
 */
#include "abi/io/console.h"
#include "test.h"

#define LIMIT 4200 /* more than there can be */

static struct xencons_interface console __attribute__((aligned(4096)));
static evtchn_port_t ports[LIMIT];

/* To the console that the toolstack gave; dom0 has none. */
static void say(const char *line)
{
    struct evtchn_send send = {start_info->console.domU.evtchn};
    uint32_t at = console.out_prod;

    if (start_info->flags & SIF_INITDOMAIN)
        return;
    for (; *line; line++)
        console.out[MASK_XENCONS_IDX(at++, console.out)] = *line;
    __atomic_store_n(&console.out_prod, at, __ATOMIC_SEQ_CST);
    hc_event_op(EVTCHNOP_send, &send);
}

static unsigned count_ports(void)
{
    struct evtchn_alloc_unbound alloc = {DOMID_SELF, DOMID_SELF, 0};
    unsigned n = 0;

    while (n < LIMIT && !hc_event_op(EVTCHNOP_alloc_unbound, &alloc))
        ports[n++] = alloc.port;
    EXPECT_RC(hc_event_op(EVTCHNOP_alloc_unbound, &alloc), -ENOSPC);
    for (unsigned i = 0; i < n; i++) {
        struct evtchn_close close = {ports[i]};

        EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
    }
    return n;
}

/* The table grows to its limit, at once, and not by one frame more. */
static unsigned count_grant_frames(void)
{
    static xen_pfn_t frames[257];
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .frame_list = (guest_ptr_t)frames};

    EXPECT_RC(hc_grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT_EQ(size.status, GNTST_okay);
    setup.nr_frames = size.max_nr_frames;
    EXPECT(setup.nr_frames && setup.nr_frames < 257);
    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EXPECT_EQ(setup.status, GNTST_okay);
    setup.nr_frames++;
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    EXPECT_EQ(setup.status, GNTST_general_error);
    return size.max_nr_frames;
}

/* What this domain may have of ports and grant frames, to the limit and not beyond. */
static void test_limits(void)
{
    domid_t self = DOMID_SELF;
    unsigned nr_ports = count_ports(), nr_frames = count_grant_frames();
    char line[128];

    EXPECT(nr_ports > 0);
    format(line, sizeof(line), "LIMITS %s ports %u grant frames %u memory %lu of %lu\n",
           test_failed() ? test_reason() : "ok", nr_ports, nr_frames,
           hc_memory_op(XENMEM_current_reservation, &self),
           hc_memory_op(XENMEM_maximum_reservation, &self));
    say(line);
}

static void test_act(void)
{
    static const struct {
        const char *word;
        unsigned reason;
    } ends[] = {
        {"poweroff", SHUTDOWN_poweroff}, {"reboot", SHUTDOWN_reboot}, {"crash", SHUTDOWN_crash}};

    if (start_info->flags & SIF_INITDOMAIN)
        return;
    while (__atomic_load_n(&console.in_prod, __ATOMIC_SEQ_CST) == console.in_cons) {
        struct sched_poll poll = {.timeout = system_time() + 100000000};

        if (!cmdline_has("spin"))
            hc_sched_op(SCHEDOP_poll, &poll);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        struct sched_shutdown arg = {ends[i].reason};

        if (cmdline_has(ends[i].word))
            hc_sched_op(SCHEDOP_shutdown, &arg);
    }
}

static void test_console(void)
{
    if (start_info->flags & SIF_INITDOMAIN)
        return;
    EXPECT_RC(
        hc_update_va(&console, start_info->console.domU.mfn * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG),
        0);
}

TESTS("domu", T(console), T(limits), T(act));
