/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The weighted fair policy: who has received less than its share goes first.
 *
 * Each unit has a virtual time, the service it received divided by its weight.  The weighted mean
 * of the competing units' virtual times, V, is what each would have if service were given out in
 * infinitely small pieces; V minus a unit's virtual time is its lag, what it is owed.  A unit that
 * is owed something is eligible.  Each asks for slices; a slice should be served before its virtual
 * deadline (virtual time at the request plus slice over weight); among the eligible the earliest
 * deadline runs (EEVDF).  Shares are exact over any longer time, slices are long.
 *
 * Latency comes from one more rule: a unit that *wakes* while it is owed service is urgent and runs
 * ahead of those that merely compete, for a short allowance; so a mostly idle domain does not wait
 * behind others' slices, and yet cannot get more than its share, since what it runs moves it past
 * V and makes it ineligible.  While a unit sleeps V moves on; what it is owed when it wakes is
 * limited, so nobody saves up for a long monopoly.
 *
 * Who has made another domain runnable by an event is likely to send more, or to sleep: it is left
 * alone for a while.  A front end that is interrupted between two requests by the back end that it
 * woke with the first gets two answers at two times for good, and everything is done twice as
 * often.
 *
 * A cap is a bucket of run time per group that fills at the capped rate.  A unit whose group's
 * bucket is empty is set aside until the bucket holds something worth running; overdrawing (several
 * units at once, late interrupts) is debt that is paid first, so the long run is exact.
 *
 * Picking scans the runnable units of one processor: for hundreds of them some thousand
 * instructions per slice of milliseconds, less than keeping a tree would cost for the usual two.
 */
#include "sched/policy.h"

#define US 1000ULL
#define MS 1000000ULL

#define SLICE         (5 * MS) /* of a unit that competes: long, switching costs TLBs and caches */
#define SLICE_MIN     (250 * US) /* remainders shorter than this are not worth a switch */
#define URGENT_SLICE  (1 * MS)   /* ahead of the others after a wake-up */
#define SENDER_SLICE  (500 * US) /* until the one that it woke may interrupt it */
#define LAG_MAX       (10 * MS)  /* what may be owed, either way, at a wake-up */
#define BALANCE_EVERY (30 * MS)
#define CAP_PERIOD    (10 * MS) /* the bucket holds the cap's share of this */
#define CAP_SLICE_MIN (100 * US)

#define VT_SHIFT 16

uint64_t sched_ratelimit_ns = 100 * US;

static uint64_t to_virtual(uint64_t ns, uint32_t weight)
{
    /* 2^40 ns is 18 minutes: no unit that competes runs so long without being charged. */
    return (min(ns, 1ULL << 40) << VT_SHIFT) / weight;
}

/* a - b for virtual times, which wrap. */
static int64_t vt_diff(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b);
}

/* V.  Moves `base` there, so that the sum stays small: |weight * lag| is about a slice per unit. */
static uint64_t average(struct sched_rq *rq)
{
    struct fair_rq *f = &rq->fair;

    if (rq->load) {
        int64_t step = f->weighted_sum / (int64_t)rq->load;

        f->base += (uint64_t)step;
        f->weighted_sum -= step * (int64_t)rq->load;
    }
    return f->base;
}

static void account_add(struct sched_rq *rq, struct sched_unit *u)
{
    list_add_tail(&rq->units, &u->link);
    rq->nr++;
    rq->load += u->fair.weight;
    rq->fair.weighted_sum += vt_diff(u->fair.vtime, rq->fair.base) * u->fair.weight;
}

static void account_del(struct sched_rq *rq, struct sched_unit *u)
{
    list_remove(&u->link);
    rq->nr--;
    rq->load -= u->fair.weight;
    rq->fair.weighted_sum -= vt_diff(u->fair.vtime, rq->fair.base) * u->fair.weight;
    if (rq->nr == 0) { /* the clock stands where the last one left it */
        rq->fair.base = u->fair.vtime;
        rq->fair.weighted_sum = 0;
    }
}

static int64_t cap_full(const struct sched_group *g)
{
    return (int64_t)(CAP_PERIOD * g->cap);
}

/* Brings the bucket up to date and takes `ran` ns out of it; what is left, in ns * 100. */
static int64_t cap_charge(struct sched_group *g, uint64_t now, uint64_t ran)
{
    int64_t left;

    spin_lock(&g->lock);
    if (now > g->budget_time) {
        uint64_t dt = min(now - g->budget_time, 1000 * CAP_PERIOD);

        g->budget = min(g->budget + (int64_t)(dt * g->cap), cap_full(g));
        g->budget_time = now;
    }
    g->budget -= (int64_t)(ran * 100);
    left = g->budget;
    spin_unlock(&g->lock);
    return left;
}

