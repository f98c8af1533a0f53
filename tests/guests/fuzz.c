/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hypercalls from an unprivileged domain with two vCPUs that share all they have.  The first
 * domain builds it, lets it run, looks after it, and every so many calls throws it away and builds
 * the next one with the next seed; so each life also ends in the middle of whatever it was doing.
 * After each life the audit must be clean and the memory free again.
 *
 * A row of the table below describes one call: how its arguments and its structure are made up, by
 * a letter per field.  Most picks of one call point at the same page, so that a good part of the
 * calls succeeds and leads somewhere; the run counts that, and fails for a sub-operation that never
 * did. Only `wild` calls touch what the domain needs to live.
 *
 * Options: calls=N in all (150000), seed=N (1), tell (the last calls of a domain that dies).
 * A failure tells the seed of the life that failed.
 */
#include "second.h"
#include "test.h"

#define NR_PLAY        32
#define CALLS_PER_LIFE 15000
#define STALL_NS       400000000UL /* no call in so long: the domain has tied itself up */
#define NR_VCPUS       2

/* --- what is tried ------------------------------------------------------------------------------
 */

/*
 * Letters, by the width of what they make:
 *  1  b boolean  t vector
 *  2  d domain id, y the own one as a number  o offset or length in a page  h anything  z zero  s
 * selector  k callback type 4  p port  v vCPU  c small count  r grant reference  n handle  i
 * anything  0 zero  g small number m grant map flags 8  F frame  A address of a page  B address of
 * the list  L machine address of a table's entry E page-table entry  Q anything  T time soon  D
 * address of a handler  C small count  Z zero G address in the list page or none  M machine address
 * in a page In `args` '#' is the row's command and '@' the structure's address.  In `fields` '#' is
 * the command in 4 bytes; fields repeat until the structure page is full.
 */
struct row {
    const char *name;
    uint8_t nr, cmd;
    uint8_t flags;
    const char *args, *fields;
};
#define OK     1 /* must succeed once in a run */
#define DEADLY 2 /* ends or blocks the domain when it succeeds: rare */
#define STATUS 4 /* success is the 16-bit status of the first element: see grant_status() */

#define HC(name) __HYPERVISOR_##name
#define MMUEXT(cmd, flags)                                                                         \
    {                                                                                              \
#cmd, HC(mmuext_op), MMUEXT_##cmd, flags, "@cGf", "#0FQ"                                   \
    }
