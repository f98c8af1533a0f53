// SPDX-License-Identifier: GPL-2.0-only
/* Calls that act on a domain: see control.h.  Those about the machine are in host.c. */
#include "lib/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"

#define E820_RAM 1

struct e820_entry { /* as the BIOS packs it */
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

static const char no_memory[] = "no memory for a hypercall";

static const char *remedy_for(int error)
{
    switch (error) {
    case ESRCH: return "There is no such domain: look at `pavis list`";
    case EPERM: return "Only dom0 may do this";
    case EACCES: return "The hypervisor has another interface version than Xen 4.17's";
    case ENOMEM: return "End a guest or lower its memory, or give dom0 less (dom0_mem=)";
    default: return NULL;
    }
}

static int failed(struct problem *why, const char *what)
{
    return problem_set(why, errno, remedy_for(errno), "cannot %s", what);
}

/* Calls with a structure that the hypervisor reads and writes. */
static long call_with(struct hypercalls *h, unsigned op, int64_t cmd, void *arg, size_t size,
                      const char *what, struct problem *why)
{
    void *copy = hypercall_alloc(h, size);
    long result;
    int error;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    memcpy(copy, arg, size);
    result = cmd < 0 ? hypercall(h, op, (uintptr_t)copy, 0, 0, 0)
                     : hypercall(h, op, (uint64_t)cmd, (uintptr_t)copy, 0, 0);
    error = errno;
    memcpy(arg, copy, size);
    hypercall_free(h, copy);
    errno = error;
    return result < 0 ? failed(why, what) : result;
}

int control_domctl(struct hypercalls *h, struct xen_domctl *op, const char *what,
                   struct problem *why)
{
    char text[100];

    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    snprintf(text, sizeof(text), "%s domain %u", what, op->domain);
    return (int)call_with(h, __HYPERVISOR_domctl, -1, op, sizeof(*op), text, why);
}

static long memory_op(struct hypercalls *h, unsigned cmd, void *arg, size_t size, const char *what,
                      struct problem *why)
{
    return call_with(h, __HYPERVISOR_memory_op, cmd, arg, size, what, why);
}

/* ---- life */

int domain_create(struct hypercalls *h, unsigned domid, const struct xen_domctl_createdomain *what,
                  struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain, .domain = (domid_t)domid};

    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.u.createdomain = *what;
    if (call_with(h, __HYPERVISOR_domctl, -1, &op, sizeof(op), "create a domain", why) < 0)
        return -1;
    return op.domain;
}

static int simple(struct hypercalls *h, unsigned cmd, unsigned domid, const char *what,
                  struct problem *why)
{
    struct xen_domctl op = {.cmd = cmd, .domain = (domid_t)domid};

    return control_domctl(h, &op, what, why);
}

int domain_destroy(struct hypercalls *h, unsigned domid, struct problem *why)
{
    return simple(h, XEN_DOMCTL_destroydomain, domid, "destroy", why);
}

int domain_pause(struct hypercalls *h, unsigned domid, struct problem *why)
{
    return simple(h, XEN_DOMCTL_pausedomain, domid, "pause", why);
}

int domain_unpause(struct hypercalls *h, unsigned domid, struct problem *why)
{
    return simple(h, XEN_DOMCTL_unpausedomain, domid, "unpause", why);
}

int domain_resume(struct hypercalls *h, unsigned domid, struct problem *why)
{
    return simple(h, XEN_DOMCTL_resumedomain, domid, "resume", why);
}

int domain_shutdown(struct hypercalls *h, unsigned domid, unsigned reason, struct problem *why)
{
    struct sched_remote_shutdown op = {.domain_id = (domid_t)domid, .reason = reason};

    return (int)call_with(h, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &op, sizeof(op),
                          "shut the domain down", why);
}

int domain_set_handle(struct hypercalls *h, unsigned domid, const uint8_t handle[16],
                      struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setdomainhandle, .domain = (domid_t)domid};

    memcpy(op.u.setdomainhandle.handle, handle, sizeof(op.u.setdomainhandle.handle));
    return control_domctl(h, &op, "set the uuid of", why);
}

int domain_trigger(struct hypercalls *h, unsigned domid, unsigned trigger, unsigned vcpu,
                   struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_sendtrigger, .domain = (domid_t)domid};

    op.u.sendtrigger.trigger = trigger;
    op.u.sendtrigger.vcpu = vcpu;
    return control_domctl(h, &op, "trigger a vCPU of", why);
}

/* ---- limits and properties */

int domain_max_mem(struct hypercalls *h, unsigned domid, uint64_t kib, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)domid};

    op.u.max_mem.max_memkb = kib;
    return control_domctl(h, &op, "set the memory limit of", why);
}

int domain_max_vcpus(struct hypercalls *h, unsigned domid, unsigned nr, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_vcpus, .domain = (domid_t)domid};

    op.u.max_vcpus.max = nr;
    return control_domctl(h, &op, "make vCPUs for", why);
}