/* ns until a group that ran dry may run again; 0: now. */
static uint64_t cap_wait(struct sched_group *g, uint64_t now)
{
    uint32_t cap = load_once(&g->cap);
    int64_t missing;

    if (!cap)
        return 0;
    missing = cap_full(g) / 4 - cap_charge(g, now, 0);
    return missing <= 0 ? 0 : DIV_UP((uint64_t)missing, cap);
}

static void fair_init_rq(struct sched_rq *rq, uint64_t now)
{
    list_init(&rq->units);
    list_init(&rq->fair.throttled);
    rq->fair.charged_at = rq->fair.started_at = rq->fair.slice_end = rq->fair.balanced_at = now;
}

static void fair_init_unit(struct sched_unit *u)
{
    list_init(&u->link);
    u->fair.detached = true;
    u->fair.weight = u->group->weight;
}

static void fair_group_changed(struct sched_group *g, uint64_t now)
{
    uint64_t flags = spin_lock_irqsave(&g->lock); /* an interrupt may wake one of the group */

    g->budget = cap_full(g);
    g->budget_time = now;
    spin_unlock_irqrestore(&g->lock, flags);
}

static void fair_init_group(struct sched_group *g, uint64_t now)
{
    g->weight = SCHED_WEIGHT_DEFAULT;
    g->cap = 0;
    fair_group_changed(g, now);
}

/* A unit comes to compete: its lag is cut to what may be owed, and it asks for a first slice. */
static void join(struct sched_rq *rq, struct sched_unit *u)
{
    struct fair_unit *f = &u->fair;
    uint64_t v = average(rq);
    int64_t limit;

    f->weight = load_once(&u->group->weight);
    limit = (int64_t)to_virtual(LAG_MAX, f->weight);
    if (f->detached) {
        f->vtime += v;
        f->detached = false;
    }
    if (vt_diff(v, f->vtime) > limit)
        f->vtime = v - (uint64_t)limit;
    else if (vt_diff(f->vtime, v) > limit)
        f->vtime = v + (uint64_t)limit;
    f->vdeadline = f->vtime + to_virtual(SLICE, f->weight);
    f->urgent = vt_diff(v, f->vtime) >= 0;
    account_add(rq, u);
}

static void fair_charge(struct sched_rq *rq, uint64_t now)
{
    struct sched_unit *u = rq->curr;
    uint64_t ran, dv;

    if (now <= rq->fair.charged_at)
        return;
    ran = now - rq->fair.charged_at;
    rq->fair.charged_at = now;
    if (!u || !u->present)
        return;
    if (load_once(&u->group->cap))
        cap_charge(u->group, now, ran);
    if (u->fair.throttled)
        return;
    dv = to_virtual(ran, u->fair.weight);
    u->fair.vtime += dv;
    rq->fair.weighted_sum += (int64_t)(dv * u->fair.weight);
}

static void fair_enqueue(struct sched_rq *rq, struct sched_unit *u, uint64_t now,
                         enum enqueue_reason why)
{
    fair_charge(rq, now);
    u->present = true;
    u->fair.yielded = false;
    join(rq, u);
    if (why == ENQUEUE_MOVE) {
        u->fair.urgent = false;
        u->fair.moved_at = rq->fair.balanced_at = now;
    }
}

static void fair_dequeue(struct sched_rq *rq, struct sched_unit *u, uint64_t now)
{
    fair_charge(rq, now);
    if (u->fair.throttled)
        list_remove(&u->link);
    else
        account_del(rq, u);
    u->fair.throttled = false;
    u->present = false;
}

static void fair_detach(struct sched_rq *rq, struct sched_unit *u)
{
    if (u->fair.detached)
        return;
    u->fair.vtime -= average(rq);
    u->fair.detached = true;
}

/* Sets aside a unit whose group ran dry. */
static void throttle(struct sched_rq *rq, struct sched_unit *u)
{
    account_del(rq, u);
    u->fair.throttled = true;
    list_add_tail(&rq->fair.throttled, &u->link);
}

/* Takes back those whose group may run again; ns until the next may, SLICE_UNLIMITED: none waits.
 */
static uint64_t unthrottle(struct sched_rq *rq, uint64_t now)
{
    uint64_t soonest = SLICE_UNLIMITED;
    struct sched_unit *u;

    list_for_each (u, &rq->fair.throttled, link) {
        uint64_t wait = cap_wait(u->group, now);

        if (wait) {
            soonest = min(soonest, wait);
            continue;
        }
        list_remove(&u->link);
        u->fair.throttled = false;
        join(rq, u);
        u->fair.urgent = false;
    }
    return soonest;
}

