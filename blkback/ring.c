// SPDX-License-Identifier: GPL-2.0-only
/* Index arithmetic and the one copy of each request: see ring.h. */
#include <string.h>

#include "blkback/ring.h"

_Static_assert(sizeof(union ring_request) == sizeof(union blkif_sring_entry), "a slot");
_Static_assert(sizeof(struct blkif_response) % sizeof(uint64_t) == 0, "responses go by words");

/* Acquire: what the front end wrote before the index is seen after it. */
static uint32_t load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static union blkif_sring_entry *slot(const struct ring *ring, uint32_t index)
{
    return &ring->shared->ring[index & (ring->slots - 1)];
}

unsigned ring_slots(unsigned pages)
{
    unsigned fit = (pages * (1u << XEN_PAGE_SHIFT) - XEN_RING_HEADER_SIZE) /
                   (unsigned)sizeof(union blkif_sring_entry);
    unsigned slots = 1;
    while (slots * 2 <= fit)
        slots *= 2;
    return slots;
}

void ring_init(struct ring *ring, void *shared, unsigned pages)
{
    *ring = (struct ring){.shared = shared, .slots = ring_slots(pages)};
}

enum ring_found ring_take(struct ring *ring, union ring_request *request)
{
    uint32_t prod = load(&ring->shared->req_prod);
    /* Slots that are neither taken nor answered are at most all of them; the difference wraps well.
     */
    if (prod - ring->rsp_prod > ring->slots || prod - ring->req_cons > ring->slots)
        return RING_BROKEN;
    if (prod == ring->req_cons)
        return RING_EMPTY;
    /* Volatile, so that the compiler cannot look twice. */
    const volatile uint64_t *from = (const volatile uint64_t *)slot(ring, ring->req_cons);
#pragma GCC unroll 14
    for (unsigned i = 0; i < sizeof(request->words) / sizeof(request->words[0]); i++)
        request->words[i] = from[i];
    ring->req_cons++;
    return RING_REQUEST;
}

bool ring_filled(const struct ring *ring)
{
    return load(&ring->shared->req_prod) != ring->req_cons;
}

bool ring_wait(struct ring *ring)
{
    __atomic_store_n(&ring->shared->req_event, ring->req_cons + 1, __ATOMIC_SEQ_CST);
    /* The front end writes its index and then reads req_event; we the other way round, so that one
     * of the two sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_filled(ring);
}

void ring_respond(struct ring *ring, uint64_t id, uint8_t operation, int16_t status)
{
    struct blkif_response response;
    uint64_t words[sizeof(response) / sizeof(uint64_t)];
    memset(&response, 0, sizeof(response)); /* nothing of ours in the gaps */
    response.id = id;
    response.operation = operation;
    response.status = status;
    memcpy(words, &response, sizeof(words));
    volatile uint64_t *to = (volatile uint64_t *)slot(ring, ring->rsp_prod);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        to[i] = words[i];
    ring->rsp_prod++;
}

bool ring_publish(struct ring *ring)
{
    uint32_t old = ring->rsp_published;
    __atomic_store_n(&ring->shared->rsp_prod, ring->rsp_prod, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t event = load(&ring->shared->rsp_event);
    ring->rsp_published = ring->rsp_prod;
    return ring->rsp_prod - event < ring->rsp_prod - old;
}

uint32_t ring_seen_responses(const struct ring *ring)
{
    return load(&ring->shared->rsp_prod);
}
