/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which domains there are: by number, in order, and by reference.
 *
 * A domain is found through a table of two levels (64 pages of 512 pointers, made on demand), so
 * finding costs the same whether two domains exist or ten thousand; the list by number serves the
 * tools.  A reference keeps the structure, not the domain: a dead domain lives as a structure until
 * its last frame has been unmapped by others and the last pin on a grant of it is gone (I8).
 *
 * domain_list_lock guards table and list and is held for a few instructions only.  A structure is
 * taken out of the table before it is freed, and its count never leaves zero again, so what is
 * found under the lock with a count above zero is alive.
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/heap.h"
#include "mem/world.h"

#define TABLE_BITS  9 /* pointers in a page */
#define TABLE_SIZE  (1u << TABLE_BITS)
#define TABLE_PAGES (((unsigned)DOMID_FIRST_RESERVED >> TABLE_BITS) + 1)

spinlock_t domain_list_lock;
struct list_head domain_list = LIST_INIT(domain_list);

static struct domain **table[TABLE_PAGES];

static struct domain **slot_of(unsigned id)
{
    if (id >= DOMID_FIRST_RESERVED || !table[id >> TABLE_BITS])
        return NULL;
    return &table[id >> TABLE_BITS][id & (TABLE_SIZE - 1)];
}

bool domain_get(struct domain *d)
{
    unsigned seen = load_once(&d->refcnt);

    while (seen)
        if (atomic_cmpxchg(&d->refcnt, &seen, seen + 1))
            return true;
    return false;
}

static void free_from_softirq(void *arg)
{
    domain_free(arg);
}

void domain_put(struct domain *d)
{
    ASSERT(d->refcnt);
    if (atomic_sub_get(&d->refcnt, 1))
        return;
    /* The caller may hold any lock, and freeing takes many. */
    work_init(&d->free_work, free_from_softirq, d);
    work_schedule(&d->free_work);
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain **slot, *d = NULL;

    spin_lock(&domain_list_lock);
    slot = slot_of(id);
    if (slot && *slot && domain_get(*slot))
        d = *slot;
    spin_unlock(&domain_list_lock);
    return d;
}

struct domain *domain_get_next(unsigned id)
{
    struct domain *d, *found = NULL;

    spin_lock(&domain_list_lock);
    list_for_each (d, &domain_list, list) {
        if (d->mem.id >= id && domain_get(d)) {
            found = d;
            break;
        }
    }
    spin_unlock(&domain_list_lock);
    return found;
}

/* mem/world.h: a domain that owns a frame, of any kind, is referenced once for all of them. */
void mem_owner_hold(struct mem_owner *o)
{
    if (o->id < DOMID_FIRST_RESERVED)
        BUG_ON(!domain_get(owner_domain(o)));
}

void mem_owner_release(struct mem_owner *o)
{
    if (o->id < DOMID_FIRST_RESERVED)
        domain_put(owner_domain(o));
}

int domain_may_control(const struct domain *d)
{
    const struct domain *me = current_domain;

    if (me->is_control || me == d)
        return 0;
    return guest_error(-EPERM, "only the control domain may act on another domain");
}

int domain_resolve(domid_t id, struct domain **out)
{
    struct domain *d;
    int rc;

    if (id == DOMID_SELF || id == current_domain->mem.id) {
        *out = current_domain;
        BUG_ON(!domain_get(current_domain));
        return 0;
    }
    d = domain_get_by_id(id);
    if (!d)
        return guest_error(-ESRCH, "no such domain");
    rc = domain_may_control(d);
    if (rc) {
        domain_put(d);
        return rc;
    }
    *out = d;
    return 0;
}

int domain_register(struct domain *d)
{
    unsigned id = d->mem.id;
    struct domain **page = NULL, **slot, *at;
    struct list_head *before = &domain_list;

    if (!table[id >> TABLE_BITS]) {
        page = hv_alloc_page();
        if (!page)
            return guest_error(-ENOMEM, "no memory for it");
    }
    spin_lock(&domain_list_lock);
    if (page && !table[id >> TABLE_BITS]) {
        table[id >> TABLE_BITS] = page;
        page = NULL;
    }
    slot = slot_of(id);
    if (*slot) {
        spin_unlock(&domain_list_lock);
        hv_free_page(page);
        return guest_error(-EEXIST, "domain id in use");
    }
    *slot = d;
    list_for_each (at, &domain_list, list) {
        if (at->mem.id > id) {
            before = &at->list;
            break;
        }
    }
    list_add_tail(before, &d->list); /* in front of `before` */
    spin_unlock(&domain_list_lock);
    hv_free_page(page);
    return 0;
}

void domain_unregister(struct domain *d)
{
    spin_lock(&domain_list_lock);
    *slot_of(d->mem.id) = NULL;
    list_remove(&d->list);
    spin_unlock(&domain_list_lock);
}
