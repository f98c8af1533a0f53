/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protocol on one grant: the shared entry, which the granter writes at will, and the active
 * entry, which is the hypervisor's own.  Pure.
 *
 * A granter sets domid and frame, then the type GTF_permit_access.  When the grant is used the
 * hypervisor sets GTF_reading, and GTF_writing for writers; the granter may take the grant back
 * only by a compare-and-swap that finds both clear.  So these bits have to be set by a
 * compare-and-swap of the whole 8-byte entry: what was checked (type, domid, frame, read-only) is
 * then what was true at the moment of setting, in one piece (XSA-500).  After that the shared entry
 * is not read again while the active entry has a pin.
 *
 * If this is wrong: a frame is used that is not, or no longer, lent.
 */
#pragma once

#include "abi/grant_table.h"
#include "domain/grant.h"
#include "lib/types.h"

/*
 * Sets GTF_reading (and GTF_writing) on behalf of `user`.  *frame is what the entry named at that
 * moment.  `mapping`: a mapping, which an entry for part of a page does not allow.
 * GNTST_okay, or GNTST_general_error: not lent to this user, not in this way, or it kept changing.
 */
int grant_entry_acquire(struct grant_entry_v1 *shared, domid_t user, bool write, bool mapping,
                        uint32_t *frame);

/*
 * Counts one more use in the active entry (`inc`: a sum of GNTPIN_*, each at most once), acquiring
 * the shared entry when that use is the first of its kind.  *mfn: the frame; it is not checked nor
 * referenced here.  GNTST_okay, GNTST_general_error.  Takes active.lock.
 */
int grant_active_pin(struct active_grant *active, struct grant_entry_v1 *shared, domid_t user,
                     uint32_t inc, bool mapping, uint32_t *mfn);

/* Takes back what pin counted.  All uses of the frame under it are over, and flushed. */
void grant_active_unpin(struct active_grant *active, struct grant_entry_v1 *shared, uint32_t inc);

/* GNTPIN_* of a mapping with these GNTMAP_* flags. */
static inline uint32_t grant_pins_of(uint32_t flags)
{
    bool ro = flags & GNTMAP_readonly;

    return ((flags & GNTMAP_host_map) ? (ro ? GNTPIN_HOST_READ : GNTPIN_HOST_WRITE) : 0) +
           ((flags & GNTMAP_device_map) ? (ro ? GNTPIN_DEV_READ : GNTPIN_DEV_WRITE) : 0);
}
