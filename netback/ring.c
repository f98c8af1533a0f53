// SPDX-License-Identifier: GPL-2.0-only
/* Index arithmetic and the one copy of each request: see ring.h. */
#include <stddef.h>
#include <string.h>

#include "netback/ring.h"

#define SLOTS(page) ((uint8_t *)(page) + XEN_RING_HEADER_SIZE)

_Static_assert(sizeof(union tx_slot) == sizeof(union netif_tx_sring_entry), "a slot");
_Static_assert(sizeof(union rx_slot) == sizeof(union netif_rx_sring_entry), "a slot");
_Static_assert(offsetof(struct netif_tx_sring, ring) == XEN_RING_HEADER_SIZE, "the header");
_Static_assert(offsetof(struct netif_rx_sring, ring) == XEN_RING_HEADER_SIZE, "the header");
_Static_assert(XEN_RING_HEADER_SIZE + RING_SLOTS * sizeof(union tx_slot) <= 1u << XEN_PAGE_SHIFT,
               "a page");

/* The header is the same in both kinds. */
static struct netif_tx_sring *header(const struct ring *ring)
{
    return ring->page;
}

/* Acquire: what the front end wrote before the index is seen after it. */
static uint32_t load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

int ring_pending(const struct ring *ring)
{
    uint32_t prod = load(&header(ring)->req_prod);
    /* Slots that are neither taken nor answered are at most all of them; the difference wraps well.
     */
    if (prod - ring->rsp_prod > RING_SLOTS || prod - ring->req_cons > RING_SLOTS)
        return RING_BROKEN;
    return (int)(prod - ring->req_cons);
}

/* Volatile, so that the compiler cannot look twice. */
void ring_read_tx(const struct ring *ring, uint32_t index, union tx_slot *slot)
{
    const volatile uint32_t *from =
        (const volatile uint32_t *)SLOTS(ring->page) + (size_t)(index & (RING_SLOTS - 1)) * 3;
    for (unsigned i = 0; i < 3; i++)
        slot->words[i] = from[i];
}

void ring_read_rx(const struct ring *ring, uint32_t index, union rx_slot *slot)
{
    slot->word = ((const volatile uint64_t *)SLOTS(ring->page))[index & (RING_SLOTS - 1)];
}

bool ring_wait(struct ring *ring, unsigned nr)
{
    __atomic_store_n(&header(ring)->req_event, ring->req_cons + nr, __ATOMIC_SEQ_CST);
    /* The front end writes its index and then reads req_event; we the other way round, so that one
     * of the two sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load(&header(ring)->req_prod) - ring->req_cons >= nr;
}

void ring_answer_tx(struct ring *ring, uint16_t id, int16_t status)
{
    struct netif_tx_response response = {id, status};
    uint32_t word;
    memcpy(&word, &response, sizeof(word));
    /* The rest of the slot stays what the front end has written there. */
    volatile uint32_t *to = (volatile uint32_t *)SLOTS(ring->page);
    to[(size_t)(ring->rsp_prod & (RING_SLOTS - 1)) * 3] = word;
    ring->rsp_prod++;
}

void ring_answer_rx(struct ring *ring, const union rx_slot *answer)
{
    volatile uint64_t *to = (volatile uint64_t *)SLOTS(ring->page);
    to[ring->rsp_prod & (RING_SLOTS - 1)] = answer->word;
    ring->rsp_prod++;
}

bool ring_publish(struct ring *ring)
{
    uint32_t old = ring->rsp_published;
    __atomic_store_n(&header(ring)->rsp_prod, ring->rsp_prod, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t event = load(&header(ring)->rsp_event);
    ring->rsp_published = ring->rsp_prod;
    return ring->rsp_prod - event < ring->rsp_prod - old;
}

uint32_t ring_seen_responses(const struct ring *ring)
{
    return load(&header(ring)->rsp_prod);
}
