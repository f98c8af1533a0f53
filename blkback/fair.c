// SPDX-License-Identifier: GPL-2.0-only
/* Start-time fair queueing among processes: see fair.h. */
#include <stddef.h>

#include "blkback/fair.h"

#define MAGIC 0x46424b42u

/* Entries are read while their owners write them; each word by itself is whole. */
#define LOOK(x)      __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, what) __atomic_store_n(&(x), (what), __ATOMIC_RELAXED)

/* Entries that may be somebody's, as long as nobody has spoilt the number. */
static unsigned nr_used(const struct fair *fair)
{
    uint32_t used = LOOK(fair->used);
    return used < FAIR_FLOWS ? used : FAIR_FLOWS;
}

void fair_open(struct fair *fair)
{
    if (fair->magic == MAGIC && fair->size == sizeof(*fair))
        return;
    for (unsigned i = 0; i < FAIR_FLOWS; i++)
        fair->flow[i] = (struct fair_flow){0};
    fair->size = sizeof(*fair);
    fair->used = 0;
    fair->magic = MAGIC;
}

/* The device's virtual time: the tag of what it was given last. */
static uint64_t virtual_time(struct fair *fair, uint64_t device)
{
    uint64_t time = 0;
    for (unsigned i = 0; i < nr_used(fair); i++) {
        struct fair_flow *f = &fair->flow[i];
        if (LOOK(f->owner) && LOOK(f->device) == device && LOOK(f->start) > time)
            time = LOOK(f->start);
    }
    return time;
}

struct fair_flow *fair_join(struct fair *fair, uint32_t owner, uint64_t device, uint32_t weight)
{
    for (unsigned i = 0; i < FAIR_FLOWS; i++) {
        struct fair_flow *f = &fair->flow[i];
        uint32_t nobody = 0;
        if (!__atomic_compare_exchange_n(&f->owner, &nobody, owner, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        for (uint32_t used = LOOK(fair->used); used <= i;) {
            if (__atomic_compare_exchange_n(&fair->used, &used, i + 1, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_RELAXED))
                break;
        }
        SET(f->weight, weight ? weight : 1);
        SET(f->seen, 0);
        SET(f->waiting, 0);
        SET(f->in_device, 0);
        SET(f->start, 0);
        SET(f->device, device);
        SET(f->next, virtual_time(fair, device));
        return f;
    }
    return NULL;
}

void fair_leave(struct fair_flow *flow)
{
    __atomic_store_n(&flow->owner, 0, __ATOMIC_RELEASE);
}

void fair_bury(struct fair *fair, uint32_t owner)
{
    for (unsigned i = 0; i < FAIR_FLOWS; i++) {
        if (LOOK(fair->flow[i].owner) == owner)
            fair_leave(&fair->flow[i]);
    }
}

/* Whether somebody is behind it who wants the device.  Who has something there hears nothing of it
 * while the device serves others. */
static bool is_live(struct fair_flow *flow, uint64_t now)
{
    return LOOK(flow->seen) + (LOOK(flow->in_device) ? FAIR_STUCK_NS : FAIR_LATELY_NS) >= now;
}

bool fair_may(struct fair *fair, struct fair_flow *flow, uint64_t now, uint32_t cost)
{
    uint64_t own = flow->next;
    uint64_t least = UINT64_MAX; /* of those who wait beside us */
    uint64_t in_device = flow->in_device;
    uint64_t weights = LOOK(flow->weight); /* of all who want the device */
    bool alone = true;
    /* Idle since, or so slow that the others went on without us: that earns nothing. */
    if ((!flow->waiting && flow->in_device == 0) || !is_live(flow, now)) {
        uint64_t time = virtual_time(fair, flow->device);
        if (own < time)
            own = time;
        SET(flow->next, own);
    }
    SET(flow->waiting, 1);
    SET(flow->seen, now);
    for (unsigned i = 0; i < nr_used(fair); i++) {
        struct fair_flow *f = &fair->flow[i];
        if (f == flow || !LOOK(f->owner) || LOOK(f->device) != flow->device || !is_live(f, now))
            continue;
        alone = false;
        in_device += LOOK(f->in_device);
        weights += LOOK(f->weight);
        if (LOOK(f->waiting) && LOOK(f->next) < least)
            least = LOOK(f->next);
    }
    if (alone)
        return true;
    /* Somebody's first request always goes, or one larger than the window never would. */
    if (in_device > 0 && in_device + cost > FAIR_WINDOW)
        return false;
    /* Nor more than one's part of it: what a guest has in the device is served whatever its tags,
     * and one that has all there that it has to give does not wait and so holds nobody back. */
    if (flow->in_device > 0 &&
        (flow->in_device + cost) * weights > (uint64_t)FAIR_WINDOW * LOOK(flow->weight))
        return false;
    return own <= least || own - least <= FAIR_AHEAD;
}

void fair_begin(struct fair *fair, struct fair_flow *flow, uint64_t now, uint32_t cost)
{
    uint32_t weight = LOOK(flow->weight); /* another process could have spoilt it */
    (void)fair;
    SET(flow->start, flow->next);
    SET(flow->next, flow->next + (uint64_t)cost * FAIR_WEIGHT / (weight ? weight : 1));
    SET(flow->in_device, flow->in_device + cost);
    SET(flow->seen, now);
}

void fair_done(struct fair_flow *flow, uint64_t now, uint32_t cost)
{
    SET(flow->in_device, flow->in_device - cost);
    SET(flow->seen, now);
}

void fair_idle(struct fair_flow *flow)
{
    SET(flow->waiting, 0);
}
