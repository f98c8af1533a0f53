/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a call is made up from its row: see fuzzer.h.  Most picks of one call point at the same page,
 * so that a good part of the calls succeeds and leads somewhere; vCPUs meet at the same page every
 * so often, so that they race.  One value in a hundred is anything at all, and some structures lie
 * across the border of two pages, the second of which may not be there.
 *
 * A letter's value, by width in a structure:
 *
 *  1  b boolean  t vector  P PCI devfn
 *  2  d y w domains, see fuzzer.h  H domain to begin at  S oneself  o offset or length in a page
 *     h anything  s selector  k callback type  z zero
 *  4  1 port, p in an argument  v vCPU  c small count  r grant reference  n handle  i anything
 *     0 zero  g small number  m grant map flags  q interrupt  5 large count  7 mostly zero  V vCPUs
 *     6 scheduler  9 one  2 64 bits  3 I/O port  j minus one, or little  I interface version
 *     4 assistance  f in an argument: domain and owner of the tables
 *  8  F frame  A address of a page  a p of a page for a grant, of a mapped one  B address of the
 *     list  L machine address of a table's entry  M of a descriptor  E page-table entry  e the same
 *     read-only  O frame's M2P entry  Q anything  T time soon  D handler  C small count  Z zero
 *     G address in the list or none  J KiB  l pages  N frame of a device  8 IO-APIC's address  K
 * keys X Y W R U buffers for vCPU contexts, extended state, CPUID leaves, MSRs of either kind
 */
#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "fuzzer.h"
#include "test.h"

#define MEETING_CALLS 16
#define IO_APIC       0xfec00000UL

/* The page where both vCPUs are now. */
static unsigned meeting;

uint64_t fuzz_random(struct fuzzer *f)
{
    f->random ^= f->random << 13; /* Marsaglia's xorshift64 */
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random * 0x2545f4914f6cdd1dUL;
}

unsigned fuzz_below(struct fuzzer *f, unsigned n)
{
    return (unsigned)(fuzz_random(f) >> 33) % n;
}

uint64_t fuzz_anything(struct fuzzer *f)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     ~0UL,
                                     1UL << 63,
                                     0x7fffffffffffUL,
                                     0x800000000000UL,
                                     0xffff7fffffffffffUL,
                                     0xffff800000000000UL,
                                     0xffff880000000000UL - 8,
                                     0xffff82d040200000UL,
                                     0xffffffff,
                                     0x80000000,
                                     0xfee00000,
                                     0xfffffffffffff000UL,
                                     (1UL << 52) - 1};

    return fuzz_below(f, 3) ? edges[fuzz_below(f, ARRAY_SIZE(edges))] + fuzz_below(f, 3) - 1
                            : fuzz_random(f);
}

void fuzz_hide_hole(struct fuzzer *f)
{
    hc_update_va(f->hole, 0, UVMF_INVLPG);
}

static uint64_t table_entry(struct fuzzer *f, bool read_only)
{
    static const uint64_t flags[] = {RO_FLAGS, RW_FLAGS, RW_FLAGS | PTE_NX, 0};

    if (!fuzz_below(f, 24))
        return fuzz_frame(f) * PAGE_SIZE | (fuzz_random(f) & 0xfff) | fuzz_random(f) << 52;
    return fuzz_frame(f) * PAGE_SIZE | (read_only ? RO_FLAGS : flags[fuzz_below(f, 4)]);
}

static uint32_t version_of(const struct row *row)
{
    switch (row->nr) {
    case __HYPERVISOR_domctl: return XEN_DOMCTL_INTERFACE_VERSION;
    case __HYPERVISOR_sysctl: return XEN_SYSCTL_INTERFACE_VERSION;
    default: return XENPF_INTERFACE_VERSION;
    }
}

/* The keys of harmless dumps: interrupts, clocks, timers. */
static uint64_t keys(struct fuzzer *f)
{
    static const char harmless[] = "isap";

    return (uint64_t)&harmless[fuzz_below(f, 4)];
}

