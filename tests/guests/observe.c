/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control domain sees of hypercalls: counters and latencies by perfc_op, trace rings by
 * tbuf_op, with good and bad arguments; and a ring whose reader writes nonsense hurts nobody. Needs
 * to be dom0 of Pavis: Debian's Xen has no counters.
 */
#include "test.h"

#include "abi/sysctl.h"
#include "abi/trace.h"

#define TREE_VA    0x0000123400000000UL
#define RING_PAGES 3
#define PROBES     7 /* calls whose records are looked for */

static struct xen_sysctl sys;
static struct xen_sysctl_perfc_desc desc[80];
static uint32_t value[2048];
static struct tree tree;

static long sysctl(unsigned cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_sysctl, &sys);
}

static long perfc(unsigned cmd, const void *d, const void *v)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.perfc_op.cmd = cmd;
    sys.u.perfc_op.desc = (uint64_t)d;
    sys.u.perfc_op.val = (uint64_t)v;
    return sysctl(XEN_SYSCTL_perfc_op);
}

static long tbuf(unsigned cmd, unsigned size)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.tbuf_op.cmd = cmd;
    sys.u.tbuf_op.size = size;
    sys.u.tbuf_op.evt_mask = size; /* set_evt_mask's argument */
    return sysctl(XEN_SYSCTL_tbuf_op);
}

/* The values of the counter with that name, and how many; NULL: there is none. */
static uint32_t *counter(const char *name, unsigned *n)
{
    unsigned at = 0;

    if (perfc(XEN_SYSCTL_PERFCOP_query, desc, value))
        return NULL;
    for (unsigned i = 0; i < sys.u.perfc_op.nr_counters; at += desc[i++].nr_vals) {
        *n = desc[i].nr_vals;
        if (!memcmp(desc[i].name, name, strlen(name) + 1))
            return &value[at];
    }
    return NULL;
}

/* Calls and refusals are counted by number, and from 0 again after a reset. */
static void test_counters(void)
{
    uint32_t *v;
    unsigned n;

    REQUIRE_RC(perfc(XEN_SYSCTL_PERFCOP_query, NULL, NULL), 0);
    REQUIRE(sys.u.perfc_op.nr_counters <= 80 && sys.u.perfc_op.nr_vals <= 2048);
    EXPECT(sys.u.perfc_op.nr_counters > 30);
    EXPECT_RC(perfc(XEN_SYSCTL_PERFCOP_reset, NULL, NULL), 0);
    for (unsigned i = 0; i < PROBES; i++)
        hc_vm_assist(77, i);
    REQUIRE((v = counter("hypercalls", &n)) != NULL);
    EXPECT_EQ(n, 64);
    EXPECT_EQ(v[__HYPERVISOR_vm_assist], PROBES);
    EXPECT_EQ(v[__HYPERVISOR_sysctl], 1); /* the reset's own count is gone, the query's is there */
    EXPECT_EQ(v[__HYPERVISOR_domctl], 0);
    REQUIRE((v = counter("refusals, by hypercall", &n)) != NULL);
    EXPECT_EQ(v[__HYPERVISOR_vm_assist], PROBES);
    EXPECT_EQ(v[__HYPERVISOR_sysctl], 0);
    EXPECT_RC(perfc(3, NULL, NULL), -EINVAL);
    EXPECT_RC(perfc(XEN_SYSCTL_PERFCOP_query, (void *)MACH2PHYS_VIRT_START, value), -EFAULT);
    EXPECT_RC(perfc(XEN_SYSCTL_PERFCOP_query, desc, (void *)0x1000), -EFAULT);
}

/* With the boot option each call falls into one bucket of its histogram, without into none. */
static void test_latencies(void)
{
    uint32_t *v, sum = 0;
    unsigned n;

    REQUIRE_RC(perfc(XEN_SYSCTL_PERFCOP_reset, NULL, NULL), 0);
    for (unsigned i = 0; i < PROBES; i++)
        hc_vm_assist(77, i);
    REQUIRE((v = counter("vm_assist: log2 of ns", &n)) != NULL);
    for (unsigned i = 0; i < n; i++)
        sum += v[i];
    EXPECT_EQ(sum, hypervisor_told("hypercall_latency") ? PROBES : 0);
}

/* Rings have one size for ever; nothing is traced without them; unknown commands are refused. */
static void test_ring_control(void)
{
    bool traced = hypervisor_told("tbuf_size=3");

    if (!traced) {
        REQUIRE_RC(tbuf(XEN_SYSCTL_TBUFOP_get_info, 0), 0);
        EXPECT_EQ(sys.u.tbuf_op.buffer_mfn, 0);
        EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_enable, 0), -EINVAL);
        EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, 0), -EINVAL);
        EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, 1u << 20), -EINVAL);
        EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, ~0u), -EINVAL);
    }
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, RING_PAGES), 0);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, RING_PAGES), 0);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, RING_PAGES + 1), -EINVAL);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_cpu_mask, 0), 0); /* of no bits: no CPU */
    EXPECT_RC(tbuf(6, 0), -EINVAL);
    REQUIRE_RC(tbuf(XEN_SYSCTL_TBUFOP_get_info, 0), 0);
    EXPECT_EQ(sys.u.tbuf_op.evt_mask, TRC_ALL);
    EXPECT_EQ(sys.u.tbuf_op.size % PAGE_SIZE, 0);
}

