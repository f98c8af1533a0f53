// SPDX-License-Identifier: GPL-2.0-only
/* Packets on their way, and their memory, which is kept for the next ones. */
#include <stdlib.h>

#include "netback/card.h"

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

struct parcel *parcel_new(struct worker *worker)
{
    struct parcel *parcel = worker->free_parcels;
    if (parcel)
        worker->free_parcels = parcel->next;
    else if (!(parcel = malloc(sizeof(*parcel))))
        return NULL;
    /* The big arrays are described by numbers that are set here. */
    parcel->next = NULL;
    parcel->from = NULL;
    parcel->refs = 1;
    parcel->failed = parcel->here = false;
    parcel->head = parcel->inline_head;
    parcel->buffer = NULL;
    parcel->nr_rest = parcel->nr_slots = parcel->nr_copies = parcel->other_len = 0;
    return parcel;
}

bool parcel_buffer(struct worker *worker, struct parcel *parcel)
{
    void **kept = worker->free_buffers;
    if (parcel->buffer)
        return true;
    if (worker->buffers == MOST_BUFFERS)
        return false;
    if (kept)
        worker->free_buffers = *kept;
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
        *(void **)parcel->buffer = worker->free_buffers;
        worker->free_buffers = parcel->buffer;
        worker->buffers--;
    }
    parcel->next = worker->free_parcels;
    worker->free_parcels = parcel;
}
