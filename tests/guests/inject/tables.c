/* SPDX-License-Identifier: GPL-2.0-only */
/* Scenarios of page tables: see scenarios.h.  Nothing here may allocate; all of it may stop. */
#include "scenarios.h"
#include "test.h"

#define NR_L1 24
#define VA    0x10000000000UL /* a slot of the root that nothing else uses */

/* A tree of its own: l3 -> two of l2 -> NR_L1 of l1, each with `leaf` read-only in every 8th entry.
 * All of it is mapped read-only from the first use on. */
static uint64_t *l4, *l3, *l2[2], *l1[NR_L1], *leaf;
static bool linked, pinned[4];

static uint64_t entry_to(const void *page, uint64_t flags)
{
    return mfn_of(page) * PAGE_SIZE | flags;
}

static uint64_t *table_new(void)
{
    return page_alloc();
}

static void make_tree(void)
{
    if (l3)
        return;
    l4 = table_new();
    l3 = table_new();
    leaf = table_new();
    for (unsigned i = 0; i < 2; i++) {
        l2[i] = table_new();
        l3[i * 100] = entry_to(l2[i], TABLE_FLAGS);
    }
    for (unsigned i = 0; i < NR_L1; i++) {
        l1[i] = table_new();
        for (unsigned j = 0; j < 512; j += 8)
            l1[i][j] = entry_to(leaf, RO_FLAGS);
        l2[i % 2][i * 20] = entry_to(l1[i], TABLE_FLAGS);
    }
    l4[2] = entry_to(l3, TABLE_FLAGS);
    for (unsigned i = 0; i < NR_L1; i++)
        EXPECT_RC(page_readonly(l1[i]), 0);
    EXPECT_RC(page_readonly(l2[0]), 0);
    EXPECT_RC(page_readonly(l2[1]), 0);
    EXPECT_RC(page_readonly(l3), 0);
    EXPECT_RC(page_readonly(l4), 0);
}

static uint64_t slot(void)
{
    return pte_machine(pte_of(VA, 4));
}

/* --- pins --------------------------------------------------------------------------------------
 */

static void *const *const tops[] = {(void **)&l2[0], (void **)&l3, (void **)&l4, (void **)&l1[0]};
static const unsigned levels[] = {2, 3, 4, 1};

/* Each level's pin goes over all below, the second time over what is validated already. */
static long run_pins(void)
{
    make_tree();
    for (unsigned i = 0; i < 4; i++) {
        TRY_CALL(pin(*tops[i], (int)levels[i]));
        pinned[i] = true;
    }
    for (unsigned i = 0; i < 4; i++) {
        TRY_CALL(unpin(*tops[i]));
        pinned[i] = false;
    }
    TRY_CALL(pin(l4, 4));
    pinned[2] = true;
    TRY_CALL(unpin(l4));
    pinned[2] = false;
    return 0;
}

static void tidy_pins(void)
{
    for (unsigned i = 0; i < 4; i++)
        if (pinned[i])
            EXPECT_RC(unpin(*tops[i]), 0);
    memset(pinned, 0, sizeof(pinned));
}

DEFINE_SCENARIO(pins, NULL, run_pins, tidy_pins);

/* --- mmu_update --------------------------------------------------------------------------------
 */

static struct mmu_update list[256];

static void unlink_tree(void)
{
    if (linked)
        EXPECT_RC(mmu_update1(slot(), 0), 0);
    linked = false;
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
}

static long apply(unsigned nr)
{
    uint32_t done = 0;
    long rc = hc_mmu_update(list, nr, &done, DOMID_SELF);

    return rc ? rc : done == nr ? 0 : -EIO;
}

/* Entries of several tables, mapped and unmapped, and the M2P: long batches stop every so often. */
static long run_updates(void)
{
    make_tree();
    TRY_CALL(mmu_update1(slot(), entry_to(l3, TABLE_FLAGS)));
    linked = true;
    for (unsigned i = 0; i < 256; i++)
        list[i] = (struct mmu_update){mfn_of(l1[i / 16]) * PAGE_SIZE + (i % 16 * 8 + 1) * 8,
                                      entry_to(leaf, i % 3 ? RW_FLAGS : RO_FLAGS)};
    TRY_CALL(apply(256));
    for (unsigned i = 0; i < 256; i++)
        if (i % 4 == 3)
            list[i] =
                (struct mmu_update){mfn_of(leaf) * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn_of(leaf)};
        else
            list[i].val = 0;
    TRY_CALL(apply(256));
    for (unsigned i = 0; i < 256; i++)
        if (i % 4 == 3) {
            uint64_t at = mfn_of(l1[i / 16]) * PAGE_SIZE + (i % 16 * 8 + 1) * 8;

            list[i] = (struct mmu_update){at | MMU_PT_UPDATE_PRESERVE_AD, 0};
        }
    TRY_CALL(apply(256));
    for (unsigned i = 0; i < 16; i++)
        TRY_CALL(set_va((void *)(VA + i * PAGE_SIZE), entry_to(leaf, RO_FLAGS), UVMF_INVLPG));
    for (unsigned i = 0; i < 16; i++)
        TRY_CALL(set_va((void *)(VA + i * PAGE_SIZE), i % 8 ? 0 : entry_to(leaf, RO_FLAGS), 0));
    return 0;
}