static const struct row rows[] = {
    {"mmu_update", HC(mmu_update), 0, OK, "@cGf", "LE"},
    {"update_va_mapping", HC(update_va_mapping), 0, OK, "AEu", ""},
    {"update_va_mapping RO", HC(update_va_mapping), 0, OK, "Aeu", ""},
    {"update_va_mapping_otherdomain", HC(update_va_mapping_otherdomain), 0, 0, "AEud", ""},
    {"set_trap_table", HC(set_trap_table), 0, OK, "@", "tbs0DZZ"},
    {"set_gdt", HC(set_gdt), 0, OK, "BC", ""},
    {"stack_switch", HC(stack_switch), 0, OK, "sA", ""},
    {"set_callbacks", HC(set_callbacks), 0, OK, "DDD", ""},
    {"fpu_taskswitch", HC(fpu_taskswitch), 0, OK, "b", ""},
    {"set_debugreg", HC(set_debugreg), 0, OK, "gA", ""},
    {"get_debugreg", HC(get_debugreg), 0, OK, "g", ""},
    {"update_descriptor", HC(update_descriptor), 0, OK, "MQ", ""},
    {"set_timer_op", HC(set_timer_op), 0, OK, "T", ""},
    {"vm_assist", HC(vm_assist), 0, OK, "bg", ""},
    {"set_segment_base", HC(set_segment_base), 0, OK, "gA", ""},
    {"nmi_op", HC(nmi_op), 0, OK, "b@", "DZ"},
    {"xen_version", HC(xen_version), 0, OK, "gB", ""},
    {"console_io", HC(console_io), 0, 0, "bgB", ""},
    {"xenpmu_op", HC(xenpmu_op), 0, 0, "g@", "QQQQ"},
    {"iret", HC(iret), 0, DEADLY, "", ""},

    MMUEXT(PIN_L1_TABLE, OK),
    MMUEXT(PIN_L2_TABLE, OK),
    MMUEXT(PIN_L3_TABLE, OK),
    MMUEXT(PIN_L4_TABLE, OK),
    MMUEXT(UNPIN_TABLE, OK),
    MMUEXT(NEW_BASEPTR, DEADLY),
    MMUEXT(NEW_USER_BASEPTR, OK),
    MMUEXT(TLB_FLUSH_LOCAL, OK),
    MMUEXT(TLB_FLUSH_ALL, OK),
    {"INVLPG_LOCAL", HC(mmuext_op), MMUEXT_INVLPG_LOCAL, OK, "@cGf", "#0AQ"},
    {"INVLPG_ALL", HC(mmuext_op), MMUEXT_INVLPG_ALL, OK, "@cGf", "#0AQ"},
    {"INVLPG_MULTI", HC(mmuext_op), MMUEXT_INVLPG_MULTI, OK, "@cGf", "#0AB"},
    {"TLB_FLUSH_MULTI", HC(mmuext_op), MMUEXT_TLB_FLUSH_MULTI, OK, "@cGf", "#0ZB"},
    {"SET_LDT", HC(mmuext_op), MMUEXT_SET_LDT, OK, "@cGf", "#0AC"},
    {"CLEAR_PAGE", HC(mmuext_op), MMUEXT_CLEAR_PAGE, OK, "@cGf", "#0FQ"},
    {"COPY_PAGE", HC(mmuext_op), MMUEXT_COPY_PAGE, OK, "@cGf", "#0FF"},
    MMUEXT(FLUSH_CACHE, 0),
    MMUEXT(MARK_SUPER, 0),

    {"decrease_reservation", HC(memory_op), XENMEM_decrease_reservation, OK, "#@", "BC00dzzz"},
    {"increase_reservation", HC(memory_op), XENMEM_increase_reservation, OK, "#@", "BC00dzzz"},
    {"populate_physmap", HC(memory_op), XENMEM_populate_physmap, OK, "#@", "BC00dzzz"},
    {"populate order", HC(memory_op), XENMEM_populate_physmap, 0, "#@", "BCg0dzzz"},
    {"exchange", HC(memory_op), XENMEM_exchange, OK, "#@", "BC00dzzzBC00dzzzZ"},
    {"maximum_ram_page", HC(memory_op), XENMEM_maximum_ram_page, OK, "#@", "Q"},
    {"current_reservation", HC(memory_op), XENMEM_current_reservation, OK, "#@", "dzzz"},
    {"maximum_reservation", HC(memory_op), XENMEM_maximum_reservation, OK, "#@", "dzzz"},
    {"machphys_mfn_list", HC(memory_op), XENMEM_machphys_mfn_list, OK, "#@", "c0BQ"},
    {"machphys_mapping", HC(memory_op), XENMEM_machphys_mapping, OK, "#@", "Q"},
    {"memory_map", HC(memory_op), XENMEM_memory_map, 0, "#@", "c0B"},
    {"add_to_physmap", HC(memory_op), XENMEM_add_to_physmap, 0, "#@", "dzgQF"},
    {"claim_pages", HC(memory_op), XENMEM_claim_pages, 0, "#@", "BC00dzzz"},
    {"acquire_resource", HC(memory_op), XENMEM_acquire_resource, 0, "#@", "dzgc0CB"},

    {"map_grant_ref", HC(grant_table_op), GNTTABOP_map_grant_ref, OK | STATUS, "#@c", "AmryzgQ"},
    {"map_grant_ref pte", HC(grant_table_op), GNTTABOP_map_grant_ref, 0, "#@c", "LmryzgQ"},
    {"unmap_grant_ref", HC(grant_table_op), GNTTABOP_unmap_grant_ref, OK | STATUS, "#@c", "AZn0"},
    {"unmap_and_replace", HC(grant_table_op), GNTTABOP_unmap_and_replace, 0, "#@c", "AAn0"},
    {"setup_table", HC(grant_table_op), GNTTABOP_setup_table, OK | STATUS, "#@c", "dzczzzzB"},
    {"copy", HC(grant_table_op), GNTTABOP_copy, OK | STATUS, "#@c", "xdoxdoohzz"},
    {"query_size", HC(grant_table_op), GNTTABOP_query_size, OK | STATUS, "#@c", "dzccz0z"},
    {"set_version", HC(grant_table_op), GNTTABOP_set_version, 0, "#@c", "g"},
    {"get_version", HC(grant_table_op), GNTTABOP_get_version, OK, "#@c", "dz0"},

    {"bind_interdomain", HC(event_channel_op), EVTCHNOP_bind_interdomain, OK, "#@", "dzp0"},
    {"bind_virq", HC(event_channel_op), EVTCHNOP_bind_virq, OK, "#@", "gv0"},
    {"bind_pirq", HC(event_channel_op), EVTCHNOP_bind_pirq, 0, "#@", "gg0"},
    {"close", HC(event_channel_op), EVTCHNOP_close, OK, "#@", "p"},
    {"send", HC(event_channel_op), EVTCHNOP_send, OK, "#@", "p"},
    {"status", HC(event_channel_op), EVTCHNOP_status, OK, "#@", "dzp"},
    {"alloc_unbound", HC(event_channel_op), EVTCHNOP_alloc_unbound, OK, "#@", "dd0"},
    {"bind_ipi", HC(event_channel_op), EVTCHNOP_bind_ipi, OK, "#@", "v0"},
    {"bind_vcpu", HC(event_channel_op), EVTCHNOP_bind_vcpu, OK, "#@", "pv"},
    {"unmask", HC(event_channel_op), EVTCHNOP_unmask, OK, "#@", "p"},
    {"reset", HC(event_channel_op), EVTCHNOP_reset, OK, "#@", "d"},
    {"expand_array", HC(event_channel_op), EVTCHNOP_expand_array, 0, "#@", "F"},

    {"initialise", HC(vcpu_op), VCPUOP_initialise, 0, "#v@", "Q"},
    {"up", HC(vcpu_op), VCPUOP_up, OK, "#vZ", ""},
    {"down", HC(vcpu_op), VCPUOP_down, DEADLY, "#vZ", ""},
    {"is_up", HC(vcpu_op), VCPUOP_is_up, OK, "#vZ", ""},
    {"get_runstate_info", HC(vcpu_op), VCPUOP_get_runstate_info, OK, "#v@", "Q"},
    {"register_runstate", HC(vcpu_op), VCPUOP_register_runstate_memory_area, OK, "#v@", "A"},
    {"register_time_area", HC(vcpu_op), VCPUOP_register_vcpu_time_memory_area, OK, "#v@", "A"},
    {"set_periodic_timer", HC(vcpu_op), VCPUOP_set_periodic_timer, OK, "#v@", "T"},
    {"stop_periodic_timer", HC(vcpu_op), VCPUOP_stop_periodic_timer, OK, "#vZ", ""},
    {"set_singleshot_timer", HC(vcpu_op), VCPUOP_set_singleshot_timer, OK, "#v@", "Tb"},
    {"stop_singleshot_timer", HC(vcpu_op), VCPUOP_stop_singleshot_timer, OK, "#vZ", ""},
    {"register_vcpu_info", HC(vcpu_op), VCPUOP_register_vcpu_info, OK, "#v@", "F00"},
    {"send_nmi", HC(vcpu_op), VCPUOP_send_nmi, OK, "#vZ", ""},
    {"get_physid", HC(vcpu_op), VCPUOP_get_physid, 0, "#v@", "Q"},

    {"yield", HC(sched_op), SCHEDOP_yield, OK, "#Z", ""},
    {"block", HC(sched_op), SCHEDOP_block, DEADLY, "#Z", ""},
    {"poll", HC(sched_op), SCHEDOP_poll, OK, "#@", "Bc0T"},
    {"shutdown", HC(sched_op), SCHEDOP_shutdown, DEADLY, "#@", "g"},
    {"shutdown_code", HC(sched_op), SCHEDOP_shutdown_code, 0, "#@", "i"},
    {"watchdog", HC(sched_op), SCHEDOP_watchdog, DEADLY, "#@", "gg"},
    {"pin_override", HC(sched_op), SCHEDOP_pin_override, 0, "#@", "g"},

    {"register", HC(callback_op), CALLBACKOP_register, OK, "#@", "kz0D"},
    {"unregister", HC(callback_op), CALLBACKOP_unregister, OK, "#@", "kz"},
    {"set_iopl", HC(physdev_op), PHYSDEVOP_set_iopl, OK, "#@", "g"},
    {"set_iobitmap", HC(physdev_op), PHYSDEVOP_set_iobitmap, OK, "#@", "Bc"},
    {"irq_status_query", HC(physdev_op), PHYSDEVOP_irq_status_query, 0, "#@", "g0"},
    {"map_pirq", HC(physdev_op), PHYSDEVOP_map_pirq, 0, "#@", "dzggggggZ"},
    {"unmap_pirq", HC(physdev_op), PHYSDEVOP_unmap_pirq, 0, "#@", "dzg"},

    {"multicall", HC(multicall), 0, OK, "@c", "*"},
    {"store to a page", 0, 0, OK, "*", ""},
    {"any sub-op of a known call", 0, 0, 0, "+", "QFABpvcdz"},
    {"any number", 0, 0, 0, "?", "QiFdhAcQ"},
};
#define NR_ROWS ARRAY_SIZE(rows)