/* The grant that an unmap is about: mostly one that is mapped. */
static uint64_t mapped_grant(struct fuzzer *f)
{
    f->map = f->nr_maps && fuzz_below(f, 8) ? fuzz_below(f, f->nr_maps) : NR_MAPS;
    return f->map < NR_MAPS ? f->maps[f->map].address : fuzz_grant_address(f);
}

static uint64_t small(struct fuzzer *f, char kind, const struct row *row)
{
    switch (kind) {
    case '#': return row->cmd;
    case 'I': return version_of(row);
    case 'C':
    case 'c': return fuzz_below(f, 16) ? 1 + fuzz_below(f, 3) : fuzz_below(f, 600);
    case 'b': return fuzz_below(f, 2);
    case 'f': /* bits 31:16: whose tables, plus one; 15:0: whose frames */
        return fuzz_is_dom0
                   ? (fuzz_below(f, 8) ? 0 : (fuzz_domain(f, 'w') + 1U) << 16) | fuzz_domain(f, 'w')
               : fuzz_below(f, 16) ? DOMID_SELF
                                   : fuzz_domain(f, 'd');
    case 'g': return fuzz_below(f, 12);
    case 'j': return fuzz_below(f, 2) ? ~0U : fuzz_below(f, 40);
    case 'k': return fuzz_below(f, 9);
    case 'm':
        return 2 | (fuzz_below(f, 2) ? 4 : 0) |
               (fuzz_below(f, 16) ? 0 : fuzz_random(f) & 0xffff001f);
    case 'n': return f->map < f->nr_maps ? f->maps[f->map].handle : fuzz_below(f, 64);
    case 'o': return fuzz_below(f, 8) ? fuzz_below(f, 2048) : fuzz_random(f);
    case '1': return fuzz_below(f, 16) ? fuzz_below(f, 24) : fuzz_below(f, 5000);
    case 'q': return fuzz_below(f, 16) ? fuzz_below(f, 24) : fuzz_below(f, 300);
    case 'r': return fuzz_below(f, 16) ? 8 + fuzz_below(f, 24) : fuzz_below(f, 3000);
    case 's': return fuzz_below(f, 8) ? FLAT_KERNEL_SS : fuzz_random(f);
    case 't': return f->wild ? fuzz_below(f, 256) : 20 + fuzz_below(f, 12); /* no exceptions */
    case 'u': return fuzz_below(f, 7);
    case 'v': return fuzz_below(f, 16) ? fuzz_below(f, 2) : fuzz_below(f, 70);
    case 'P': return fuzz_below(f, 6) * 8;
    case 'V': return 1 + (fuzz_below(f, 8) ? fuzz_below(f, 2) : fuzz_below(f, 70));
    case '2': return fuzz_below(f, 4) ? 64 : 32;
    case '3': return fuzz_below(f, 0x10000);
    case '4': return fuzz_below(f, 8) ? fuzz_below(f, 6) : 32;
    case '5': return 150 + fuzz_below(f, 200);
    case '6': return fuzz_below(f, 8) ? XEN_SCHEDULER_CREDIT2 : fuzz_below(f, 10);
    case '7': return fuzz_below(f, 8) ? 0 : 1U << fuzz_below(f, 32);
    case '9': return 1;
    default: return 0;
    }
}