DEFINE_SCENARIO(updates, NULL, run_updates, unlink_tree);

/* Upper entries that promote and demote whole subtrees, in one batch and in single calls. */
static long run_links(void)
{
    uint64_t at;

    make_tree();
    at = mfn_of(l3) * PAGE_SIZE;
    TRY_CALL(mmu_update1(slot(), entry_to(l3, TABLE_FLAGS)));
    linked = true;
    list[0] = (struct mmu_update){at, 0};
    list[1] = (struct mmu_update){at + 100 * 8, 0};
    list[2] = (struct mmu_update){at, entry_to(l2[1], TABLE_FLAGS)};
    list[3] = (struct mmu_update){at + 7 * 8, entry_to(l2[1], TABLE_FLAGS)};
    list[4] = (struct mmu_update){at, entry_to(l2[0], TABLE_FLAGS)};
    list[5] = (struct mmu_update){at + 7 * 8, 0};
    list[6] = (struct mmu_update){at + 100 * 8, entry_to(l2[1], TABLE_FLAGS)};
    TRY_CALL(apply(7));
    TRY_CALL(mmu_update1(slot(), 0));
    linked = false;
    TRY_CALL(mmu_update1(slot(), entry_to(l3, TABLE_FLAGS)));
    linked = true;
    return 0;
}

DEFINE_SCENARIO(links, NULL, run_links, unlink_tree);

/* --- mmuext_op ---------------------------------------------------------------------------------
 */

/* A batch in which pins, unpins, roots, flushes and pages written follow each other. */
static long run_mmuext(void)
{
    static struct mmuext_op ops[16];
    unsigned n = 0;
    uint32_t done = 0;
    long rc;

    make_tree();
#define OP(command, what) ops[n++] = (struct mmuext_op){.cmd = MMUEXT_##command, .arg1.mfn = (what)}
    OP(PIN_L4_TABLE, mfn_of(l4));
    OP(NEW_USER_BASEPTR, mfn_of(l4));
    OP(UNPIN_TABLE, mfn_of(l4));
    OP(TLB_FLUSH_LOCAL, 0);
    OP(PIN_L2_TABLE, mfn_of(l2[0]));
    OP(NEW_USER_BASEPTR, 0);
    OP(UNPIN_TABLE, mfn_of(l2[0]));
    OP(INVLPG_LOCAL, (uint64_t)leaf);
    OP(CLEAR_PAGE, mfn_of(leaf));
    OP(PIN_L3_TABLE, mfn_of(l3));
    OP(NEW_BASEPTR, mfn_of((void *)start_info->pt_base));
    OP(UNPIN_TABLE, mfn_of(l3));
    OP(TLB_FLUSH_ALL, 0);
#undef OP
    pinned[0] = pinned[1] = pinned[2] = true;
    rc = hc_mmuext_op(ops, n, &done, DOMID_SELF);
    pinned[0] = pinned[1] = pinned[2] = false;
    return rc ? rc : done == n ? 0 : -EIO;
}

static void tidy_mmuext(void)
{
}

DEFINE_SCENARIO(mmuext, NULL, run_mmuext, tidy_mmuext);

/* --- multicall ---------------------------------------------------------------------------------
 */

/* Batches within a batch: entries that stop are rewritten, and the batch goes on with them. */
static long run_multicall(void)
{
    static struct multicall_entry calls[24];
    static struct mmuext_op ops[2];
    static xen_extraversion_t text;
    unsigned n = 0;

    make_tree();
    for (unsigned i = 0; i < 32; i++) {
        uint64_t at = mfn_of(l1[i % NR_L1]) * PAGE_SIZE + (1 + i / NR_L1) * 8;

        list[i] = (struct mmu_update){at, entry_to(leaf, RW_FLAGS)};
        list[64 + i] = (struct mmu_update){at, 0};
    }
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_PIN_L3_TABLE, .arg1.mfn = mfn_of(l3)};
    ops[1] = (struct mmuext_op){.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_of(l3)};
    for (unsigned round = 0; round < 4; round++) {
        calls[n++] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op,
                                              .args = {(uint64_t)&ops[0], 1, 0, DOMID_SELF}};
        calls[n++] = (struct multicall_entry){.op = __HYPERVISOR_mmu_update,
                                              .args = {(uint64_t)&list[0], 32, 0, DOMID_SELF}};
        calls[n++] = (struct multicall_entry){.op = __HYPERVISOR_xen_version,
                                              .args = {XENVER_extraversion, (uint64_t)&text}};
        calls[n++] = (struct multicall_entry){.op = __HYPERVISOR_mmu_update,
                                              .args = {(uint64_t)&list[64], 32, 0, DOMID_SELF}};
        calls[n++] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op,
                                              .args = {(uint64_t)&ops[1], 1, 0, DOMID_SELF}};
        calls[n++] = (struct multicall_entry){
            .op = __HYPERVISOR_update_va_mapping,
            .args = {(uint64_t)leaf, entry_to(leaf, RW_FLAGS), UVMF_INVLPG}};
    }
    TRY_CALL(hc_multicall(calls, n));
    for (unsigned i = 0; i < n; i++)
        TRY_CALL((long)calls[i].result);
    return 0;
}

DEFINE_SCENARIO(multicall, NULL, run_multicall, tidy_mmuext);