/* --- the second domain --------------------------------------------------------------------------
 */

extern char _text[];

/* Pages to play with: data, tables, descriptor pages, holes, as the calls will have it. */
static uint8_t play[NR_PLAY][PAGE_SIZE] __attribute__((aligned(4096)));
static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));

static struct fuzzer {
    uint64_t random;
    unsigned at;         /* the page that this call is about */
    unsigned handle;     /* of the last mapped grant */
    uint64_t frames[16]; /* that the hypervisor handed out lately */
    bool wild;
    uint64_t structure[512] __attribute__((aligned(4096))); /* what calls point at */
    uint64_t list[1536]; /* more than a page: some calls return long lists */
} __attribute__((aligned(4096))) fuzzers[NR_VCPUS];

static struct counts {
    volatile uint32_t tried[NR_ROWS], fine[NR_ROWS];
    volatile uint32_t all;
    volatile uint64_t last[16][6]; /* the latest calls: row, arguments */
} __attribute__((aligned(4096))) counts[NR_VCPUS];
_Static_assert(sizeof(struct counts) == PAGE_SIZE, "one page of the window");

static uint8_t stacks[NR_VCPUS][8192] __attribute__((aligned(4096)));
static uint64_t shared_frame, start_time;

/* Where the hypervisor enters: go on, after a fault at the address in r15, with events masked. */
void fuzz_fault(void), fuzz_fault_code(void), fuzz_event(void);
__asm__(".text\n"
        "fuzz_fault_code: pop %rcx; pop %r11; add $8, %rsp; mov %r15, (%rsp); jmp fuzz_iret\n"
        "fuzz_fault: pop %rcx; pop %r11; mov %r15, (%rsp); jmp fuzz_iret\n"
        "fuzz_event: pop %rcx; pop %r11\n"
        "fuzz_iret: andl $~0x200, 16(%rsp)\n"
        "push $0; push %rcx; push %r11; push %rax\n"
        "mov $23, %eax; syscall; ud2\n");