/* Shares were changed by the tools: takes the new weight over into this queue. */
static void reweigh(struct sched_rq *rq, struct sched_unit *u, uint32_t weight)
{
    account_del(rq, u);
    u->fair.weight = weight;
    account_add(rq, u);
}

/* Whether the running unit may go on with the slice it was given. */
static bool keeps_slice(const struct sched_rq *rq, const struct sched_unit *u, uint64_t now)
{
    return u == rq->curr && !u->fair.yielded && now < rq->fair.slice_end;
}

/* `a` before `b` (which may be none)? */
static bool earlier(const struct sched_unit *a, const struct sched_unit *b)
{
    return !b || vt_diff(a->fair.vdeadline, b->fair.vdeadline) < 0;
}

static struct sched_unit *choose(struct sched_rq *rq, uint64_t now)
{
    struct sched_unit *u, *urgent = NULL, *eligible = NULL, *least = NULL, *keep = NULL;
    uint64_t v = average(rq);

    list_for_each (u, &rq->units, link) {
        if (unlikely(u->fair.weight != load_once(&u->group->weight)))
            reweigh(rq, u, load_once(&u->group->weight));
        if (keeps_slice(rq, u, now)) {
            if (u->fair.urgent)
                return u;
            keep = u;
        }
        if (u->fair.yielded && rq->nr > 1)
            continue;
        if (!least || vt_diff(u->fair.vtime, least->fair.vtime) < 0)
            least = u;
        if (vt_diff(u->fair.vtime, v) > 0)
            continue;
        if (u->fair.urgent && earlier(u, urgent))
            urgent = u;
        if (earlier(u, eligible))
            eligible = u;
    }
    /* Nobody eligible: only rounding or a yield does that; the one furthest behind is next. */
    return urgent ? urgent : keep ? keep : eligible ? eligible : least;
}

/* The unit goes on competing after its slice: it asks for the next one. */
static void slice_over(struct sched_rq *rq, uint64_t now)
{
    struct sched_unit *u = rq->curr;

    if (!u || !u->present || u->fair.throttled || keeps_slice(rq, u, now))
        return;
    u->fair.urgent = false;
    if (vt_diff(u->fair.vtime, u->fair.vdeadline) >= 0)
        u->fair.vdeadline = u->fair.vtime + to_virtual(SLICE, u->fair.weight);
}

/* How long a unit just chosen should run if others compete. */
static uint64_t slice_of(const struct sched_unit *u)
{
    int64_t left = vt_diff(u->fair.vdeadline, u->fair.vtime);

    if (u->fair.urgent)
        return URGENT_SLICE;
    left = (left * u->fair.weight) >> VT_SHIFT;
    if (left > (int64_t)SLICE)
        return SLICE;
    return left < (int64_t)SLICE_MIN ? SLICE_MIN : (uint64_t)left;
}

static struct sched_unit *fair_pick_next(struct sched_rq *rq, uint64_t now, uint64_t *slice)
{
    struct sched_unit *u;
    uint64_t wait, limit = SLICE_UNLIMITED;

    fair_charge(rq, now);
    slice_over(rq, now);
    wait = unthrottle(rq, now);
    for (;;) {
        int64_t left;

        u = choose(rq, now);
        if (!u || !load_once(&u->group->cap))
            break;
        left = cap_charge(u->group, now, 0);
        if (left > 0) {
            limit = max((uint64_t)left / 100, CAP_SLICE_MIN);
            break;
        }
        throttle(rq, u);
        wait = min(wait, max(cap_wait(u->group, now), 1ULL));
    }
    rq->fair.charged_at = now;
    if (u && !keeps_slice(rq, u, now)) {
        rq->fair.started_at = now;
        rq->fair.slice_end = now + slice_of(u);
    }
    if (rq->curr)
        rq->curr->fair.yielded = false;
    *slice = min(limit, wait);
    if (u && rq->nr > 1)
        *slice = min(*slice, rq->fair.slice_end - now);
    return u;
}

static uint64_t fair_wake_check(struct sched_rq *rq, struct sched_unit *u, uint64_t now)
{
    const struct sched_unit *curr = rq->curr;
    uint64_t from;

    if (!curr || !curr->present || curr->fair.throttled)
        return 0;
    from = rq->fair.slice_end;
    if (u->fair.urgent && !curr->fair.urgent) {
        uint64_t first = rq->fair.started_at + sched_ratelimit_ns;

        if (load_once(&curr->sending))
            first = max(first, now + SENDER_SLICE);
        from = min(from, first);
    }
    return now >= from ? 0 : from - now;
}

