/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Promotion and demotion of whole tables.  See mem/validate.h.
 *
 * An L1 table is done in one go: 512 entries are the longest stretch without a look at pending
 * work.  Upper levels stop between entries, and where a lower table stopped.  A lower table that
 * stopped holds the references of its half done state itself, so the entry that leads to it counts
 * as not held: [0, progress) never includes it.
 */
#include "mem/validate.h"

#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/hot.h"
#include "mem/pte.h"

static bool has_reference(unsigned level, unsigned index, pte_t e)
{
    return (e & PTE_P) && !(level == 4 && l4_slot_is_hv(index));
}

static bool should_stop(unsigned flags)
{
    return flags & PTF_PREEMPT && hypercall_preempt_check();
}

/*
 * Most tables are mostly empty, and this walk is most of what a fork costs: groups of GROUP entries
 * without a present one are passed over with one test.  Each returns its index unchanged where
 * there is something to look at.
 */
#define GROUP 8

static bool group_has(const pte_t *g, pte_t bits)
{
    return (g[0] | g[1] | g[2] | g[3] | g[4] | g[5] | g[6] | g[7]) & bits;
}

/* `bits`: any of these asks for a look. */
static unsigned skip_up(const pte_t *t, unsigned i, pte_t bits)
{
    if (i % GROUP == 0)
        while (i < PTE_ENTRIES && !group_has(&t[i], bits))
            i += GROUP;
    return i;
}

/* Entries [0, end) are left: the same from above. */
static unsigned skip_down(const pte_t *t, unsigned end)
{
    if (end % GROUP == 0)
        while (end > 0 && !group_has(&t[end - GROUP], PTE_P))
            end -= GROUP;
    return end;
}

static void fill_hv_slots(pte_t *t)
{
    for (unsigned i = 0; i < ARRAY_SIZE(hv_l4_slots); i++)
        t[HV_SLOT_FIRST + i] = hv_l4_slots[i];
}

int table_promote(struct frame *f, enum page_type type, unsigned *progress, unsigned flags)
{
    struct mem_owner *o = mem_owner_by_id(frame_owner(f));
    unsigned level = (unsigned)type;
    const pte_t judged = o->l1tf_check ? ~0UL : PTE_P;
    pte_t *t = frame_virt(f);

    for (unsigned i = *progress; i < PTE_ENTRIES; i++) {
        pte_t seen, e;
        int rc;

        i = skip_up(t, i, judged);
        if (i == PTE_ENTRIES)
            break;
        e = seen = load_once(&t[i]);
        if (!has_reference(level, i, e)) {
            /* Nobody can write the table now, so what is skipped here stays skippable. */
            if (!(e & PTE_P) && entry_l1tf_unsafe(o, level, e)) {
                *progress = i;
                return guest_error(-EINVAL, "entry that is not present could be used for L1TF");
            }
            continue;
        }
        rc = level == 1 && likely(entry_bits_ok(1, e, o)) ? l1_entry_get_fast(&e, o, o)
                                                          : entry_get(level, &e, o, o, flags);
        if (rc) {
            *progress = i;
            return rc;
        }
        e = entry_complete(level, e);
        if (e != seen)
            store_once(&t[i], e);
        if (level > 1 && i + 1 < PTE_ENTRIES && should_stop(flags)) {
            *progress = i + 1;
            return -ERESTART;
        }
    }
    if (level == 4)
        fill_hv_slots(t);
    *progress = PTE_ENTRIES;
    return 0;
}

/*
 * The entry at which we stopped may lead to a table that stopped too, on our behalf: bring it down.
 * It may also be some other table by now, or one that another CPU is promoting; then the worst that
 * happens is that this has to begin again.
 */
static int finish_lower(const struct mem_owner *o, unsigned level, pte_t e, unsigned flags)
{
    struct frame *f = frame_of(pte_mfn(e));
    int rc = 0;

    if (!frame_is_ram(pte_mfn(e)) || !frame_get(f, o->id))
        return 0;
    if (page_type(f) == (enum page_type)(level - 1))
        rc = page_type_finish(f, flags);
    frame_put(f);
    return rc;
}

int table_demote(struct frame *f, enum page_type type, unsigned *progress, unsigned flags)
{
    struct mem_owner *o = mem_owner_by_id(frame_owner(f));
    unsigned level = (unsigned)type;
    pte_t *t = frame_virt(f);
    struct frame *left;

    if (level > 2 && *progress < PTE_ENTRIES && has_reference(level, *progress, t[*progress]) &&
        finish_lower(o, level, t[*progress], flags) == -ERESTART)
        return -ERESTART;

    while ((*progress = skip_down(t, *progress)) > 0) {
        unsigned i = --*progress;

        if (!has_reference(level, i, t[i]))
            continue;
        if (level == 1)
            l1_entry_put_fast(t[i]);
        else if (entry_put(level, t[i], flags, &left) == -ERESTART) {
            frame_put(left); /* the entry's; the half done table holds itself */
            return -ERESTART;
        }
        if (level > 1 && i > 0 && should_stop(flags))
            return -ERESTART;
    }
    return 0;
}