static uint64_t rnd(struct fuzzer *f)
{
    f->random ^= f->random << 13; /* Marsaglia's xorshift64 */
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random * 0x2545f4914f6cdd1dUL;
}

static unsigned below(struct fuzzer *f, unsigned n)
{
    return (unsigned)(rnd(f) >> 33) % n;
}

static unsigned page_number(struct fuzzer *f)
{
    return below(f, 4) ? f->at : below(f, NR_PLAY);
}

static uint64_t own_frame(unsigned page)
{
    return ctl.mfns[image_page(play[page])];
}

static uint64_t anything(struct fuzzer *f)
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

    return below(f, 3) ? edges[below(f, ARRAY_SIZE(edges))] + below(f, 3) - 1 : rnd(f);
}

static uint64_t frame(struct fuzzer *f)
{
    switch (below(f, 32)) {
    case 0: return ctl.tables[below(f, SECOND_TABLES)];
    case 1: return shared_frame;
    case 2:
    case 3: return f->frames[below(f, ARRAY_SIZE(f->frames))];
    case 4: return below(f, 1024);
    case 5: return f->wild ? ctl.mfns[below(f, 64)] : own_frame(below(f, NR_PLAY));
    case 6: return anything(f);
    default: return own_frame(page_number(f));
    }
}

