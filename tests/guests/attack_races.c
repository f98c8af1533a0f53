/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks on page tables and frames that are races: translations that linger in another processor's
 * TLB, and two vCPUs that want different things of one frame (docs/ATTACKS.md, section 1b).  With
 * one processor these pass, and show nothing.
 */
#include "abi/memory.h"
#include "attack.h"

#define TREE_VA 0x20000000000UL /* L4 slot 4 */

static struct tree tree;

static long entry_set(const uint64_t *entry, uint64_t value)
{
    return mmu_update1(pte_machine(entry), value);
}

static uint64_t to(const void *page, uint64_t flags)
{
    return mfn_of(page) * PAGE_SIZE | flags;
}

static long give_back(uint64_t mfn)
{
    xen_pfn_t list[1] = {mfn};
    struct xen_memory_reservation r = {(guest_ptr_t)list, 1, 0, 0, DOMID_SELF};

    return hc_memory_op(XENMEM_decrease_reservation, &r);
}

/* --- translations that linger -------------------------------------------------------------------
 */

/* The page becomes something that nobody may write, while the other vCPU goes on writing by the
 * translation that its processor still has: nobody asked for a flush (XSA-217, 241, 401). */
static void become(void *page, long (*begin)(void *page), long (*end)(void *page))
{
    race_page = page;
    REQUIRE(attack_start(race_writer));
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(race_is_running());
        EXPECT_RC(set_va(page, to(page, RO_FLAGS), UVMF_NONE), 0);
        REQUIRE_RC(begin(page), 0);
        EXPECT(stays(page));
        EXPECT_RC(end(page), 0);
        EXPECT_RC(set_va(page, to(page, RW_FLAGS), UVMF_NONE), 0);
    }
}

static long begin_l1(void *page)
{
    return pin(page, 1);
}

static long begin_l4(void *page)
{
    return pin(page, 4);
}

static long begin_gdt(void *page)
{
    uint64_t frame = mfn_of(page);

    return hc_set_gdt(&frame, 512);
}

static long end_gdt(void *page)
{
    return hc_set_gdt(0, 0);
}

ATTACK(stale_table)
{
    become(page_alloc(), begin_l1, unpin);
}

ATTACK(stale_root)
{
    become(page_alloc(), begin_l4, unpin);
}

ATTACK(stale_gdt)
{
    become(page_alloc(), begin_gdt, end_gdt);
}

/* An entry of level 2, 3 or 4 that is taken away is gone for every processor when the call
 * returns, with all translations below it. */
ATTACK(stale_upper)
{
    uint64_t *page = page_alloc();

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(entry_set(&tree.l1[0], to(page, RW_FLAGS)), 0);
    race_page = (volatile uint64_t *)TREE_VA;
    REQUIRE(attack_start(race_writer));
    for (unsigned i = 0; i < 9; i++) {
        uint64_t *slot = i % 3 == 0 ? tree.l2 : i % 3 == 1 ? tree.l3 : pte_of(TREE_VA, 4);
        uint64_t entry = *slot;

        EXPECT(race_is_running());
        EXPECT_RC(entry_set(slot, 0), 0);
        EXPECT(stays(page));
        EXPECT_RC(entry_set(slot, entry), 0);
    }
}

/* A frame that was given back and comes back, or goes to somebody else, is clean and stays so,
 * though a translation to it may linger where it was written last (XSA-100, 511). */
ATTACK(stale_freed)
{
    uint64_t *page = page_alloc();
    unsigned back = 0; /* how often it was the same frame: the free lists decide */

    race_page = page;
    REQUIRE(attack_start(race_writer));
    for (unsigned i = 0; i < 60 && back < 5; i++) {
        xen_pfn_t list[1] = {pfn_of(page)};
        struct xen_memory_reservation r = {(guest_ptr_t)list, 1, 0, 0, DOMID_SELF};
        uint64_t old = mfn_of(page);

        EXPECT(race_is_running());
        EXPECT_RC(set_va(page, 0, UVMF_NONE), 0);
        EXPECT_RC(give_back(old), 1);
        REQUIRE_RC(hc_memory_op(XENMEM_populate_physmap, &r), 1);
        back += list[0] == old;
        p2m()[pfn_of(page)] = list[0];
        /* Flushed here, or we might look at the old frame; vCPU 1 still may. */
        EXPECT_RC(set_va(page, to(page, RO_FLAGS), UVMF_INVLPG), 0);
        EXPECT_EQ(page[1], 0);
        EXPECT(stays(page));
        EXPECT_RC(set_va(page, to(page, RW_FLAGS), UVMF_NONE), 0);
    }
}

/* --- two at once --------------------------------------------------------------------------------
 */

static uint64_t race_frame;
static volatile unsigned race_won;

/* vCPU 1: maps the frame writable where it can, writes to it, and takes the mapping away. */
static void race_map(void)
{
    uint64_t va = TREE_VA + 5 * PAGE_SIZE;

    for (uint64_t n = 0; !race_stop; n += 2) {
        if (hc_update_va(va, race_frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG))
            continue;
        race_won++;
        for (unsigned i = 0; i < 20; i++)
            ((volatile uint64_t *)va)[1] = n & 0xffe;
        hc_update_va(va, 0, UVMF_NONE);
    }
    race_rest();
}

