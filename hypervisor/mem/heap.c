/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for the hypervisor's own objects.  See mem/heap.h.
 *
 * Small objects come from pages of one size class each.  Such a page begins with a header and is in
 * its class's list while it has a free object; an empty page goes back at once.  A pointer aligned
 * to a page is therefore never a small object.
 */
#include "mem/heap.h"

#include "debug/assert.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/frame.h"

static const uint16_t class_size[] = {32,  64,  128,  192,  256,         384,
                                      496, 672, 1008, 1344, HV_SMALL_MAX};

struct small_page {
    struct list_head list;
    void *free; /* chain through the first word of each free object */
    uint16_t class;
    uint16_t used;
    uint32_t magic;
};

#define SMALL_MAGIC  0x50534d41u
#define SMALL_HEADER 64 /* keeps objects aligned to 16, and large ones to a cache line */

_Static_assert(sizeof(struct small_page) <= SMALL_HEADER, "header grew");
_Static_assert(SMALL_HEADER + 2 * HV_SMALL_MAX <= PAGE_SIZE, "two of the largest per page");

static spinlock_t small_lock;
static struct list_head partial[ARRAY_SIZE(class_size)];

void *hv_alloc_pages(unsigned order)
{
    struct frame *f = frame_alloc(NULL, order, 0, 0);

    return f ? frame_virt(f) : NULL;
}

void hv_free_pages(void *p, unsigned order)
{
    if (p)
        frame_free_hv(frame_of(virt_to_mfn(p)), order);
}

void *hv_alloc_page(void)
{
    return hv_alloc_pages(0);
}

void hv_free_page(void *p)
{
    hv_free_pages(p, 0);
}

static unsigned class_of(size_t size)
{
    unsigned c = 0;

    while (class_size[c] < size)
        c++;
    return c;
}

static void small_page_init(struct small_page *p, unsigned c)
{
    unsigned nr = (PAGE_SIZE - SMALL_HEADER) / class_size[c];

    p->class = (uint16_t)c;
    p->magic = SMALL_MAGIC;
    for (unsigned i = 0; i < nr; i++) {
        void **object = (void **)((uint8_t *)p + SMALL_HEADER + i * class_size[c]);

        *object = p->free;
        p->free = object;
    }
}

static void *small_alloc(unsigned c)
{
    struct small_page *p, *fresh = NULL;
    void **object;

    spin_lock(&small_lock);
    if (!partial[c].next)
        list_init(&partial[c]);
    if (list_empty(&partial[c])) {
        /* Allocation may flush other CPUs' TLBs and wait for them: not under a lock. */
        spin_unlock(&small_lock);
        fresh = hv_alloc_page();
        if (!fresh)
            return NULL;
        small_page_init(fresh, c);
        spin_lock(&small_lock);
        list_add(&partial[c], &fresh->list);
    }
    p = container_of(partial[c].next, struct small_page, list);
    object = p->free;
    p->free = *object;
    p->used++;
    if (!p->free)
        list_remove(&p->list);
    spin_unlock(&small_lock);
    memset(object, 0, class_size[c]);
    return object;
}

static void small_free(void *object)
{
    struct small_page *p = (struct small_page *)((uintptr_t)object & PAGE_MASK);
    bool empty;

    BUG_ON(p->magic != SMALL_MAGIC || p->class >= ARRAY_SIZE(class_size) ||
           ((uintptr_t)object - (uintptr_t)p - SMALL_HEADER) % class_size[p->class]);
    spin_lock(&small_lock);
    BUG_ON(p->used == 0);
    if (!p->free)
        list_add(&partial[p->class], &p->list);
    *(void **)object = p->free;
    p->free = object;
    empty = --p->used == 0;
    if (empty)
        list_remove(&p->list);
    spin_unlock(&small_lock);
    if (empty) {
        p->magic = 0;
        hv_free_page(p);
    }
}

void *hv_zalloc(size_t size)
{
    unsigned order = 0;

    if (size <= HV_SMALL_MAX)
        return small_alloc(class_of(size));
    while (order <= FRAME_MAX_ORDER && PAGE_SIZE << order < size)
        order++;
    return order > FRAME_MAX_ORDER ? NULL : hv_alloc_pages(order);
}

void hv_free(void *p)
{
    if (!p)
        return;
    if ((uintptr_t)p & (PAGE_SIZE - 1)) {
        small_free(p);
        return;
    }
    hv_free_pages(p, (frame_of(virt_to_mfn(p))->ref & REF_ORDER_MASK) >> REF_ORDER_SHIFT);
}