static uint64_t table_entry(struct fuzzer *f, bool read_only)
{
    static const uint64_t flags[] = {RO_FLAGS, RW_FLAGS, RW_FLAGS | PTE_NX, 0};

    if (!below(f, 24))
        return frame(f) * PAGE_SIZE | (rnd(f) & 0xfff) | rnd(f) << 52;
    return frame(f) * PAGE_SIZE | (read_only ? RO_FLAGS : flags[below(f, 4)]);
}

/* The machine address of an entry: of a play page's mapping, or in a play page that is a table. */
static uint64_t entry_address(struct fuzzer *f)
{
    uint64_t va = (uint64_t)play[page_number(f)];

    if (f->wild)
        return ctl.tables[below(f, SECOND_TABLES)] * PAGE_SIZE + below(f, 512) * 8 + below(f, 5);
    if (below(f, 2))
        return own_frame(page_number(f)) * PAGE_SIZE + below(f, 512) * 8 + below(f, 2) * 2;
    return ctl.tables[3 + (L1_SLOT((uint64_t)_text) + image_page((void *)va)) / 512] * PAGE_SIZE +
           L1_SLOT(va) * 8 + below(f, 2) * 2;
}

static uint64_t handler(struct fuzzer *f)
{
    return f->wild ? anything(f) : (uint64_t)fuzz_event;
}

static domid_t domain(struct fuzzer *f)
{
    static const domid_t others[] = {0, 1, 2, 3, 0x7ff1, 0x7ff2, 0x7ff4, 0xffff};

    return below(f, 6) ? DOMID_SELF : others[below(f, ARRAY_SIZE(others))];
}

static uint64_t value(struct fuzzer *f, char kind, const struct row *row)
{
    if (!below(f, 100))
        return anything(f);
    switch (kind) {
    case '#': return row->cmd;
    case '@': return (uint64_t)f->structure;
    case 'A': return (uint64_t)play[page_number(f)] + (below(f, 8) ? 0 : below(f, 4096));
    case 'B': return (uint64_t)f->list + (below(f, 16) ? 0 : 4080);
    case 'C':
    case 'c': return below(f, 16) ? 1 + below(f, 3) : below(f, 600);
    case 'D': return handler(f);
    case 'E': return table_entry(f, false);
    case 'e': return table_entry(f, true);
    case 'F': return frame(f);
    case 'G': return below(f, 2) ? 0 : (uint64_t)&f->list[500];
    case 'L': return entry_address(f);
    case 'M': return own_frame(page_number(f)) * PAGE_SIZE + below(f, 512) * 8;
    case 'Q':
    case 'h':
    case 'i': return anything(f);
    case 'T':
        return below(f, 4) ? start_time + rnd(f) % 4000000000UL : 1000000 + rnd(f) % 100000000;
    case 'b': return below(f, 2);
    case 'd': return domain(f);
    case 'y': return below(f, 16) ? arg.in[1] : domain(f);
    case 'f': return below(f, 16) ? DOMID_SELF : domain(f);
    case 'g': return below(f, 12);
    case 'k': return below(f, 9);
    case 'm': return 2 | (below(f, 2) ? 4 : 0) | (below(f, 16) ? 0 : rnd(f) & 0xffff001f);
    case 'n': return below(f, 4) ? f->handle : below(f, 64);
    case 'o': return below(f, 8) ? below(f, 2048) : rnd(f);
    case 'p': return below(f, 16) ? below(f, 24) : below(f, 5000);
    case 'r': return below(f, 16) ? 8 + below(f, 24) : below(f, 3000);
    case 's': return below(f, 8) ? FLAT_KERNEL_SS : rnd(f);
    case 't': return f->wild ? below(f, 256) : 20 + below(f, 12); /* vectors of no exception */
    case 'u': return below(f, 7);
    case 'v': return below(f, 16) ? below(f, 2) : below(f, 70);
    case 'x': return below(f, 2) ? 8 + below(f, 24) : frame(f); /* a grant or a frame */
    default: return 0;
    }
}

