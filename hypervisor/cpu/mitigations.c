/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processors have Meltdown and L1TF, and what is on because of it.
 *
 * Meltdown: a program reads by speculation whatever its page tables map, its privilege ignored; so
 * a guest must not run on tables that map the hypervisor's memory (pv/restricted.c).  L1TF: the
 * same of whatever the address bits of a non-present entry name, if it is in the L1 data cache; so
 * a guest must not write such entries that name RAM (mem/pte.h).  A processor that is wrongly held
 * to be safe lets any guest read all memory: so lists are of those known to be safe.  The defaults
 * are Xen's: restricted roots for every domain on a processor with Meltdown; the check of entries
 * for all but dom0, which could read all memory in simpler ways.
 */
#include "cpu/mitigations.h"
#include "lib/string.h"

struct mitigations mitigations __read_mostly;

/* Intel SDM volume 4, IA32_ARCH_CAPABILITIES: not vulnerable to either of the two. */
#define ARCH_CAPS_RDCL_NO BIT(0)

/* Models of Intel's family 6 whose cores do not speculate: Bonnell and Saltwell. */
static const uint8_t in_order[] = {0x1c, 0x26, 0x27, 0x35, 0x36};
/* Those that check for presence before they look into the cache: Silvermont, Airmont, Goldmont and
 * Tremont; Knights Landing and Mill.  (Intel, "L1 Terminal Fault", affected processors.) */
static const uint8_t no_l1tf[] = {0x37, 0x4a, 0x4c, 0x4d, 0x57, 0x5a, 0x5c, 0x5d, 0x5f,
                                  0x65, 0x6e, 0x75, 0x7a, 0x85, 0x86, 0x96, 0x9c};

static bool is_listed(const struct cpu_caps *c, const uint8_t *models, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        if (c->family == 6 && c->model == models[i])
            return true;
    return false;
}

/* Why a processor has neither of the two; NULL: it is not known to be so. */
static const char *safe_because(const struct cpu_caps *c)
{
    if (c->is_amd)
        return "AMD's and Hygon's check rights first";
    if (c->arch_caps & ARCH_CAPS_RDCL_NO)
        return "it says RDCL_NO";
    if (c->is_intel && is_listed(c, in_order, ARRAY_SIZE(in_order)))
        return "an Atom that does not speculate";
    return NULL;
}

void vulnerabilities_judge(const struct cpu_caps *c, struct vulnerabilities *v)
{
    const char *safe = safe_because(c);

    memset(v, 0, sizeof(*v));
    v->meltdown = v->l1tf = !safe;
    v->meltdown_why = v->l1tf_why = safe ? safe : "nothing says that it is not";
    if (safe)
        return;
    if (!c->is_intel || c->family != 6) {
        v->l1tf = false;
        v->l1tf_why = "only Intel's family 6 has it";
    } else if (is_listed(c, no_l1tf, ARRAY_SIZE(no_l1tf))) {
        v->l1tf = false;
        v->l1tf_why = "a model without it";
    }
}

static bool choose(enum choice wish, bool otherwise)
{
    return wish == CHOICE_AUTO ? otherwise : wish == CHOICE_YES;
}

void mitigations_choose(const struct vulnerabilities *v, const struct boot_options *o)
{
    for (unsigned int i = 0; i < 2; i++)
        mitigations.restricted_roots[i] = choose(o->xpti[i], v->meltdown);
    mitigations.l1tf_check[0] = choose(o->l1tf[0], false);
    mitigations.l1tf_check[1] = choose(o->l1tf[1], v->l1tf);
}
