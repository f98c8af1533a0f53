// SPDX-License-Identifier: GPL-2.0-only
/* Grant copies of a round, which the kernel is asked for in one call: see card.h.  Which side of a
 * copy is a guest's is fixed here: its domain comes from the queue, its reference from the ring.
 */
#include "abi/grant_table.h"
#include "netback/card.h"

bool batch_has_room(const struct batch *batch, unsigned copies)
{
    return batch->nr_copies + copies <= BATCH_COPIES && batch->nr_deliveries < BATCH_DROPS;
}

struct grant_copy *batch_add(struct batch *batch, unsigned flags, unsigned len)
{
    struct grant_copy *c = &batch->copies[batch->nr_copies++];
    c->flags = (uint16_t)flags;
    c->len = (uint16_t)len;
    c->status = GNTST_okay;
    return c;
}

void batch_side(union grant_side *side, const struct queue *queue, uint32_t ref, unsigned offset)
{
    side->granted.ref = ref;
    side->granted.offset = (uint16_t)offset;
    side->granted.domid = (uint16_t)queue->card->device->guest;
}

void batch_run(struct batch *batch)
{
    if (grants_copy_each(batch->copies, batch->nr_copies))
        return;
    for (unsigned i = 0; i < batch->nr_copies; i++)
        batch->copies[i].status = GNTST_general_error;
}

bool batch_copied(const struct batch *batch, unsigned first, unsigned nr)
{
    for (unsigned i = first; i < first + nr; i++) {
        if (batch->copies[i].status != GNTST_okay)
            return false;
    }
    return true;
}

void batch_copy(struct worker *worker, const union grant_side *theirs, uint8_t *ours, uint32_t len,
                bool to_guest)
{
    union grant_side at = *theirs;
    while (len > 0) {
        union grant_side here;
        uint32_t now = parcels_grant(worker, ours, len, &here);
        unsigned flags = to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
        if (now > 0) {
            flags = GNTCOPY_dest_gref | GNTCOPY_source_gref;
        } else {
            here.local = ours;
            now = len;
        }
        struct grant_copy *c = batch_add(&worker->batch, flags, now);
        c->from = to_guest ? here : at;
        c->to = to_guest ? at : here;
        at.granted.offset = (uint16_t)(at.granted.offset + now);
        ours += now;
        len -= now;
    }
}

void batch_fetch(struct worker *worker, const struct parcel *parcel, uint8_t *to, uint32_t len)
{
    for (const struct piece *piece = parcel->rest; len > 0; piece++) {
        uint32_t now = piece->len < len ? piece->len : len;
        union grant_side from;
        batch_side(&from, parcel->from, piece->ref, piece->offset);
        batch_copy(worker, &from, to, now, false);
        to += now;
        len -= now;
    }
}