static uint64_t value(struct fuzzer *f, char kind, const struct row *row)
{
    if (kind != '#' && !fuzz_below(f, 100)) /* other sub-operations have rows of their own */
        return fuzz_anything(f);
    switch (kind) {
    case '@': return (uint64_t)f->pointed;
    case 'A': return fuzz_address(f) + (fuzz_below(f, 8) ? 0 : fuzz_below(f, 4096));
    case 'a': return fuzz_grant_address(f);
    case 'p': return mapped_grant(f);
    case 'B': return (uint64_t)f->list + (fuzz_below(f, 16) ? 0 : 4080);
    case 'D': return fuzz_handler(f);
    case 'E': return row->nr == __HYPERVISOR_domctl ? f->area_size : table_entry(f, false);
    case 'e': return table_entry(f, true);
    case 'F': return fuzz_frame(f);
    case 'G': return fuzz_below(f, 2) ? 0 : (uint64_t)&f->list[500];
    case 'J': return fuzz_below(f, 8) ? 8192 + fuzz_below(f, 8192) : fuzz_anything(f);
    case 'K': return keys(f);
    case 'l': return 2049 + fuzz_below(f, 64);
    case 'L': return fuzz_entry_address(f);
    case 'M': return fuzz_word_address(f);
    case 'N': return fuzz_below(f, 2) ? 0xa0 + fuzz_below(f, 32) : 0xfe000 + fuzz_below(f, 0x1000);
    case 'O': return fuzz_frame(f) * PAGE_SIZE | MMU_MACHPHYS_UPDATE;
    case 'Q':
    case 'h':
    case 'i': return fuzz_anything(f);
    case 'T': return fuzz_time(f);
    case 'S': return DOMID_SELF;
    case 'H': return fuzz_below(f, 4);
    case 'd':
    case 'y':
    case 'w': return fuzz_domain(f, kind);
    case 'x': return fuzz_below(f, 2) ? 8 + fuzz_below(f, 24) : fuzz_frame(f);
    case 'X':
    case 'Y':
    case 'W':
    case 'R':
    case 'U': return fuzz_bulk(f, kind);
    case '8': return IO_APIC;
    default: return small(f, kind, row);
    }
}

static unsigned width(char kind)
{
    static const struct {
        unsigned bytes;
        const char *kinds;
    } widths[] = {{1, "btP"}, {2, "dywHSohzsk"}, {4, "1vcrni0gmq57V6923jI4#"}};

    for (unsigned i = 0; i < ARRAY_SIZE(widths); i++)
        for (const char *k = widths[i].kinds; *k; k++)
            if (*k == kind)
                return widths[i].bytes;
    return 8;
}

static void fill_structure(struct fuzzer *f, const struct row *row)
{
    uint8_t *to = (uint8_t *)f->structure;
    unsigned used = 0, elements = row->flags & STATUS || row->fields[0] == 'L' ? 4 : 8;

    if (row->fields[0] == '#' && row->fields[1] == 'I')
        elements = 1; /* control calls have one structure */
    for (unsigned i = 0; row->fields[0] && i < elements; i++) {
        for (const char *k = row->fields; *k; k++) {
            uint64_t v = value(f, *k, row);

            memcpy(to + used, &v, width(*k));
            used += width(*k);
        }
    }
    if (!fuzz_below(f, 3))
        for (unsigned i = 0; i < 8; i++)
            f->list[i] = fuzz_frame(f);
}

/* Now and then a structure begins in one page and ends in the next: the list, or nothing. */
static void place_structure(struct fuzzer *f)
{
    unsigned n = 8 * (1 + fuzz_below(f, 20));

    f->pointed = f->structure;
    if (fuzz_below(f, 24))
        return;
    f->pointed = (fuzz_below(f, 2) ? f->list : f->hole) - n / 8;
    memcpy(f->pointed, f->structure, f->pointed < f->list ? 256 : n);
}

static void make_arguments(struct fuzzer *f, const struct row *row, uint64_t a[5])
{
    fill_structure(f, row);
    place_structure(f);
    for (unsigned i = 0; i < 5; i++)
        a[i] = 0;
    for (unsigned i = 0; row->args[i] && i < 5; i++)
        a[i] = value(f, row->args[i], row);
}

