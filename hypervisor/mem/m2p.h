/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine-to-physical table: for each machine frame the number its owner knows it by.
 *
 * Guests read it at M2P_RO_BASE (an address the ABI fixes); the hypervisor writes it through the
 * direct map.  It exists in pieces of 2 MiB, each for 1 GiB of machine memory, where there is RAM.
 * Nothing in the hypervisor trusts its contents.
 */
#pragma once

#include "mem/frame.h"

#define M2P_INVALID (~0UL)     /* no guest frame number */
#define M2P_SHARED  (~0UL - 1) /* a hypervisor page shared with a guest */

void m2p_init(const struct mem_range *ram, unsigned nr, const struct mem_boot_ops *ops);
/* Nothing happens for a frame without an entry. */
void m2p_set(mfn_t mfn, uint64_t pfn);
uint64_t m2p_get(mfn_t mfn);
/* XENMEM_machphys_mfn_list: the first frame of each piece, in order of what it describes;
 * INVALID_MFN behind the last, and for a gap. */
mfn_t m2p_piece(unsigned index);
unsigned m2p_pieces(void);
/* Whether a frame is part of the table. */
bool m2p_has(mfn_t mfn);
