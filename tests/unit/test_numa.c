/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: SRAT and SLIT are understood and become nodes; tables that do not fit the machine, or are
 * damaged in any way, leave a machine of one node and never a look outside them; memory comes from
 * the nodes that were asked for while they have any, from elsewhere only if that is allowed, and
 * free blocks never join across the border of two nodes.
 */
// SOURCES: hypervisor/cpu/acpi_parse.c hypervisor/lib/string.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c hypervisor/mem/numa.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#define ROUNDS 100000
#define MAX    600

static void put(uint8_t *t, size_t at, uint64_t value, size_t bytes)
{
    memcpy(t + at, &value, bytes);
}

static size_t add_cpu(uint8_t *t, size_t at, uint8_t apic_id, uint32_t domain)
{
    memset(t + at, 0, 16);
    t[at + 1] = 16;
    t[at + 2] = (uint8_t)domain;
    t[at + 3] = apic_id;
    put(t, at + 4, 1, 4);
    put(t, at + 9, domain >> 8, 3);
    return at + 16;
}

static size_t add_x2apic(uint8_t *t, size_t at, uint32_t apic_id, uint32_t domain)
{
    memset(t + at, 0, 24);
    t[at] = 2;
    t[at + 1] = 24;
    put(t, at + 4, domain, 4);
    put(t, at + 8, apic_id, 4);
    put(t, at + 12, 1, 4);
    return at + 24;
}

static size_t add_memory(uint8_t *t, size_t at, uint64_t start, uint64_t end, uint32_t domain)
{
    memset(t + at, 0, 40);
    t[at] = 1;
    t[at + 1] = 40;
    put(t, at + 2, domain, 4);
    put(t, at + 8, start, 8);
    put(t, at + 16, end - start, 8);
    put(t, at + 28, 1, 4);
    return at + 40;
}

/* As QEMU's with two nodes of 2 GiB each: the second goes round the hole below 4 GiB. */
static size_t make_srat(uint8_t *t)
{
    size_t at = 48;

    memset(t, 0, 48);
    t[8] = 3;
    at = add_cpu(t, at, 0, 0);
    at = add_cpu(t, at, 1, 0x1234567);
    at = add_x2apic(t, at, 300, 0x1234567);
    at = add_memory(t, at, 0, 0xa0000, 0);
    at = add_memory(t, at, GIB(4), GIB(5), 0x1234567);
    at = add_memory(t, at, MIB(1), GIB(2), 0);
    at = add_memory(t, at, GIB(2), GIB(3), 0x1234567);
    t[add_memory(t, at, GIB(5), GIB(6), 0) - 40 + 28] = 0; /* not enabled */
    return at + 40;
}

static struct memory_map two_nodes = {.nr = 4,
                                      .region = {{0, 0x9fc00, MEMORY_RAM},
                                                 {MIB(1), GIB(3) - MIB(1), MEMORY_RAM},
                                                 {GIB(3), GIB(1), MEMORY_RESERVED},
                                                 {GIB(4), GIB(1), MEMORY_RAM}}};

static unsigned node_at(const struct numa *n, uint64_t address)
{
    uint64_t end;

    numa = *n;
    return numa_node_of(address >> PAGE_SHIFT, &end);
}

static void assert_one_node(const struct numa *n)
{
    assert_int_equal(n->nr_nodes, 1);
    assert_int_equal(n->nr_ranges, 0);
    assert_int_equal(n->nr_cpus, 0);
    assert_int_equal(n->distance[0][0], 10);
    assert_int_equal(n->span[0].start, 0);
    assert_int_equal(n->span[0].end, GIB(5) >> PAGE_SHIFT);
}

