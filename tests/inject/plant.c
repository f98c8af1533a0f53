/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plants one fault in a live system, runs the audit, and takes the fault back.
 *
 * This is the proof of the audit: the system is a real one, with two domains, grants, channels and
 * pins between them, and the fault is one wrong word.  If a fault stays unfound, the audit is blind
 * for that kind; if the audit is not clean afterwards, the fault was not taken back, or the audit
 * sees what is not there.
 */
#include "plant.h"
#include "inject.h"

#include "console/log.h"
#include "lib/string.h"
#include "mem/audit.h"

static const struct {
    const char *name, *says;
    bool (*plant)(void);
} plants[] = {
#define PLANT(name, says) {#name, says, plant_##name},
#include "plants.def"
#undef PLANT
};

/* --- taking back -------------------------------------------------------------------------------
 */

static struct {
    void *at;
    uint8_t was[8];
    unsigned size;
} poked[8];
static unsigned nr_poked;
static void (*undo_call)(void);

void poke(void *at, const void *value, unsigned size)
{
    BUG_ON(nr_poked == ARRAY_SIZE(poked) || size > sizeof(poked->was));
    poked[nr_poked].at = at;
    poked[nr_poked].size = size;
    memcpy(poked[nr_poked].was, at, size);
    memcpy(at, value, size);
    nr_poked++;
}

void plant_undo(void (*fn)(void))
{
    undo_call = fn;
}

static void undo(void)
{
    while (nr_poked--)
        memcpy(poked[nr_poked].at, poked[nr_poked].was, poked[nr_poked].size);
    nr_poked = 0;
    if (undo_call)
        undo_call();
    undo_call = NULL;
}

/* --- where -------------------------------------------------------------------------------------
 */

struct world w;

/* The first own frame that is mapped writable, and the way to it from the root. */
static bool find_tables(struct side *s, unsigned level, mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    pte_t *t = frame_virt(f);
    s->table[level] = f;
    for (unsigned i = 0; i < PTE_ENTRIES; i++)
        if (!(t[i] & PTE_P) && !(level == 4 && l4_slot_is_hv(i)))
            s->empty[level] = &t[i];
    for (unsigned i = 0; i < PTE_ENTRIES; i++) {
        if (!(t[i] & PTE_P) || (level == 4 && l4_slot_is_hv(i)))
            continue;
        s->entry[level] = &t[i];
        if (level > 1) {
            if (find_tables(s, level - 1, pte_mfn(t[i])))
                return true;
            continue;
        }
        s->page = frame_of(pte_mfn(t[i]));
        if (s->empty[1] && t[i] & PTE_RW && frame_is_ram(pte_mfn(t[i])) &&
            frame_owner(s->page) == s->d->mem.id && frame_count(s->page) == 2)
            return true;
    }
    return false;
}

static bool find_side(struct side *s, struct domain *d)
{
    *s = (struct side){.d = d, .v = d->vcpu[0]};
    return s->v && s->v->kernel_cr3 && find_tables(s, 4, paddr_to_mfn(s->v->kernel_cr3));
}

static bool find_world(void)
{
    struct domain *d, *them = NULL;

    list_for_each (d, &domain_list, list) {
        if (d != dom0)
            them = d;
    }
    return them && find_side(&w.our, dom0) && find_side(&w.their, them);
}

struct frame *find_frame(bool (*fits)(const struct frame *f))
{
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_is_ram(MFN(n)) && fits(frame_of(MFN(n))))
            return frame_of(MFN(n));
    return NULL;
}

/* --- the run -----------------------------------------------------------------------------------
 */

static const char *wanted;
static bool found;

static void look_at(const char *line)
{
    size_t n = strlen(wanted);

    for (const char *p = line; *p && !found; p++)
        found = !strncmp(p, wanted, n);
}

static void tell(const char *line)
{
    printk(XENLOG_ERR "planted: %s\n", line);
}

long plant_and_audit(unsigned number)
{
    bool planted;
    int n;

    if (number >= ARRAY_SIZE(plants) || !find_world())
        return PLANT_NOWHERE;
    wanted = plants[number].says;
    found = false;
    planted = plants[number].plant();
    n = planted ? audit_all(look_at, NULL) : 0;
    if (planted && !found) {
        printk(XENLOG_ERR "planted: %s, %d differences, none with \"%s\"\n", plants[number].name, n,
               wanted);
        audit_all(tell, NULL);
    }
    undo();
    if (!planted)
        return PLANT_NOWHERE;
    if (audit_all(tell, NULL))
        return PLANT_NOT_CLEAN;
    return found ? PLANT_FOUND : PLANT_MISSED;
}