static void fair_yield(struct sched_rq *rq, uint64_t now)
{
    if (!rq->curr || !rq->curr->present)
        return;
    rq->curr->fair.yielded = true;
    rq->curr->fair.urgent = false;
}

static bool looks_idle(const struct sched_rq *rq)
{
    return load_once(&rq->nr) == 0 && !load_once(&rq->curr);
}

static unsigned int least_loaded(const struct sched_unit *u, struct sched_rq *rqs, cpumask_t mask)
{
    unsigned int best = NO_QUEUE;
    uint64_t best_load = UINT64_MAX;

    /* Where it was wins a tie: its caches may be warm. */
    if (mask & BIT(u->cpu)) {
        best = u->cpu;
        best_load = load_once(&rqs[u->cpu].load);
    }
    for (cpumask_t left = mask; left; left &= left - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzl(left);
        uint64_t load = load_once(&rqs[cpu].load);

        if (load < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best;
}

static unsigned int fair_pick_cpu(const struct sched_unit *u, struct sched_rq *rqs,
                                  cpumask_t allowed)
{
    cpumask_t soft = allowed & u->soft, idle = 0;

    if (!soft)
        soft = allowed;
    if ((soft & BIT(u->cpu)) && looks_idle(&rqs[u->cpu]))
        return u->cpu;
    for (cpumask_t left = allowed; left; left &= left - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzl(left);

        if (looks_idle(&rqs[cpu]))
            idle |= BIT(cpu);
    }
    if (idle & soft)
        return (unsigned int)__builtin_ctzl(idle & soft);
    if (idle)
        return idle & BIT(u->cpu) ? u->cpu : (unsigned int)__builtin_ctzl(idle);
    return least_loaded(u, rqs, soft);
}

/* For a processor without work: whoever is owed most. */
static struct sched_unit *pick_for_idle(struct sched_rq *busy, cpumask_t there)
{
    struct sched_unit *u, *best = NULL;

    list_for_each (u, &busy->units, link) {
        if (u == busy->curr || u->on_cpu || !(u->hard & there))
            continue;
        if (!best || vt_diff(u->fair.vtime, best->fair.vtime) < 0)
            best = u;
    }
    return best;
}

/*
 * To even out: with three equal units on two processors one has company and one has none, and it
 * is by moving that they take turns.  Always the one moved longest ago goes to join the other
 * queue; so with units A B | C: A goes (B alone), then C (A alone), then B (C alone).
 */
static struct sched_unit *pick_in_turn(struct sched_rq *busy, struct sched_rq *other)
{
    struct sched_unit *u, *best = NULL;
    cpumask_t there = BIT(other->cpu), here = BIT(busy->cpu);

    list_for_each (u, &busy->units, link) {
        if (!(u->hard & there) || busy->load < other->load + u->fair.weight)
            continue;
        if ((u->soft & here) && !(u->soft & there))
            continue;
        if (!best || u->fair.moved_at < best->fair.moved_at)
            best = u;
    }
    if (best && (best == busy->curr || best->on_cpu)) {
        busy->fair.balanced_at -= BALANCE_EVERY; /* it runs: asked again after this slice */
        return NULL;
    }
    return best;
}

static struct sched_unit *fair_pick_to_move(struct sched_rq *busy, struct sched_rq *other,
                                            bool idle, uint64_t now)
{
    return idle ? pick_for_idle(busy, BIT(other->cpu)) : pick_in_turn(busy, other);
}

static bool fair_balance_due(struct sched_rq *rq, uint64_t now)
{
    if (rq->nr < 2 || now - rq->fair.balanced_at < BALANCE_EVERY)
        return false;
    rq->fair.balanced_at = now;
    return true;
}

const struct sched_policy policy_fair = {
    .name = "fair",
    .init_rq = fair_init_rq,
    .init_unit = fair_init_unit,
    .init_group = fair_init_group,
    .enqueue = fair_enqueue,
    .dequeue = fair_dequeue,
    .detach = fair_detach,
    .charge = fair_charge,
    .pick_next = fair_pick_next,
    .wake_check = fair_wake_check,
    .yield = fair_yield,
    .pick_cpu = fair_pick_cpu,
    .pick_to_move = fair_pick_to_move,
    .balance_due = fair_balance_due,
    .group_changed = fair_group_changed,
};