static unsigned width(char kind)
{
    static const struct {
        unsigned bytes;
        const char *kinds;
    } widths[] = {{1, "bt"}, {2, "dyohzsk"}, {4, "pvcrni0gm#"}};

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

    for (unsigned i = 0; row->fields[0] && i < elements; i++) {
        for (const char *k = row->fields; *k; k++) {
            uint64_t v = value(f, *k, row);

            memcpy(to + used, &v, width(*k));
            used += width(*k);
        }
    }
    if (!below(f, 3))
        for (unsigned i = 0; i < 8; i++)
            f->list[i] = below(f, 8) ? own_frame(page_number(f)) : frame(f);
}

/* Grant entries change under the hypervisor's eyes, as a guest may have it. */
static void change_grant(struct fuzzer *f)
{
    struct grant_entry_v1 *e = &table[8 + below(f, 24)];

    e->domid = below(f, 8) ? arg.in[1] : domain(f);
    e->frame = (uint32_t)frame(f);
    e->flags = below(f, 16) ? GTF_permit_access | (below(f, 2) ? GTF_readonly : 0) : rnd(f);
}

/* A store to a page of whatever type: plain memory, a table (emulated), or nothing (a fault). */
static bool store(struct fuzzer *f)
{
    uint64_t *to = (uint64_t *)play[page_number(f)] + below(f, 512), value = table_entry(f, false);
    bool stored = false;

#define STORE(insn)                                                                                \
    __asm__ volatile("lea 1f(%%rip), %%r15; " insn "; movb $1, %0; 1:"                             \
                     : "+m"(stored), "+m"(*to), "+a"(value)                                        \
                     : "r"(value), "r"(to)                                                         \
                     : "r15", "cc")
    switch (below(f, 5)) {
    case 0: STORE("mov %3, (%4)"); break;
    case 1: STORE("lock cmpxchg %3, (%4)"); break;
    case 2: STORE("lock btrq $1, (%4)"); break;
    case 3: STORE("movl %k3, 4(%4)"); break;
    default: STORE("xchg %%rax, (%4)"); break;
    }
    return stored;
}

/* Success of a grant operation: the status field of its first element. */
static bool grant_status(const struct fuzzer *f, const struct row *row)
{
    const void *s = f->structure;

    switch (row->cmd) {
    case GNTTABOP_map_grant_ref: return ((const struct gnttab_map_grant_ref *)s)->status == 0;
    case GNTTABOP_unmap_grant_ref: return ((const struct gnttab_unmap_grant_ref *)s)->status == 0;
    case GNTTABOP_setup_table: return ((const struct gnttab_setup_table *)s)->status == 0;
    case GNTTABOP_copy: return ((const struct gnttab_copy *)s)->status == 0;
    default: return ((const struct gnttab_query_size *)s)->status == 0;
    }
}

static void make_arguments(struct fuzzer *f, const struct row *row, uint64_t a[5])
{
    fill_structure(f, row);
    for (unsigned i = 0; i < 5; i++)
        a[i] = 0;
    for (unsigned i = 0; row->args[i] && i < 5; i++)
        a[i] = value(f, row->args[i], row);
}

static const struct row *any_row(struct fuzzer *f)
{
    const struct row *row;

    do {
        row = &rows[below(f, NR_ROWS)];
    } while (row->flags & DEADLY && below(f, 400));
    return row;
}

/* Entries behind the four are of no call; zeroes would be set_trap_table(0), which takes all
 * handlers away.  Entries whose structures are those of the last call with a structure: enough for
 * most. */
static void make_batch(struct fuzzer *f)
{
    struct multicall_entry *entries = (struct multicall_entry *)(f->structure + 256);

    memset(entries, 0xff, PAGE_SIZE / 2);
    for (unsigned i = 0; i < 4; i++) {
        const struct row *row;
        uint64_t a[5];

        do {
            row = any_row(f);
        } while (!row->nr || row->nr == HC(multicall) || row->flags & DEADLY);
        make_arguments(f, row, a);
        entries[i] = (struct multicall_entry){.op = row->nr};
        for (unsigned j = 0; j < 5; j++)
            entries[i].args[j] = a[j];
    }
}