int domain_memory_map(struct hypercalls *h, unsigned domid, uint64_t kib, struct problem *why)
{
    struct e820_entry *entry = hypercall_alloc(h, sizeof(*entry));
    struct xen_foreign_memory_map map = {.domid = (domid_t)domid};
    int ret;

    if (!entry)
        return problem_set(why, ENOMEM, NULL, no_memory);
    *entry = (struct e820_entry){.length = kib << 10, .type = E820_RAM};
    map.map.nr_entries = 1;
    map.map.buffer = (uintptr_t)entry;
    ret = (int)memory_op(h, XENMEM_set_memory_map, &map, sizeof(map), "set the guest's memory map",
                         why);
    hypercall_free(h, entry);
    return ret;
}

int domain_tsc_mode(struct hypercalls *h, unsigned domid, unsigned mode, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_settscinfo, .domain = (domid_t)domid};

    op.u.tsc_info.tsc_mode = mode;
    return control_domctl(h, &op, "set the TSC mode of", why);
}

int domain_time_offset(struct hypercalls *h, unsigned domid, int64_t seconds, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_settimeoffset, .domain = (domid_t)domid};

    op.u.settimeoffset.time_offset_seconds = seconds;
    return control_domctl(h, &op, "set the time offset of", why);
}

int domain_cpu_policy(struct hypercalls *h, unsigned domid, const struct xen_cpuid_leaf *leaves,
                      unsigned nr, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_set_cpu_policy, .domain = (domid_t)domid};
    struct xen_cpuid_leaf *copy = hypercall_alloc(h, nr * sizeof(*leaves));
    int ret;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    memcpy(copy, leaves, nr * sizeof(*leaves));
    op.u.cpu_policy.nr_leaves = nr;
    op.u.cpu_policy.leaves = (uintptr_t)copy;
    ret = control_domctl(h, &op, "set the CPUID policy of", why);
    hypercall_free(h, copy);
    if (ret && op.u.cpu_policy.err_leaf != ~0u)
        problem_in(why, "CPUID leaf %#x subleaf %#x is refused", op.u.cpu_policy.err_leaf,
                   op.u.cpu_policy.err_subleaf);
    return ret;
}

/* ---- scheduling */

int domain_set_weight(struct hypercalls *h, unsigned domid, unsigned weight, unsigned cap,
                      struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domid};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = (uint16_t)weight;
    op.u.scheduler_op.u.credit2.cap = (uint16_t)cap;
    return control_domctl(h, &op, "set weight and cap of", why);
}

int domain_get_weight(struct hypercalls *h, unsigned domid, unsigned *weight, unsigned *cap,
                      struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domid};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    if (control_domctl(h, &op, "read weight and cap of", why))
        return -1;
    *weight = op.u.scheduler_op.u.credit2.weight;
    *cap = op.u.scheduler_op.u.credit2.cap;
    return 0;
}

static int affinity(struct hypercalls *h, unsigned cmd, unsigned domid, unsigned vcpu,
                    uint8_t *hard, uint8_t *soft, struct problem *why)
{
    struct xen_domctl op = {.cmd = cmd, .domain = (domid_t)domid};
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    uint8_t *maps = hypercall_alloc(h, 2 * CONTROL_CPU_BYTES);
    int ret;

    if (!maps)
        return problem_set(why, ENOMEM, NULL, no_memory);
    a->vcpu = vcpu;
    a->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
    if (hard)
        memcpy(maps, hard, CONTROL_CPU_BYTES);
    if (soft)
        memcpy(maps + CONTROL_CPU_BYTES, soft, CONTROL_CPU_BYTES);
    a->cpumap_hard.bitmap = (uintptr_t)maps;
    a->cpumap_soft.bitmap = (uintptr_t)maps + CONTROL_CPU_BYTES;
    a->cpumap_hard.nr_bits = a->cpumap_soft.nr_bits = CONTROL_CPU_BYTES * 8;
    ret = control_domctl(h, &op, "set or read the affinity of", why);
    if (hard)
        memcpy(hard, maps, CONTROL_CPU_BYTES);
    if (soft)
        memcpy(soft, maps + CONTROL_CPU_BYTES, CONTROL_CPU_BYTES);
    hypercall_free(h, maps);
    return ret;
}

int vcpu_set_affinity(struct hypercalls *h, unsigned domid, unsigned vcpu, const uint8_t *hard,
                      const uint8_t *soft, struct problem *why)
{
    uint8_t maps[2][CONTROL_CPU_BYTES]; /* the answer says what is in effect; nobody asks */

    if (hard)
        memcpy(maps[0], hard, sizeof(maps[0]));
    if (soft)
        memcpy(maps[1], soft, sizeof(maps[1]));
    return affinity(h, XEN_DOMCTL_setvcpuaffinity, domid, vcpu, hard ? maps[0] : NULL,
                    soft ? maps[1] : NULL, why);
}

