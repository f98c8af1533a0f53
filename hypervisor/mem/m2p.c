/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine-to-physical table.  See mem/m2p.h.
 *
 * Its frames belong to DOMID_XEN and are of type PT_SHARED, so a privileged domain may map them
 * read-only through page tables as well as read them at the fixed address.
 */
#include "mem/m2p.h"

#include "debug/assert.h"
#include "lib/string.h"

#define PIECE_SHIFT  18 /* 2 MiB of 8-byte words */
#define PIECE_WORDS  (1UL << PIECE_SHIFT)
#define PIECE_FRAMES 512
#define PIECES       (DIRECT_MAP_SIZE >> (PIECE_SHIFT + PAGE_SHIFT))

/* Of each piece the frame number of its first frame, 0: none. */
static uint32_t piece[PIECES];
static unsigned nr_pieces;

static uint64_t *entry_of(mfn_t mfn)
{
    uint64_t p = mfn.n >> PIECE_SHIFT;

    if (p >= nr_pieces || !piece[p])
        return NULL;
    return (uint64_t *)mfn_to_virt(MFN(piece[p])) + (mfn.n & (PIECE_WORDS - 1));
}

void m2p_set(mfn_t mfn, uint64_t pfn)
{
    uint64_t *e = entry_of(mfn);

    if (e)
        store_once(e, pfn);
}

uint64_t m2p_get(mfn_t mfn)
{
    const uint64_t *e = entry_of(mfn);

    return e ? load_once(e) : M2P_INVALID;
}

mfn_t m2p_piece(unsigned index)
{
    return index < nr_pieces && piece[index] ? MFN(piece[index]) : INVALID_MFN;
}

bool m2p_has(mfn_t mfn)
{
    for (unsigned p = 0; p < nr_pieces; p++)
        if (piece[p] && mfn.n - piece[p] < PIECE_FRAMES)
            return true;
    return false;
}

unsigned m2p_pieces(void)
{
    return nr_pieces;
}

static void add_piece(uint64_t p, const struct mem_boot_ops *ops)
{
    mfn_t mfn = ops->alloc_2m();

    memset(mfn_to_virt(mfn), 0xff, PIECE_WORDS * 8); /* M2P_INVALID throughout */
    ops->map_2m(M2P_RO_BASE + (p << (PIECE_SHIFT + 3)), mfn, true);
    piece[p] = (uint32_t)mfn.n;
    nr_pieces = (unsigned)p + 1;
    for (unsigned i = 0; i < PIECE_FRAMES; i++) {
        struct frame *f = frame_of(MFN(mfn.n + i));

        f->ref = REF_STATE(FRAME_HV);
        BUG_ON(frame_share(frame_virt(f), &mem_owner_xen, false));
    }
}

void m2p_init(const struct mem_range *ram, unsigned nr, const struct mem_boot_ops *ops)
{
    uint64_t next = 0;

    for (unsigned i = 0; i < nr; i++)
        for (uint64_t p = ram[i].start.n >> PIECE_SHIFT; p << PIECE_SHIFT < ram[i].end.n; p++)
            if (p >= next) {
                add_piece(p, ops);
                next = p + 1;
            }
}