static void tables_become_nodes(void **state)
{
    static struct acpi_info info;
    static struct numa n;
    uint8_t t[MAX], slit[44 + 4] = {0};
    size_t size = make_srat(t);

    memset(&info, 0, sizeof(info));
    assert_null(acpi_parse_srat(t, size, &info));
    assert_true(info.numa.has_srat);
    assert_int_equal(info.numa.nr_memory, 4);
    assert_null(numa_build(&n, &info.numa, &two_nodes));
    assert_int_equal(n.nr_nodes, 2);
    assert_int_equal(n.nr_ranges, 2);
    assert_int_equal(node_at(&n, 0), 0);
    assert_int_equal(node_at(&n, GIB(2) - 1), 0);
    assert_int_equal(node_at(&n, GIB(2)), 1);
    assert_int_equal(node_at(&n, GIB(4)), 1);
    assert_int_equal(n.span[0].end, GIB(2) >> PAGE_SHIFT);
    assert_int_equal(n.span[1].start, GIB(2) >> PAGE_SHIFT);
    assert_int_equal(n.span[1].end, GIB(5) >> PAGE_SHIFT);
    assert_int_equal(numa_node_of_apic(0), 0);
    assert_int_equal(numa_node_of_apic(1), 1);
    assert_int_equal(numa_node_of_apic(300), 1);
    assert_int_equal(numa_node_of_apic(77), 0); /* never heard of */
    assert_int_equal(numa_all_nodes(), 3);
    assert_int_equal(n.distance[0][0], 10);
    assert_int_equal(n.distance[0][1], 20); /* no SLIT */

    /* The SLIT counts by the firmware's numbers, of which the second is beyond it. */
    put(slit, 36, 2, 8);
    memcpy(slit + 44, "\x0a\x15\x1f\x0a", 4);
    assert_null(acpi_parse_slit(slit, sizeof(slit), &info));
    assert_null(numa_build(&n, &info.numa, &two_nodes));
    assert_int_equal(n.distance[0][1], 20);
    for (unsigned i = 0; i < info.numa.nr_memory; i++)
        info.numa.memory[i].domain = info.numa.memory[i].domain ? 1 : 0;
    for (unsigned i = 0; i < info.numa.nr_cpus; i++)
        info.numa.cpu[i].domain = info.numa.cpu[i].domain ? 1 : 0;
    assert_null(numa_build(&n, &info.numa, &two_nodes));
    assert_int_equal(n.distance[0][1], 21);
    assert_int_equal(n.distance[1][0], 31);
    assert_int_equal(n.distance[1][1], 10);
}

/* Revision 1 had 8 bits of the number; the rest of the field is not to be believed. */
static void old_revision(void **state)
{
    static struct acpi_info info;
    uint8_t t[MAX];
    size_t size = make_srat(t);

    memset(&info, 0, sizeof(info));
    t[8] = 1;
    assert_null(acpi_parse_srat(t, size, &info));
    assert_int_equal(info.numa.cpu[1].domain, 0x67);
    assert_int_equal(info.numa.memory[1].domain, 0x67);
}