/* One wants the frame as a table, the other writable: never both (XSA-401). */
ATTACK(race_types)
{
    uint64_t *page = page_alloc(), end;
    unsigned won = 0;

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(page_readonly(page), 0);
    race_frame = mfn_of(page);
    REQUIRE(attack_start(race_map));
    for (end = system_time() + 250000000; system_time() < end && !test_failed();) {
        uint64_t before;

        if (pin(page, 1))
            continue;
        won++;
        before = ((volatile uint64_t *)page)[1];
        for (unsigned i = 0; i < 300; i++)
            if (((volatile uint64_t *)page)[1] != before)
                test_fail(TEST_WHERE, "a page table was written");
        EXPECT_RC(unpin(page), 0);
    }
    EXPECT(race_end());
    EXPECT(won > 0 && race_won > 0);
    EXPECT_RC(page_writable(page), 0);
    tree_drop(&tree);
}

static uint64_t *roots[1], *branches[3], *leaves[12];

/* An L3 table with three L2 tables and twelve L1 tables below it. */
static void grow(void)
{
    roots[0] = page_alloc();
    for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
        leaves[i] = page_alloc();
        EXPECT_RC(page_readonly(leaves[i]), 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(branches); i++) {
        branches[i] = page_alloc();
        for (unsigned j = 0; j < 4; j++)
            branches[i][j * 100] = to(leaves[i * 4 + j], TABLE_FLAGS);
        roots[0][i * 7] = to(branches[i], TABLE_FLAGS);
        EXPECT_RC(page_readonly(branches[i]), 0);
    }
    EXPECT_RC(page_readonly(roots[0]), 0);
}

/* Every page of it can be written again: no use is left. */
static void fell(void)
{
    EXPECT_RC(page_writable(roots[0]), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(branches); i++)
        EXPECT_RC(page_writable(branches[i]), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++)
        EXPECT_RC(page_writable(leaves[i]), 0);
}

static void race_pin(void)
{
    struct mmuext_op op = {.arg1.mfn = race_frame};

    while (!race_stop) {
        op.cmd = MMUEXT_PIN_L3_TABLE;
        race_won += !hc_mmuext_op(&op, 1, 0, DOMID_SELF);
        op.cmd = MMUEXT_UNPIN_TABLE;
        race_won -= !hc_mmuext_op(&op, 1, 0, DOMID_SELF);
    }
    race_rest();
}

/* Both pin and unpin one table: each pin is undone by one unpin, whoever makes it. */
ATTACK(race_pins)
{
    unsigned pins = 0, tries = 0;
    uint64_t end;

    grow();
    race_frame = mfn_of(roots[0]);
    REQUIRE(attack_start(race_pin));
    for (end = system_time() + 250000000; system_time() < end; tries++) {
        pins += !pin(roots[0], 3);
        pins -= !unpin(roots[0]);
    }
    EXPECT(race_end());
    EXPECT(tries > 20);
    EXPECT(pins + race_won <= 1);
    if (pins + race_won)
        EXPECT_RC(unpin(roots[0]), 0);
    EXPECT_RC(unpin(roots[0]), -EINVAL);
    fell();
}

static volatile unsigned race_port;

/* vCPU 1: interrupts vCPU 0 all the time, and wants a lower table writable in between. */
static void race_interrupt(void)
{
    struct evtchn_send send = {race_port};
    uint64_t ro = race_frame * PAGE_SIZE | RO_FLAGS, rw = race_frame * PAGE_SIZE | RW_FLAGS;

    while (!race_stop) {
        hc_event_op(EVTCHNOP_send, &send);
        if (!hc_update_va(leaves[7], rw, UVMF_INVLPG)) {
            race_won++;
            hc_update_va(leaves[7], ro, UVMF_INVLPG);
        }
    }
    race_rest();
}

/* Validation that is interrupted again and again, and finds a lower table taken away, leaves no
 * use behind when it fails and misses none when it succeeds (XSA-45, 58, 242, 299). */
ATTACK(race_validation)
{
    struct evtchn_bind_ipi bind = {0, 0};
    unsigned good = 0, bad = 0;
    uint64_t end;

    grow();
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_ipi, &bind), 0);
    race_port = bind.port;
    event_count[bind.port] = 0;
    shared_info->evtchn_mask[bind.port / 64] &= ~(1UL << bind.port % 64);
    race_frame = mfn_of(leaves[7]);
    REQUIRE(attack_start(race_interrupt));
    for (end = system_time() + 300000000; system_time() < end && !test_failed();) {
        if (pin(roots[0], 3)) {
            bad++;
            continue;
        }
        good++;
        EXPECT_RC(unpin(roots[0]), 0);
    }
    EXPECT(race_end());
    EXPECT(good > 0 && event_count[bind.port] > 0);
    EXPECT_RC(page_readonly(leaves[7]), 0);
    fell();
}

TESTS("attack_races", T(stale_table), T(stale_root), T(stale_gdt), T(stale_upper), T(stale_freed),
      T(race_types), T(race_pins), T(race_validation));
