// SPDX-License-Identifier: GPL-2.0-only
/* Two byte rings in a page that a hostile guest shares: see ring.h. */
#include "xenconsoled/ring.h"

/* The other end's index orders what it wrote before, ours what we did before. */
static uint32_t load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_SEQ_CST);
}

size_t ring_look(const struct xencons_interface *page,
                 char text[sizeof(((struct xencons_interface *)0)->out)], uint32_t *end)
{
    uint32_t cons = load(&page->out_cons);
    uint32_t prod = load(&page->out_prod);
    if (prod - cons > sizeof(page->out))
        cons = prod - (uint32_t)sizeof(page->out);
    size_t len = prod - cons;
    for (size_t i = 0; i < len; i++)
        text[i] = page->out[MASK_XENCONS_IDX(cons + i, page->out)];
    *end = prod;
    return len;
}

void ring_taken(struct xencons_interface *page, uint32_t end)
{
    store(&page->out_cons, end);
}

size_t ring_room(const struct xencons_interface *page)
{
    uint32_t used = load(&page->in_prod) - load(&page->in_cons);
    return used > sizeof(page->in) ? 0 : sizeof(page->in) - used;
}

void ring_put(struct xencons_interface *page, const char *text, size_t len)
{
    uint32_t prod = load(&page->in_prod);
    for (size_t i = 0; i < len; i++)
        page->in[MASK_XENCONS_IDX(prod + i, page->in)] = text[i];
    store(&page->in_prod, prod + (uint32_t)len);
}