static const struct row *any_row(struct fuzzer *f)
{
    const struct row *row;

    do {
        row = &rows[fuzz_below(f, nr_rows)];
    } while ((row->flags & DEADLY && fuzz_below(f, fuzz_is_dom0 ? 20 : 400)) ||
             (fuzz_is_dom0 && !(row->flags & (OK0 | CONTROL | DOM0))) ||
             (!fuzz_is_dom0 && row->flags & CONTROL && fuzz_below(f, 4)));
    return row;
}

/* Entries behind the four are of no call; zeroes would be set_trap_table(0), which takes all
 * handlers away.  Entries whose structures are those of the last call with a structure: enough for
 * most. */
static void make_batch(struct fuzzer *f)
{
    struct multicall_entry *entries = (struct multicall_entry *)(f->structure + 256);
    unsigned made = 0;

    memset(entries, 0xff, PAGE_SIZE / 2);
    for (unsigned tries = 0; made < 4 && tries < 40; tries++) {
        const struct row *row = any_row(f);
        uint64_t a[5], nr = row->nr;

        if (!row->args[0] || row->args[0] == '*' || row->args[0] == '+' || row->args[0] == '?' ||
            row->nr == __HYPERVISOR_multicall || row->nr == __HYPERVISOR_iret ||
            row->flags & DEADLY ||
            (fuzz_is_dom0 && row->nr == __HYPERVISOR_grant_table_op)) /* has to know its grants */
            continue;
        make_arguments(f, row, a);
        if (!fuzz_may(f, row, &nr, a))
            continue;
        entries[made] = (struct multicall_entry){.op = nr};
        for (unsigned j = 0; j < 5; j++)
            entries[made].args[j] = a[j];
        made++;
    }
}

/* Success of a grant operation: the status field of its first element. */
static bool grant_status(const struct fuzzer *f, const struct row *row)
{
    const void *s = f->pointed;

    if (f->pointed >= f->edge)
        return false; /* its end is in the hole */
    switch (row->cmd) {
    case GNTTABOP_map_grant_ref: return ((const struct gnttab_map_grant_ref *)s)->status == 0;
    case GNTTABOP_unmap_grant_ref: return ((const struct gnttab_unmap_grant_ref *)s)->status == 0;
    case GNTTABOP_setup_table: return ((const struct gnttab_setup_table *)s)->status == 0;
    case GNTTABOP_copy: return ((const struct gnttab_copy *)s)->status == 0;
    default: return ((const struct gnttab_query_size *)s)->status == 0;
    }
}

/* What later calls can use: grants that are mapped now, frames that were handed out. */
static void remember(struct fuzzer *f, const struct row *row)
{
    const struct gnttab_map_grant_ref *map = (const void *)f->pointed;

    if (row->nr == __HYPERVISOR_memory_op)
        f->frames[fuzz_below(f, ARRAY_SIZE(f->frames))] = f->list[0];
    if (row->nr != __HYPERVISOR_grant_table_op)
        return;
    if (row->cmd == GNTTABOP_map_grant_ref && f->nr_maps < NR_MAPS) {
        f->maps[f->nr_maps].handle = map->handle;
        f->maps[f->nr_maps++].address = map->host_addr;
    }
    if (row->cmd == GNTTABOP_unmap_grant_ref && f->map < f->nr_maps)
        f->maps[f->map] = f->maps[--f->nr_maps];
}

static void any_call(struct fuzzer *f, const struct row *row, uint64_t *nr, uint64_t a[5])
{
    do {
        *nr = row->args[0] == '?' ? fuzz_below(f, 64) : any_row(f)->nr;
    } while (*nr == __HYPERVISOR_iret || *nr == __HYPERVISOR_sched_op);
    a[0] = fuzz_below(f, 16) ? fuzz_below(f, 100) : fuzz_anything(f);
    a[1] = (uint64_t)(f->structure);
    a[2] = fuzz_below(f, 3);
    if (*nr == __HYPERVISOR_domctl || *nr == __HYPERVISOR_sysctl ||
        *nr == __HYPERVISOR_platform_op) {
        ((uint32_t *)f->structure)[0] = (uint32_t)a[0];
        ((uint32_t *)f->structure)[1] = version_of(&(struct row){.nr = (uint8_t)*nr});
        ((uint32_t *)f->structure)[2] = fuzz_domain(f, 'w');
        a[0] = a[1];
    }
    if (row->args[0] == '?' && !fuzz_below(f, 8))
        *nr = fuzz_anything(f);
}

