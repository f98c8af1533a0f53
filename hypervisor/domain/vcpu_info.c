/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the hypervisor and a vCPU meet: struct vcpu_info, with the upcall bytes and the pvclock.
 *
 * It starts in the domain's shared_info (for the first 32 vCPUs) and may be moved once, to any
 * place in a frame of the guest's.  That frame is then held by a reference and a type count of
 * "writable": it cannot become a page table under our writes (I1), nor go away (I6).
 */
#include "lib/errno.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/vcpu.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/page_type.h"

/* For vCPUs without a place of their own, which cannot run: written, never read. */
static struct vcpu_info dummy_info;

void vcpu_info_init(struct vcpu *v)
{
    v->vcpu_info_mfn = INVALID_MFN;
    if (v->id < XEN_LEGACY_MAX_VCPUS && v->domain->shared_info)
        v->vcpu_info = &v->domain->shared_info->vcpu_info[v->id];
    else
        v->vcpu_info = &dummy_info;
}

bool vcpu_info_is_dummy(const struct vcpu *v)
{
    return v->vcpu_info == &dummy_info;
}

static int check_register(const struct vcpu *v, unsigned int offset)
{
    /* ENXIO for both, as Xen since XSA-327. */
    if (offset > PAGE_SIZE - sizeof(struct vcpu_info))
        return guest_error(-ENXIO, "vcpu_info would cross the end of its page");
    if (!IS_ALIGNED(offset, _Alignof(struct vcpu_info)))
        return guest_error(-ENXIO, "vcpu_info is not aligned");
    if (mfn_valid_number(v->vcpu_info_mfn))
        return guest_error(-EINVAL, "vcpu_info was registered before");
    /* Another vCPU that runs might write an event bit to the old place after it was copied. */
    if (v != current && !(load_once(&v->flags) & VPF_DOWN))
        return guest_error(-EINVAL, "vcpu_info of another vCPU that is up");
    return 0;
}

int vcpu_info_register(struct vcpu *v, mfn_t mfn, unsigned int offset)
{
    struct vcpu_info *new;
    struct frame *f;
    int rc = check_register(v, offset);

    if (rc)
        return rc;
    if (!frame_valid(mfn))
        return guest_error(-EINVAL, "vcpu_info: no such frame");
    f = frame_of(mfn);
    if (frame_get_type(f, v->domain->mem.id, PT_WRITABLE, 0) != 0)
        return guest_error(-EINVAL, "vcpu_info: frame is another's, or not writable");

    new = (struct vcpu_info *)((char *)mfn_to_virt(mfn) + offset);
    if (vcpu_info_is_dummy(v)) {
        memset(new, 0, sizeof(*new));
        new->evtchn_upcall_mask = 1;
    } else {
        memcpy(new, v->vcpu_info, sizeof(*new));
    }
    store_release(&v->vcpu_info, new);
    v->vcpu_info_mfn = mfn;
    smp_mb();
    /* An event that was being delivered to the old place may be lost with it: say that all words
     * of all ports may have something. */
    atomic_get_or(&new->evtchn_pending_sel, ~0UL);
    store_once(&new->evtchn_upcall_pending, 1);
    return 0;
}

void vcpu_info_release(struct vcpu *v)
{
    mfn_t mfn = v->vcpu_info_mfn;

    v->runstate_guest = 0;
    v->time_guest = 0;
    vcpu_info_init(v);
    if (mfn_valid_number(mfn))
        frame_put_type(frame_of(mfn));
}