static void what_does_not_fit_is_not_believed(void **state)
{
    static struct acpi_info good, info;
    static struct numa n;
    uint8_t t[MAX], slit[44 + 4] = {0};
    size_t size = make_srat(t);

    assert_null(numa_build(&n, &good.numa, &two_nodes)); /* no SRAT at all */
    assert_one_node(&n);
    assert_null(acpi_parse_srat(t, size, &good));

    info = good; /* one stretch is missing */
    info.numa.nr_memory = 3;
    assert_non_null(numa_build(&n, &info.numa, &two_nodes));
    assert_one_node(&n);
    info = good; /* but 384 KiB below 1 MiB are nobody's worry */
    info.numa.memory[0] = info.numa.memory[3];
    info.numa.nr_memory = 3;
    assert_null(numa_build(&n, &info.numa, &two_nodes));
    assert_int_equal(n.nr_nodes, 2);
    info = good; /* two nodes claim the same */
    info.numa.memory[3].start -= PAGE_SIZE;
    assert_non_null(numa_build(&n, &info.numa, &two_nodes));
    assert_one_node(&n);
    info = good; /* too many nodes */
    info.numa.nr_cpus = NR_NODES;
    for (unsigned i = 0; i < NR_NODES; i++)
        info.numa.cpu[i].domain = 100 + i;
    assert_non_null(numa_build(&n, &info.numa, &two_nodes));
    assert_one_node(&n);
    info = good; /* all in one node is no NUMA */
    for (unsigned i = 0; i < info.numa.nr_memory; i++)
        info.numa.memory[i].domain = 5;
    for (unsigned i = 0; i < info.numa.nr_cpus; i++)
        info.numa.cpu[i].domain = 5;
    assert_null(numa_build(&n, &info.numa, &two_nodes));
    assert_one_node(&n);

    put(t, 48 + 16 + 16 + 24 + 8, UINT64_MAX - 100, 8); /* memory that wraps */
    memset(&info, 0, sizeof(info));
    assert_non_null(acpi_parse_srat(t, size, &info));
    assert_false(info.numa.has_srat);
    t[49] = 0; /* an entry of no length */
    assert_non_null(acpi_parse_srat(t, size, &info));
    assert_non_null(acpi_parse_srat(t, 47, &info));

    put(slit, 36, 2, 8);
    memcpy(slit + 44, "\x0a\x14\x14\x0a", 4);
    assert_null(acpi_parse_slit(slit, sizeof(slit), &info));
    assert_non_null(acpi_parse_slit(slit, sizeof(slit) - 1, &info));
    slit[44] = 11; /* far from itself */
    assert_non_null(acpi_parse_slit(slit, sizeof(slit), &info));
    slit[44] = slit[45] = 10; /* as near to another as to itself */
    assert_non_null(acpi_parse_slit(slit, sizeof(slit), &info));
    put(slit, 36, 1UL << 32, 8); /* whose square is 0 in 64 bits */
    assert_non_null(acpi_parse_slit(slit, sizeof(slit), &info));
}

/* Each table in a heap block of its exact size, so that the sanitizer sees every step outside. */
static void damage_is_survived(void **state)
{
    static struct acpi_info info;
    static struct numa n;

    for (int round = 0; round < ROUNDS; round++) {
        uint8_t good[MAX], *t;
        size_t size = make_srat(good), cut = rnd(4) ? size : rnd(size);

        t = malloc(cut ? cut : 1);
        memcpy(t, good, cut);
        for (uint64_t i = rnd(12); i && cut; i--)
            t[rnd(cut)] = (uint8_t)rnd(256);
        memset(&info, 0, sizeof(info));
        if (rnd(8))
            acpi_parse_srat(t, cut, &info);
        else
            acpi_parse_slit(t, cut, &info);
        numa_build(&n, &info.numa, &two_nodes);
        assert_in_range(n.nr_nodes, 1, NR_NODES);
        for (unsigned i = 0; i < n.nr_ranges; i++) {
            assert_in_range(n.range[i].node, 0, n.nr_nodes - 1);
            if (i)
                assert_true(n.range[i - 1].end <= n.range[i].end);
        }
        for (unsigned i = 0; i < n.nr_nodes; i++)
            assert_true(n.span[i].start <= n.span[i].end);
        free(t);
    }
}

/* --- allocation: nodes 0, 1, 0 with borders that no large block respects ------------------------
 */

#define BORDER_1 4321u
#define BORDER_2 6789u

static unsigned node_of(const struct frame *f)
{
    uint64_t mfn = frame_mfn(f).n;

    return mfn >= BORDER_1 && mfn < BORDER_2;
}

static void nodes_of_the_fake_machine(void)
{
    numa = (struct numa){.nr_nodes = 2,
                         .nr_ranges = 3,
                         .range = {{BORDER_1, 0}, {BORDER_2, 1}, {HIGH_START + HIGH_FRAMES, 0}}};
}