/* All CPUs, which is what the mask says that is as long as the caller's. */
static void trace_all_cpus(void)
{
    static uint8_t all[8] = {255, 255, 255, 255, 255, 255, 255, 255};

    memset(&sys, 0, sizeof(sys));
    sys.u.tbuf_op.cmd = XEN_SYSCTL_TBUFOP_set_cpu_mask;
    sys.u.tbuf_op.cpu_mask.bitmap = (uint64_t)all;
    sys.u.tbuf_op.cpu_mask.nr_bits = 64;
    EXPECT_RC(sysctl(XEN_SYSCTL_tbuf_op), 0);
}

static long map_xen(unsigned slot, uint64_t mfn, uint64_t flags)
{
    return mmu_update_for(pte_machine(&tree.l1[slot]), mfn * PAGE_SIZE | flags, DOMID_XEN);
}

/* The list in slot 0, the first CPU's ring in the slots from 1 on. */
static bool map_rings(void)
{
    const uint32_t *words = (const void *)tree.va;
    const struct t_info *info = (const void *)tree.va;

    if (tbuf(XEN_SYSCTL_TBUFOP_get_info, 0))
        return false;
    EXPECT(map_xen(0, sys.u.tbuf_op.buffer_mfn, RW_FLAGS) < 0); /* the list is ours */
    if (map_xen(0, sys.u.tbuf_op.buffer_mfn, RO_FLAGS))
        return false;
    EXPECT_EQ(info->tbuf_size, RING_PAGES);
    for (unsigned i = 0; i < RING_PAGES; i++)
        if (map_xen(1 + i, words[info->mfn_offset[0] + i], RW_FLAGS))
            return false;
    return true;
}

static unsigned count_calls(const struct t_buf *buf, unsigned number)
{
    const uint8_t *data = (const uint8_t *)(buf + 1);
    uint32_t size = RING_PAGES * PAGE_SIZE - sizeof(*buf), at = buf->cons;
    unsigned n = 0;

    while (at != buf->prod) {
        const uint32_t *rec = (const uint32_t *)(data + (at >= size ? at - size : at));
        bool stamped = *rec & TRC_HD_CYCLE_FLAG;

        if ((*rec & 0x0fffffff) == TRC_PV_HYPERCALL_V2 &&
            (rec[3] & ~TRC_PV_HYPERCALL_V2_ARG_MASK) == number)
            n++;
        at += 4 + (stamped ? 8 : 0) + 4 * (*rec >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX);
        if (at >= 2 * size)
            at -= 2 * size;
    }
    return n;
}

/* Records of calls arrive in the ring that dom0 maps; a full ring and a mad reader do no harm. */
static void test_ring_contents(void)
{
    struct t_buf *buf;

    REQUIRE_RC(tbuf(XEN_SYSCTL_TBUFOP_set_size, RING_PAGES), 0);
    trace_all_cpus();
    REQUIRE(tree_make(&tree, TREE_VA));
    REQUIRE(map_rings());
    buf = (struct t_buf *)(tree.va + PAGE_SIZE);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_evt_mask, TRC_PV), 0);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_enable, 0), 0);
    EXPECT_EQ(buf->cons, 0);
    for (unsigned i = 0; i < PROBES; i++)
        hc_vm_assist(77, i);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_disable, 0), 0);
    EXPECT_EQ(count_calls(buf, __HYPERVISOR_vm_assist), PROBES);
    for (unsigned i = 0; i < PROBES; i++)
        hc_vm_assist(77, i);
    EXPECT_EQ(count_calls(buf, __HYPERVISOR_vm_assist), PROBES); /* off is off */

    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_set_evt_mask, TRC_ALL), 0);
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_enable, 0), 0);
    for (unsigned i = 0; i < 2000; i++) { /* full, and then a cons that lies */
        hc_vm_assist(77, i);
        if (i > 1000)
            buf->cons = i * 2654435761u;
        if (i > 1500)
            memset(buf, (int)i, 64);
    }
    EXPECT_RC(tbuf(XEN_SYSCTL_TBUFOP_disable, 0), 0);
    for (unsigned i = 0; i <= RING_PAGES; i++)
        EXPECT_RC(map_xen(i, 0, 0), 0);
    tree_drop(&tree);
    EXPECT(audit_clean());
}

TESTS("observe", T(counters), T(latencies), T(ring_control), T(ring_contents));
