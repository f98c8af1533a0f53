/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control-plane hypercalls (domctl, sysctl, platform_op) share.
 */
#pragma once

#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "lib/cpumask.h"
#include "lib/types.h"

struct domain;
struct vcpu;
struct cpu_policy;

/*
 * One domctl under way: our copy of the structure, and the domain it names (NULL for those that
 * name none yet).  A handler that changed *op for the caller sets copy_back, on errors too.
 */
struct domctl_call {
    struct xen_domctl *op;
    struct domain *d;
    bool copy_back;
};
typedef long (*domctl_fn)(struct domctl_call *c);

/* --- domctl_life.c --------------------------------------------------------------------------- */
long domctl_createdomain(struct domctl_call *c);
long domctl_destroydomain(struct domctl_call *c);
long domctl_pausedomain(struct domctl_call *c);
long domctl_unpausedomain(struct domctl_call *c);
long domctl_resumedomain(struct domctl_call *c);
long domctl_getdomaininfo(struct domctl_call *c);
long domctl_max_mem(struct domctl_call *c);
long domctl_max_vcpus(struct domctl_call *c);
long domctl_setdomainhandle(struct domctl_call *c);
long domctl_settimeoffset(struct domctl_call *c);
long domctl_gettscinfo(struct domctl_call *c);
long domctl_settscinfo(struct domctl_call *c);
long domctl_subscribe(struct domctl_call *c);
long domctl_set_virq_handler(struct domctl_call *c);
long domctl_scheduler_op(struct domctl_call *c);

/* --- domctl_vcpu.c --------------------------------------------------------------------------- */
long domctl_setvcpucontext(struct domctl_call *c);
long domctl_getvcpucontext(struct domctl_call *c);
long domctl_getvcpuinfo(struct domctl_call *c);
long domctl_setvcpuaffinity(struct domctl_call *c);
long domctl_getvcpuaffinity(struct domctl_call *c);
long domctl_set_ext_vcpucontext(struct domctl_call *c);
long domctl_get_ext_vcpucontext(struct domctl_call *c);
long domctl_setvcpuextstate(struct domctl_call *c);
long domctl_getvcpuextstate(struct domctl_call *c);
long domctl_set_vcpu_msrs(struct domctl_call *c);
long domctl_get_vcpu_msrs(struct domctl_call *c);
long domctl_sendtrigger(struct domctl_call *c);

/* --- domctl_mem.c ---------------------------------------------------------------------------- */
long domctl_getpageframeinfo3(struct domctl_call *c);
long domctl_shadow_op(struct domctl_call *c);
long domctl_hypercall_init(struct domctl_call *c);
long domctl_set_address_size(struct domctl_call *c);
long domctl_get_address_size(struct domctl_call *c);
long domctl_irq_permission(struct domctl_call *c);
long domctl_iomem_permission(struct domctl_call *c);
long domctl_ioport_permission(struct domctl_call *c);
long domctl_setnodeaffinity(struct domctl_call *c);
long domctl_getnodeaffinity(struct domctl_call *c);
long domctl_paging_mempool(struct domctl_call *c);

/* --- cpu_policy.c ---------------------------------------------------------------------------- */
long domctl_get_cpu_policy(struct domctl_call *c);
long domctl_set_cpu_policy(struct domctl_call *c);
long sysctl_cpu_policy(struct xen_sysctl *op);
long sysctl_cpu_featureset(struct xen_sysctl *op);

/* --- perfc.c, tbuf.c ------------------------------------------------------------------------- */
long sysctl_perfc_op(struct xen_sysctl *op);
long sysctl_tbuf_op(struct xen_sysctl *op);

/* --- sysctl_topology.c ----------------------------------------------------------------------- */
long sysctl_physinfo(struct xen_sysctl *op);
long sysctl_cputopoinfo(struct xen_sysctl *op);
long sysctl_numainfo(struct xen_sysctl *op);
long sysctl_pcitopoinfo(struct xen_sysctl *op);
long sysctl_cpupool_op(struct xen_sysctl *op);

/* --- platform_efi.c -------------------------------------------------------------------------- */
long platform_efi_info(uint32_t index, union xenpf_efi_info *info);
long platform_efi_call(struct xenpf_efi_runtime_call *op);

/* --- shared ---------------------------------------------------------------------------------- */
/* What tools know of a domain (domctl getdomaininfo, sysctl getdomaininfolist). */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* CPU sets in a caller's memory (bitmap.c): bits of CPUs that we have no number for are ignored
 * when read and zero when written.  0 or -EFAULT. */
int cpumask_from_guest(cpumask_t *mask, const struct xenctl_bitmap *map);
int cpumask_to_guest(const struct xenctl_bitmap *map, cpumask_t mask);

/* Unless tools gave it nodes, a domain's memory comes from where its vCPUs run.  Under domctl's
 * lock, after an affinity has changed. */
void domain_nodes_follow_vcpus(struct domain *d);