int vcpu_get_affinity(struct hypercalls *h, unsigned domid, unsigned vcpu,
                      uint8_t hard[CONTROL_CPU_BYTES], uint8_t soft[CONTROL_CPU_BYTES],
                      struct problem *why)
{
    memset(hard, 0, CONTROL_CPU_BYTES);
    memset(soft, 0, CONTROL_CPU_BYTES);
    return affinity(h, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, hard, soft, why);
}

int vcpu_get_info(struct hypercalls *h, unsigned domid, unsigned vcpu,
                  struct xen_domctl_getvcpuinfo *info, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuinfo, .domain = (domid_t)domid};

    op.u.getvcpuinfo.vcpu = vcpu;
    if (control_domctl(h, &op, "read the state of a vCPU of", why))
        return -1;
    *info = op.u.getvcpuinfo;
    return 0;
}

/* ---- memory and registers */

int domain_claim(struct hypercalls *h, unsigned domid, uint64_t pages, struct problem *why)
{
    struct xen_memory_reservation r = {.nr_extents = pages, .domid = (domid_t)domid};
    char what[80];

    snprintf(what, sizeof(what), "reserve %llu MiB of the machine's memory",
             (unsigned long long)(pages >> 8));
    return (int)memory_op(h, XENMEM_claim_pages, &r, sizeof(r), what, why);
}

long domain_populate(struct hypercalls *h, unsigned domid, uint64_t *frames, uint64_t nr,
                     unsigned order, struct problem *why)
{
    struct xen_memory_reservation r = {
        .nr_extents = nr, .extent_order = order, .domid = (domid_t)domid};
    uint64_t *copy = hypercall_alloc(h, nr * sizeof(*frames));
    long done;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    memcpy(copy, frames, nr * sizeof(*frames));
    r.extent_start = (uintptr_t)copy;
    done = memory_op(h, XENMEM_populate_physmap, &r, sizeof(r), "give the domain memory", why);
    memcpy(frames, copy, nr * sizeof(*frames));
    hypercall_free(h, copy);
    return done;
}

int domain_pin_l4(struct hypercalls *h, unsigned domid, uint64_t mfn, struct problem *why)
{
    struct mmuext_op *op = hypercall_alloc(h, sizeof(*op));
    long result;
    int error;

    if (!op)
        return problem_set(why, ENOMEM, NULL, no_memory);
    op->cmd = MMUEXT_PIN_L4_TABLE;
    op->arg1.mfn = mfn;
    /* One operation, no count of those done wanted, on that domain's memory. */
    result = hypercall(h, __HYPERVISOR_mmuext_op, (uintptr_t)op, 1, 0, domid);
    error = errno;
    hypercall_free(h, op);
    errno = error;
    return result < 0 ? failed(why, "pin the guest's first page tables") : 0;
}

int domain_hypercall_page(struct hypercalls *h, unsigned domid, uint64_t mfn, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_hypercall_init, .domain = (domid_t)domid};

    op.u.hypercall_init.gmfn = mfn;
    return control_domctl(h, &op, "write the hypercall page of", why);
}

int vcpu_set_context(struct hypercalls *h, unsigned domid, unsigned vcpu,
                     const struct vcpu_guest_context *context, struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext, .domain = (domid_t)domid};
    struct vcpu_guest_context *copy = hypercall_alloc(h, sizeof(*copy));
    int ret;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    *copy = *context;
    op.u.vcpucontext.vcpu = vcpu;
    op.u.vcpucontext.ctxt = (uintptr_t)copy;
    ret = control_domctl(h, &op, "set the registers of", why);
    hypercall_free(h, copy);
    return ret;
}

int domain_alloc_port(struct hypercalls *h, unsigned domid, unsigned remote, struct problem *why)
{
    struct evtchn_alloc_unbound op = {.dom = (domid_t)domid, .remote_dom = (domid_t)remote};

    if (call_with(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &op, sizeof(op),
                  "allocate an event channel", why) < 0)
        return -1;
    return (int)op.port;
}

int domain_info(struct hypercalls *h, unsigned domid, struct xen_domctl_getdomaininfo *info,
                struct problem *why)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)domid};

    if (control_domctl(h, &op, "read the state of", why))
        return -1;
    *info = op.u.getdomaininfo;
    return 0;
}

int domain_grant_frames(struct hypercalls *h, unsigned domid, uint32_t *now, uint32_t *max,
                        struct problem *why)
{
    static const char what[] = "ask for the size of a grant table";
    struct gnttab_query_size size = {.dom = (domid_t)domid};
    struct gnttab_query_size *copy = hypercall_alloc(h, sizeof(*copy));
    long result;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    *copy = size;
    result = hypercall(h, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, (uintptr_t)copy, 1, 0);
    size = *copy;
    hypercall_free(h, copy);
    if (result < 0)
        return failed(why, what);
    *now = size.nr_frames;
    *max = size.max_nr_frames;
    return size.status == GNTST_okay ? 0 : problem_set(why, EPERM, NULL, "cannot %s", what);
}
