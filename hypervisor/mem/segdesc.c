/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment descriptors that a guest may load: code and data, privilege level 3.
 *
 * A call gate or task state segment of a guest could lead into ring 0, so no system descriptor that
 * is present is accepted; guests have no use for them (their LDT is set by hypercall).  Code and
 * data need no check of base and limit: in 64-bit mode and for the pages above, paging protects us.
 */
#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/validate.h"

#define DESC_PRESENT  BIT(47)
#define DESC_DPL3     (3UL << 45)
#define DESC_S        BIT(44) /* code or data; clear: system */
#define DESC_TYPE     (0xfUL << 40)
#define DESC_ACCESSED BIT(40)

bool segdesc_ok(uint64_t *desc)
{
    if (!(*desc & DESC_PRESENT))
        return true; /* any use faults */
    if (!(*desc & DESC_S))
        return !(*desc & DESC_TYPE); /* type 0 is reserved: any use faults */
    /* Accessed beforehand, so that the processor never writes to the page. */
    *desc |= DESC_DPL3 | DESC_ACCESSED;
    return true;
}

int segdesc_promote(struct frame *f)
{
    uint64_t *d = frame_virt(f);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*d); i++) {
        uint64_t seen = load_once(&d[i]), v = seen;

        if (!segdesc_ok(&v))
            return guest_error(-EINVAL, "descriptor page holds a system descriptor");
        if (v != seen)
            store_once(&d[i], v);
    }
    return 0;
}