volatile uint32_t fuzz_strayed;

void fuzz_one_call(struct fuzzer *f, struct counts *count)
{
    const struct row *row = any_row(f);
    unsigned number = (unsigned)(row - rows);
    uint64_t a[5], nr = row->nr;
    bool fine;

    if (!fuzz_below(f, MEETING_CALLS))
        meeting = (unsigned)fuzz_random(f);
    f->at = fuzz_below(f, 2) ? meeting : (unsigned)fuzz_random(f);
    f->wild = f->daring && !fuzz_below(f, 400);
    make_arguments(f, row, a);
    if (row->args[0] == '*') {
        count->tried[number]++;
        fine = fuzz_store(f);
    } else {
        if (row->nr == __HYPERVISOR_multicall) {
            make_batch(f);
            a[0] = (uint64_t)(f->structure + 256);
            a[1] = fuzz_below(f, 16) ? 1 + fuzz_below(f, 4) : 1 + fuzz_below(f, 32);
        } else if (row->args[0] == '+' || row->args[0] == '?') {
            any_call(f, row, &nr, a);
        }
        if (!fuzz_may(f, row, &nr, a))
            return;
        count->tried[number]++;
        count->last[count->all % 16][0] = number;
        for (unsigned i = 0; i < 5; i++)
            count->last[count->all % 16][1 + i] = a[i];
        long rc = hypercall5(nr, a[0], a[1], a[2], a[3], a[4]);
        fine = rc >= 0 && (!(row->flags & STATUS) || grant_status(f, row));
    }
    fuzz_done(f, row, fine);
    if (fine && !fuzz_strayed) {
        count->fine[number]++;
        if (row->flags & CONTROL && !fuzz_is_dom0)
            count->broken = 1 + number;
    }
    if (fine)
        remember(f, row);
    count->all++;
}

/* --- for the first domain ----------------------------------------------------------------------
 */

void fuzz_tell_last(const char *who, const struct counts *c)
{
    for (unsigned i = 1; i <= 16; i++) {
        const volatile uint64_t *l = c->last[(c->all + i) % 16];

        print("# %s %s %#lx %#lx %#lx %#lx\n", who, rows[l[0]].name, l[1], l[2], l[3], l[4]);
    }
}

void fuzz_sum(const struct counts *c, uint64_t *tried, uint64_t *fine)
{
    for (unsigned i = 0; i < nr_rows; i++) {
        tried[i] += c->tried[i];
        fine[i] += c->fine[i];
    }
}

void fuzz_judge(const uint64_t *tried, const uint64_t *fine, unsigned must, bool enough)
{
    for (unsigned i = 0; i < nr_rows; i++) {
        print("# %lu of %lu %s\n", fine[i], tried[i], rows[i].name);
        if (rows[i].nr == __HYPERVISOR_domctl && rows[i].cmd == XEN_DOMCTL_setvcpuextstate &&
            !have_xsave())
            continue; /* there is none to set */
        if (rows[i].flags & must && enough && !fine[i])
            test_fail(TEST_WHERE, "%s never succeeded", rows[i].name);
    }
}

uint64_t fuzz_option(const char *name, uint64_t otherwise)
{
    const char *p = (const char *)start_info->cmd_line;
    size_t n = strlen(name);

    for (; *p; p++) {
        if (strncmp(p, name, n))
            continue;
        otherwise = 0;
        for (p += n; *p >= '0' && *p <= '9'; p++)
            otherwise = otherwise * 10 + (uint64_t)(*p - '0');
        return otherwise;
    }
    return otherwise;
}
