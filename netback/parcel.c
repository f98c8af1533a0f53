// SPDX-License-Identifier: GPL-2.0-only
/* Packets on their way, and their memory, which is kept for the next ones. */
#include <stdlib.h>

#include "abi/xen.h"
#include "netback/card.h"

#define HEAD_PAGES   (OWN_HEADS * HEAD_ROOM / GATE_PAGE)
#define BUFFER_PAGES (PARCEL_ROOM / GATE_PAGE)

_Static_assert(2 * FRAME_HEAD + VLAN_BYTES <= HEAD_ROOM && GATE_PAGE % HEAD_ROOM == 0,
               "both heads of a parcel are in one page");
_Static_assert(GATE_PAGE - 1 + PACKET_MAX_SIZE <= PARCEL_ROOM, "any packet, beginning anywhere");

void parcels_init(struct parcel_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

void parcels_add(struct parcel_list *list, struct parcel *parcel)
{
    parcel->next = NULL;
    *list->end = parcel;
    list->end = &parcel->next;
}

struct parcel *parcels_take(struct parcel_list *list)
{
    struct parcel *parcel = list->first;
    if (parcel && !(list->first = parcel->next))
        list->end = &list->first;
    return parcel;
}

/* All networks share what the kernel allows (xen-gntalloc's `limit`): less will do. */
void parcels_open(struct worker *worker)
{
    for (unsigned buffers = OWN_BUFFERS; buffers > 0 && !worker->own; buffers /= 2) {
        unsigned nr = HEAD_PAGES + buffers * BUFFER_PAGES;
        free(worker->own_refs);
        worker->own_refs = calloc(nr, sizeof(*worker->own_refs));
        worker->own = worker->own_refs ? grants_own(nr, worker->own_refs) : NULL;
        worker->own_pages = worker->own ? nr : 0;
    }
    uint8_t *end = worker->own + (size_t)worker->own_pages * GATE_PAGE;
    for (uint8_t *at = worker->own + HEAD_PAGES * GATE_PAGE; worker->own && at < end;
         at += PARCEL_ROOM) {
        *(void **)at = worker->own_buffers;
        worker->own_buffers = at;
    }
}

uint32_t parcels_grant(const struct worker *worker, const uint8_t *at, uint32_t len,
                       union grant_side *side)
{
    size_t offset = (uintptr_t)at - (uintptr_t)worker->own;
    if (offset / GATE_PAGE >= worker->own_pages)
        return 0;
    side->granted.ref = worker->own_refs[offset / GATE_PAGE];
    side->granted.offset = offset % GATE_PAGE;
    side->granted.domid = DOMID_SELF;
    uint32_t left = GATE_PAGE - side->granted.offset;
    return len < left ? len : left;
}

static struct parcel *make_parcel(struct worker *worker)
{
    bool own = worker->own && worker->own_parcels < OWN_HEADS;
    struct parcel *parcel = malloc(sizeof(*parcel) + (own ? 0 : HEAD_ROOM));
    if (parcel) {
        parcel->own_head =
            own ? worker->own + (size_t)worker->own_parcels++ * HEAD_ROOM : (uint8_t *)(parcel + 1);
        parcel->other_head = parcel->own_head + FRAME_HEAD;
    }
    return parcel;
}

struct parcel *parcel_new(struct worker *worker)
{
    struct parcel *parcel = worker->free_parcels;
    if (parcel)
        worker->free_parcels = parcel->next;
    else if (!(parcel = make_parcel(worker)))
        return NULL;
    /* The big arrays are described by numbers that are set here. */
    parcel->next = NULL;
    parcel->from = NULL;
    parcel->refs = 1;
    parcel->failed = parcel->here = false;
    parcel->head = parcel->own_head;
    parcel->buffer = NULL;
    parcel->nr_rest = parcel->nr_slots = parcel->nr_copies = parcel->other_len = 0;
    return parcel;
}

bool parcel_buffer(struct worker *worker, struct parcel *parcel)
{
    void **list = worker->own_buffers ? &worker->own_buffers : &worker->free_buffers;
    void **kept = *list;
    if (parcel->buffer)
        return true;
    if (worker->buffers == MOST_BUFFERS)
        return false;
    if (kept)
        *list = *kept;
    else if (!(kept = aligned_alloc(GATE_PAGE, PARCEL_ROOM)))
        return false;
    worker->buffers++;
    parcel->buffer = (uint8_t *)kept;
    return true;
}

void parcel_put(struct worker *worker, struct parcel *parcel)
{
    if (--parcel->refs > 0)
        return;
    for (unsigned i = 0; i < parcel->nr_slots; i++)
        queue_answer(parcel->from, parcel->slots[i], parcel->failed);
    if (parcel->buffer) {
        union grant_side side;
        bool own = parcels_grant(worker, parcel->buffer, 1, &side) > 0;
        void **list = own ? &worker->own_buffers : &worker->free_buffers;
        *(void **)parcel->buffer = *list;
        *list = parcel->buffer;
        worker->buffers--;
    }
    parcel->next = worker->free_parcels;
    worker->free_parcels = parcel;
}

uint8_t *parcel_place(const struct parcel *parcel)
{
    unsigned first = parcel->nr_rest > 1 ? parcel->rest[0].len : 0;
    return parcel->buffer + (GATE_PAGE - first) % GATE_PAGE;
}

void parcel_cut(struct parcel *parcel, uint32_t len)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < parcel->nr_rest; i++) {
        struct piece *piece = &parcel->rest[i];
        uint16_t now = (uint16_t)(piece->len < len ? piece->len : len);
        len -= now;
        if (piece->len > now)
            parcel->rest[kept++] = (struct piece){piece->ref, (uint16_t)(piece->offset + now),
                                                  (uint16_t)(piece->len - now)};
    }
    parcel->nr_rest = kept;
}