static void one_call(struct fuzzer *f, struct counts *count)
{
    const struct row *row = any_row(f);
    unsigned number = (unsigned)(row - rows), nr = row->nr;
    uint64_t a[5];
    bool fine;

    f->at = below(f, NR_PLAY);
    f->wild = !below(f, 400);
    if (!below(f, 4))
        change_grant(f);
    make_arguments(f, row, a);
    count->tried[number]++;
    if (row->args[0] == '*') {
        fine = store(f);
    } else {
        if (row->nr == HC(multicall)) {
            make_batch(f);
            a[0] = (uint64_t)(f->structure + 256);
            a[1] = below(f, 16) ? 1 + below(f, 4) : 1 + below(f, 32);
        } else if (row->args[0] == '+' || row->args[0] == '?') {
            nr = row->args[0] == '?' ? below(f, 64) : any_row(f)->nr;
            if (nr == HC(iret) || nr == HC(sched_op))
                nr = 63;
            a[0] = below(f, 48);
            a[1] = (uint64_t)(f->structure);
            a[2] = below(f, 3);
        }
        count->last[count->all % 16][0] = number;
        for (unsigned i = 0; i < 5; i++)
            count->last[count->all % 16][1 + i] = a[i];
        long rc = hypercall5(nr, a[0], a[1], a[2], a[3], a[4]);
        fine = rc >= 0 && (!(row->flags & STATUS) || grant_status(f, row));
    }
    if (fine) {
        count->fine[number]++;
        if (row->nr == HC(grant_table_op) && row->cmd == GNTTABOP_map_grant_ref)
            f->handle = ((struct gnttab_map_grant_ref *)f->structure)->handle;
        if (row->nr == HC(memory_op))
            f->frames[below(f, ARRAY_SIZE(f->frames))] = f->list[0];
    }
    count->all++;
}

static void fuzz(unsigned n)
{
    struct fuzzer *f = &fuzzers[n];

    f->random = arg.in[2] * 0x9e3779b97f4a7c15UL + n + 1;
    for (;;)
        one_call(f, &counts[n]);
}

static void second_vcpu(void)
{
    fuzz(1);
}

/* The grant table mapped, handlers in place, the other vCPU started: then at random. */
static void second_main(void)
{
    static struct vcpu_guest_context c;
    static struct trap_info traps[33];
    xen_pfn_t grants = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&grants};

    shared_frame = arg.in[0];
    start_time = arg.in[3];
    for (unsigned i = 0; i < 32; i++)
        traps[i] =
            (struct trap_info){(uint8_t)i, 0, FLAT_KERNEL_CS,
                               (uint64_t)(0x60227d00 >> i & 1 ? fuzz_fault_code : fuzz_fault)};
    hc_set_trap_table(traps);
    hc_set_callbacks(fuzz_event, fuzz_event, fuzz_event);
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    hc_update_va(table, grants * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    c = (struct vcpu_guest_context){.flags = VGCF_IN_KERNEL};
    c.user_regs.rip = (uint64_t)second_vcpu;
    c.user_regs.rsp = (uint64_t)stacks[1] + sizeof(stacks[1]) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.event_callback_eip = (uint64_t)fuzz_event;
    c.failsafe_callback_eip = (uint64_t)fuzz_event;
    memcpy(c.trap_ctxt, traps, sizeof(traps));
    c.ctrlreg[3] = ctl.tables[0] * PAGE_SIZE;
    hc_vcpu_op(VCPUOP_initialise, 1, &c);
    hc_vcpu_op(VCPUOP_up, 1, 0);
    fuzz(0);
}

/* --- the first domain ---------------------------------------------------------------------------
 */

static uint64_t option(const char *name, uint64_t otherwise)
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

static const struct counts *their_counts(unsigned n)
{
    return (const struct counts *)(SECOND_WINDOW + (4 + n) * PAGE_SIZE);
}

