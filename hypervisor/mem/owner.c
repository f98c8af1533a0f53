/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owners by number.  A frame record has room for the number only; the last put of a frame must find
 * the owner to account to.  It is there: an owner with a frame holds a reference on its domain.
 */
#include "abi/xen.h"
#include "debug/assert.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "mem/heap.h"

struct mem_owner mem_owner_xen = {.id = DOMID_XEN};
struct mem_owner mem_owner_io = {.id = DOMID_IO};

/* Two levels of 512 and 64 pointers: only as many pages as ranges of numbers are in use. */
#define LEAF_SHIFT 9
#define LEAF_SIZE  (1u << LEAF_SHIFT)
static struct mem_owner **leaf[(DOMID_MASK + 1) >> LEAF_SHIFT];
static spinlock_t owner_lock;

struct mem_owner *mem_owner_by_id(domid_t id)
{
    struct mem_owner **l;

    if (id == DOMID_XEN)
        return &mem_owner_xen;
    if (id == DOMID_IO)
        return &mem_owner_io;
    if (id > DOMID_MASK)
        return NULL;
    l = load_acquire(&leaf[id >> LEAF_SHIFT]);
    return l ? load_acquire(&l[id & (LEAF_SIZE - 1)]) : NULL;
}

int mem_owner_init(struct mem_owner *o)
{
    struct mem_owner **l, **fresh = NULL;
    int rc = 0;

    BUG_ON(o->id > DOMID_MASK);
    o->root_generation = 1;
    if (!leaf[o->id >> LEAF_SHIFT]) {
        fresh = hv_alloc_page();
        if (!fresh)
            return guest_error(-ENOMEM, "no memory for it");
    }
    o->chunk_map = hv_zalloc(BITMAP_WORDS(DIV_UP(frame_limit, 512)) * 8);
    if (!o->chunk_map) {
        hv_free_page(fresh);
        return guest_error(-ENOMEM, "no memory for it");
    }

    spin_lock(&owner_lock);
    if (!leaf[o->id >> LEAF_SHIFT]) {
        store_release(&leaf[o->id >> LEAF_SHIFT], fresh);
        fresh = NULL;
    }
    l = leaf[o->id >> LEAF_SHIFT];
    if (l[o->id & (LEAF_SIZE - 1)])
        rc = -EEXIST;
    else
        store_release(&l[o->id & (LEAF_SIZE - 1)], o);
    spin_unlock(&owner_lock);

    hv_free_page(fresh);
    if (rc) {
        hv_free(o->chunk_map);
        o->chunk_map = NULL;
    }
    return rc;
}

void mem_owner_destroy(struct mem_owner *o)
{
    struct mem_owner **l = leaf[o->id >> LEAF_SHIFT];

    BUG_ON(o->tot_pages || o->shared_pages);
    mem_claim(o, 0);
    spin_lock(&owner_lock);
    BUG_ON(!l || l[o->id & (LEAF_SIZE - 1)] != o);
    store_release(&l[o->id & (LEAF_SIZE - 1)], (struct mem_owner *)NULL);
    spin_unlock(&owner_lock);
    hv_free(o->chunk_map);
    o->chunk_map = NULL;
}

void mem_owner_for_each(void (*fn)(struct mem_owner *o, void *arg), void *arg)
{
    for (unsigned i = 0; i < ARRAY_SIZE(leaf); i++)
        for (unsigned j = 0; leaf[i] && j < LEAF_SIZE; j++)
            if (leaf[i][j])
                fn(leaf[i][j], arg);
}
