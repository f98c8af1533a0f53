/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The atomic protocol on one grant; see grant_entry.h.  Pure.
 */
#include "domain/grant_entry.h"

#include "lib/atomic.h"

/* A granter that rewrites its entry while it is being used is given up on after as many tries as
 * Xen makes, so that it cannot keep us here. */
#define ACQUIRE_TRIES 5

union entry_word {
    struct grant_entry_v1 e;
    uint64_t word;
};
_Static_assert(sizeof(union entry_word) == 8, "an entry is swapped as one word");

int grant_entry_acquire(struct grant_entry_v1 *shared, domid_t user, bool write, bool mapping,
                        uint32_t *frame)
{
    uint16_t type_mask = GTF_type_mask | (mapping ? GTF_sub_page : 0);
    uint64_t *word = (uint64_t *)shared;
    union entry_word seen = {.word = load_once(word)};

    for (unsigned i = 0; i < ACQUIRE_TRIES; i++) {
        union entry_word next = seen;

        if ((seen.e.flags & type_mask) != GTF_permit_access || seen.e.domid != user)
            return GNTST_general_error;
        if (write && (seen.e.flags & GTF_readonly))
            return GNTST_general_error;
        next.e.flags |= (uint16_t)(GTF_reading | (write ? GTF_writing : 0));
        if (atomic_cmpxchg(word, &seen.word, next.word)) {
            *frame = seen.e.frame;
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

/* Clears bits (GTF_reading, GTF_writing) that the hypervisor had set. */
static void grant_entry_release(struct grant_entry_v1 *shared, uint16_t bits)
{
    atomic_get_and(&shared->flags, (uint16_t)~bits);
}

static int pin_locked(struct active_grant *a, struct grant_entry_v1 *shared, domid_t user,
                      uint32_t inc, bool mapping)
{
    bool write = inc & GNTPIN_WRITERS;
    uint32_t frame;

    if (a->pin && (a->domid != user || (a->pin & GNTPIN_NEARLY_FULL)))
        return GNTST_general_error;
    if (!a->pin || (write && !(a->pin & GNTPIN_WRITERS))) {
        int rc = grant_entry_acquire(shared, user, write, mapping, &frame);

        if (rc != GNTST_okay)
            return rc;
        /* A reader's frame stays the frame, whatever the entry says when a writer comes along. */
        if (!a->pin) {
            a->mfn = frame;
            a->domid = user;
        }
    }
    a->pin += inc;
    return GNTST_okay;
}

int grant_active_pin(struct active_grant *active, struct grant_entry_v1 *shared, domid_t user,
                     uint32_t inc, bool mapping, uint32_t *mfn)
{
    int rc;

    spin_lock(&active->lock);
    rc = pin_locked(active, shared, user, inc, mapping);
    *mfn = active->mfn;
    spin_unlock(&active->lock);
    return rc;
}

void grant_active_unpin(struct active_grant *active, struct grant_entry_v1 *shared, uint32_t inc)
{
    uint16_t bits = 0;

    spin_lock(&active->lock);
    active->pin -= inc;
    if ((inc & GNTPIN_WRITERS) && !(active->pin & GNTPIN_WRITERS))
        bits |= GTF_writing;
    if (!active->pin)
        bits |= GTF_reading;
    if (bits)
        grant_entry_release(shared, bits);
    spin_unlock(&active->lock);
}
