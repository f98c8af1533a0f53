/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Range sets as a sorted array of disjoint ranges that do not touch.  Changes rebuild the array
 * (there are a handful of ranges, and changes come from the control domain); look-ups are a binary
 * search.
 */
#include "mem/rangeset.h"

#include "lib/errno.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/heap.h"

struct range {
    uint64_t first, last;
};

struct rangeset {
    spinlock_t lock;
    unsigned nr, room;
    struct range *r;
};

struct rangeset *rangeset_new(void)
{
    return hv_zalloc(sizeof(struct rangeset));
}

void rangeset_free(struct rangeset *s)
{
    if (!s)
        return;
    hv_free(s->r);
    hv_free(s);
}

/* Index of the first range that ends at or after n. */
static unsigned find(const struct rangeset *s, uint64_t n)
{
    unsigned lo = 0, hi = s->nr;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (s->r[mid].last < n)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Replaces ranges [at, at + gone) by `nr` others; the only thing that changes the array. */
static int splice(struct rangeset *s, unsigned at, unsigned gone, const struct range *with,
                  unsigned nr)
{
    unsigned total = s->nr - gone + nr;

    if (total > s->room) {
        unsigned room = max(total, 2 * s->room);
        struct range *bigger = hv_zalloc(room * sizeof(*bigger));

        if (!bigger)
            return -ENOMEM;
        if (s->nr)
            memcpy(bigger, s->r, s->nr * sizeof(*bigger));
        hv_free(s->r);
        s->r = bigger;
        s->room = room;
    }
    if (s->nr > at + gone)
        memmove(&s->r[at + nr], &s->r[at + gone], (s->nr - at - gone) * sizeof(*s->r));
    for (unsigned i = 0; i < nr; i++)
        s->r[at + i] = with[i];
    s->nr = total;
    return 0;
}

int rangeset_add(struct rangeset *s, uint64_t first, uint64_t last)
{
    struct range n = {first, last};
    unsigned at, end;
    int rc;

    if (first > last)
        return -EINVAL;
    spin_lock(&s->lock);
    /* Ranges that only touch are joined as well, hence the ones beside. */
    at = end = find(s, first ? first - 1 : 0);
    for (; end < s->nr && (last == ~0UL || s->r[end].first <= last + 1); end++) {
        n.first = min(n.first, s->r[end].first);
        n.last = max(n.last, s->r[end].last);
    }
    rc = splice(s, at, end - at, &n, 1);
    spin_unlock(&s->lock);
    return rc;
}

int rangeset_remove(struct rangeset *s, uint64_t first, uint64_t last)
{
    struct range rest[2];
    unsigned at, end, nr = 0;
    int rc;

    if (first > last)
        return -EINVAL;
    spin_lock(&s->lock);
    at = end = find(s, first);
    while (end < s->nr && s->r[end].first <= last)
        end++;
    if (at < end && s->r[at].first < first)
        rest[nr++] = (struct range){s->r[at].first, first - 1};
    if (at < end && s->r[end - 1].last > last)
        rest[nr++] = (struct range){last + 1, s->r[end - 1].last};
    rc = splice(s, at, end - at, rest, nr);
    spin_unlock(&s->lock);
    return rc;
}

bool rangeset_contains_range(struct rangeset *s, uint64_t first, uint64_t last)
{
    unsigned at;
    bool in;

    if (!s || first > last)
        return false;
    spin_lock(&s->lock);
    at = find(s, first);
    in = at < s->nr && s->r[at].first <= first && s->r[at].last >= last;
    spin_unlock(&s->lock);
    return in;
}
