/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making domains and vCPUs.
 *
 * A domain is built in full before anybody can find it, and registered last, so that creation
 * either succeeds or leaves nothing behind.  It begins paused once by tools, with one frame shared
 * (shared_info) and none of its own.  What comes after (memory, context, devices) is the
 * toolstack's or dom0's builder's work; how it all goes away is in domain/destroy.c.
 */
#include "domain/domain.h"
#include "abi/errno.h"
#include "console/log.h"
#include "debug/assert.h"
#include "domain/pv_hooks.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/rangeset.h"
#include "time/clock.h"

/* What may be asked for; anything else is for HVM, or for devices we do not assign. */
#define CREATE_FLAGS_PV XEN_DOMCTL_CDF_xs_domain

static int check_config(const struct xen_domctl_createdomain *cfg)
{
    if (cfg->flags & (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap))
        return guest_error(-EINVAL, "only PV domains can be created");
    if (cfg->flags & ~CREATE_FLAGS_PV)
        return guest_error(-EINVAL, "createdomain flag not supported for a PV domain");
    if (cfg->iommu_opts)
        return guest_error(-EINVAL, "IOMMU options without an IOMMU");
    if (cfg->max_vcpus < 1 || cfg->max_vcpus > MAX_VCPUS)
        return guest_error(-EINVAL, "max_vcpus must be 1 to 64");
    if (cfg->grant_opts & ~XEN_DOMCTL_GRANT_version_mask)
        return guest_error(-EINVAL, "unknown grant option");
    /* 0 would switch grants off altogether; a domain that may have version 2 gets version 1. */
    if (XEN_DOMCTL_GRANT_version(cfg->grant_opts) < 1 ||
        XEN_DOMCTL_GRANT_version(cfg->grant_opts) > 2)
        return guest_error(-EINVAL, "max_grant_version must be 1 (2 is taken for 1)");
    if (cfg->vmtrace_size)
        return guest_error(-EINVAL, "no processor tracing");
    if (cfg->cpupool_id)
        return guest_error(-ENOENT, "there is one CPU pool, number 0");
    /* A PIT is the one device that Xen emulates for PV, for dom0 only; ours has none. */
    if (cfg->arch.emulation_flags & ~XEN_X86_EMU_PIT)
        return guest_error(-EINVAL, "no emulated devices for a PV domain");
    if (cfg->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX)
        return guest_error(-EINVAL, "unknown misc flag");
    return 0;
}

static int init_shared_info(struct domain *d)
{
    int rc;

    d->shared_info = hv_alloc_page();
    if (!d->shared_info)
        return guest_error(-ENOMEM, "no memory for it");
    rc = frame_share(d->shared_info, &d->mem, true);
    if (rc) {
        hv_free_page(d->shared_info);
        d->shared_info = NULL;
        return rc;
    }
    d->shared_info_mfn = virt_to_mfn(d->shared_info);
    m2p_set(d->shared_info_mfn, M2P_SHARED);
    return 0;
}

static void init_fields(struct domain *d, domid_t id, const struct xen_domctl_createdomain *cfg)
{
    d->mem.id = id;
    spin_lock_init(&d->mem.lock);
    d->refcnt = 1;
    list_init(&d->list);
    spin_lock_init(&d->lock);
    spin_lock_init(&d->pause_lock);
    spin_lock_init(&d->shutdown_lock);
    memcpy(d->handle, cfg->handle, sizeof(d->handle));
    d->arch_config = cfg->arch;
    d->is_xenstore = cfg->flags & XEN_DOMCTL_CDF_xs_domain;
    d->max_vcpus = cfg->max_vcpus;
    d->pause_by_tools = d->pause_count = 1;
    d->shutdown_code = SHUTDOWN_CODE_INVALID;
    d->tsc_incarnation = 1;
    d->shared_info_mfn = INVALID_MFN;
}

static int init_permissions(struct domain *d)
{
    d->ioports = rangeset_new();
    d->irqs = rangeset_new();
    d->mem.iomem = rangeset_new();
    return d->ioports && d->irqs && d->mem.iomem
               ? 0
               : guest_error(-ENOMEM, "no memory for the sets of permissions");
}

int domain_create(domid_t id, const struct xen_domctl_createdomain *cfg, struct domain **out)
{
    struct domain *d;
    int rc = check_config(cfg);

    if (rc)
        return rc;
    d = hv_zalloc(sizeof(*d));
    if (!d)
        return guest_error(-ENOMEM, "no memory for it");
    init_fields(d, id, cfg);
    sched_init_domain(d);

    rc = mem_owner_init(&d->mem);
    if (rc)
        goto free_struct;
    rc = evtchn_init(d, cfg->max_evtchn_port);
    if (rc)
        goto free_owner;
    rc = init_permissions(d);
    if (!rc)
        rc = pv_domain_init(d);
    if (rc)
        goto free_parts;
    rc = init_shared_info(d);
    if (rc)
        goto free_parts;
    rc = grant_table_init(d, cfg->max_grant_frames, cfg->max_maptrack_frames);
    if (rc)
        goto free_shared;
    wallclock_update_domain(d);

    rc = domain_register(d);
    if (rc)
        goto free_grants;
    *out = d;
    return 0;

free_grants:
    grant_table_relinquish(d);
    grant_table_destroy(d);
free_shared:
    frame_unshare_and_free(d->shared_info);
free_parts:
    pv_domain_free(d);
    rangeset_free(d->ioports);
    rangeset_free(d->irqs);
    rangeset_free(d->mem.iomem);
    evtchn_free(d);
free_owner:
    mem_owner_destroy(&d->mem);
free_struct:
    hv_free(d);
    return rc;
}

int vcpu_create(struct domain *d, unsigned id, struct vcpu **out)
{
    struct vcpu *v;
    uint64_t flags;
    int rc;

    if (id >= d->max_vcpus)
        return guest_error(-EINVAL, "vCPU number above max_vcpus");
    if (d->vcpu[id])
        return guest_error(-EEXIST, "vCPU exists already");
    v = hv_zalloc(sizeof(*v));
    if (!v)
        return guest_error(-ENOMEM, "no memory for it");
    v->domain = d;
    v->id = id;
    v->flags = VPF_DOWN;
    v->vcpu_info_mfn = INVALID_MFN;
    sched_init_vcpu(v);
    vcpu_info_init(v);
    rc = pv_vcpu_init(v);
    if (rc) {
        sched_destroy_vcpu(v);
        hv_free(v);
        return rc;
    }
    flags = spin_lock_irqsave(&d->pause_lock);
    v->pause_count = d->pause_count;
    store_release(&d->vcpu[id], v);
    spin_unlock_irqrestore(&d->pause_lock, flags);
    *out = v;
    return 0;
}