static void memory_comes_from_the_node_asked_for(void **state)
{
    uint64_t total = heap_free_pages(), on_1 = BORDER_2 - BORDER_1, from_1 = 0;
    static struct frame *taken[LOW_FRAMES];
    unsigned nr = 0;
    struct frame *f;

    assert_int_equal(heap_free_pages_in(2, 64), on_1);
    assert_int_equal(heap_free_pages_in(1, 64), total - on_1);
    assert_int_equal(heap_free_pages_in(3, 64), total);

    /* An owner's preference, as long as there is any; then the other node's. */
    owner[1].max_pages = LOW_FRAMES;
    owner[1].nodes = 2;
    while (from_1 < on_1) {
        f = frame_alloc(&owner[1], 0, 0, 0);
        assert_int_equal(node_of(f), 1);
        taken[nr++] = f;
        from_1++;
    }
    assert_int_equal(heap_free_pages_in(2, 64), 0);
    assert_null(frame_alloc(&owner[1], 0, MEMF_NODE(1) | MEMF_EXACT_NODE, 0));
    taken[nr++] = f = frame_alloc(&owner[1], 0, MEMF_NODE(1), 0);
    assert_int_equal(node_of(f), 0);
    taken[nr++] = f = frame_alloc(&owner[1], 0, 0, 0);
    assert_int_equal(node_of(f), 0);
    while (nr)
        frame_put_alloc(taken[--nr]);
    assert_int_equal(heap_free_pages(), total);
    audit_clean();

    /* What a call names counts for more than the owner's; width limits hold in every node. */
    f = frame_alloc(&owner[1], 3, MEMF_NODE(0) | MEMF_EXACT_NODE, 0);
    assert_int_equal(node_of(f), 0);
    for (unsigned i = 0; i < 8; i++)
        frame_put_alloc(&f[i]);
    assert_null(frame_alloc(&owner[1], 0, MEMF_NODE(1) | MEMF_EXACT_NODE, 24)); /* below 4096 */
    owner[1].nodes = 0;
    owner[1].max_pages = 2000;
}

/* Random blocks, with wishes and without: never across a border, and all joined in the end. */
static void blocks_stay_in_their_node(void **state)
{
    enum { N = 100 };
    static struct frame *block[N];
    static unsigned order[N];
    uint64_t total = heap_free_pages();

    for (int round = 0; round < 30000; round++) {
        unsigned i = (unsigned)rnd(N), node = (unsigned)rnd(2);
        bool exact = rnd(2);

        if (block[i]) {
            frame_free_hv(block[i], order[i]);
            block[i] = NULL;
            continue;
        }
        order[i] = (unsigned)rnd(8);
        block[i] = frame_alloc(NULL, order[i], MEMF_NODE(node) | (exact ? MEMF_EXACT_NODE : 0), 0);
        if (!block[i])
            continue;
        assert_true(!exact || node_of(block[i]) == node);
        assert_int_equal(node_of(block[i]), node_of(block[i] + (1UL << order[i]) - 1));
    }
    audit_clean();
    for (unsigned i = 0; i < N; i++) {
        if (block[i])
            frame_free_hv(block[i], order[i]);
    }
    assert_int_equal(heap_free_pages(), total);
    audit_clean();
    assert_non_null(block[0] = frame_alloc(NULL, 10, MEMF_NODE(1) | MEMF_EXACT_NODE, 0));
    assert_int_equal(frame_mfn(block[0]).n, 5120);
    frame_free_hv(block[0], 10);
}

static int setup(void **state)
{
    nodes_of_the_fake_machine();
    fake_boot(true);
    fake_owners();
    return 0;
}

static int again(void **state)
{
    nodes_of_the_fake_machine();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_become_nodes),
        cmocka_unit_test(old_revision),
        cmocka_unit_test(what_does_not_fit_is_not_believed),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test_setup(memory_comes_from_the_node_asked_for, again),
        cmocka_unit_test_setup(blocks_stay_in_their_node, again),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