/* What the domain needs to know before it runs; it is paused or waits for ctl.command. */
static bool brief(uint64_t seed)
{
    for (unsigned n = 0; n < NR_VCPUS; n++)
        if (second_show(4 + n, second_frames[SECOND_TABLES + image_page(&counts[n])]))
            return false;
    if (second_domctl(XEN_DOMCTL_getdomaininfo))
        return false;
    their_arg->in[0] = second_op.u.getdomaininfo.shared_info_frame;
    their_arg->in[1] = second;
    their_arg->in[2] = seed;
    their_arg->in[3] = system_time();
    __atomic_store_n(&their_ctl->command, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void wait_for_brief(void)
{
    while (!__atomic_load_n(&ctl.command, __ATOMIC_SEQ_CST))
        hc_sched_op(SCHEDOP_yield, 0);
    second_main();
}

/* What each vCPU did last, the latest call at the end: for a life that failed, or option `tell`. */
static void tell(void)
{
    for (unsigned n = 0; n < NR_VCPUS; n++) {
        const struct counts *c = their_counts(n);

        for (unsigned i = 1; i <= 16; i++) {
            const volatile uint64_t *l = c->last[(c->all + i) % 16];

            print("# v%u %s %#lx %#lx %#lx %#lx\n", n, rows[l[0]].name, l[1], l[2], l[3], l[4]);
        }
    }
}

/* Lets the domain run until it has made its calls, is dead, or stands still. */
static void watch(uint64_t calls)
{
    uint64_t last = 0, since = system_time();

    for (;;) {
        uint64_t done = their_counts(0)->all + their_counts(1)->all;

        if (done >= calls || system_time() - since > STALL_NS)
            return;
        if (done != last) {
            last = done;
            since = system_time();
        }
        if (second_domctl(XEN_DOMCTL_getdomaininfo) ||
            second_op.u.getdomaininfo.flags & XEN_DOMINF_shutdown) {
            if (cmdline_has("tell"))
                tell();
            return;
        }
        hc_sched_op(SCHEDOP_yield, 0);
    }
}

static uint64_t tried[NR_ROWS], fine[NR_ROWS];

static uint64_t one_life(uint64_t seed)
{
    uint64_t done = 0;

    if (!second_setup(wait_for_brief) || !brief(seed)) {
        EXPECT(!"the second domain could not be built");
        return 0;
    }
    watch(CALLS_PER_LIFE);
    for (unsigned n = 0; n < NR_VCPUS; n++) {
        done += their_counts(n)->all;
        for (unsigned i = 0; i < NR_ROWS; i++) {
            tried[i] += their_counts(n)->tried[i];
            fine[i] += their_counts(n)->fine[i];
        }
        second_show(4 + n, 0);
    }
    if (on_pavis)
        EXPECT(audit_clean()); /* in the middle of it, both vCPUs running */
    second_destroy();
    for (uint64_t end = system_time() + 2000000000; system_time() < end;)
        if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            break;
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    if (on_pavis)
        EXPECT(audit_clean());
    return done;
}

/* Random calls of an unprivileged domain harm nobody, whatever they leave behind; each
 * sub-operation that such a domain may use succeeds now and then. */
static void test_unprivileged(void)
{
    uint64_t calls = option("calls=", 150000), seed = option("seed=", 1), before = 0, done = 0;
    unsigned lives = 0;

    for (; done < calls && !test_failed(); lives++) {
        uint64_t now = one_life(seed + lives);

        done += now;
        if (lives == 1)
            before = machine_free_pages();
        if (test_failed())
            print("# life with seed=%lu failed after %lu calls\n", seed + lives, now);
    }
    print("# %lu calls in %u lives\n", done, lives);
    for (unsigned i = 0; i < NR_ROWS; i++) {
        print("# %lu of %lu %s\n", fine[i], tried[i], rows[i].name);
        if (rows[i].flags & OK && done >= 100000 && !fine[i])
            test_fail(TEST_WHERE, "%s never succeeded", rows[i].name);
    }
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (machine_free_pages() >= before)
            break;
    EXPECT(machine_free_pages() + (on_pavis ? 0 : 64) >= before);
}

TESTS("fuzz", T(unprivileged));
