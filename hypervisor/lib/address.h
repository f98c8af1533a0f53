/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From machine addresses and frames to where the hypervisor sees them, and back: arithmetic on the
 * constants of mem/layout.h.
 */
#pragma once

#include "lib/types.h"
#include "mem/layout.h"

/* RAM, at its place in the direct map.  (In a host test: defined by the test.) */
#ifdef PAVIS_HOST_TEST
void *paddr_to_virt(paddr_t p);
paddr_t virt_to_paddr(const void *v);
#else
static inline void *paddr_to_virt(paddr_t p)
{
    return (void *)(DIRECT_MAP_BASE + p);
}

/* Only of addresses in the direct map. */
static inline paddr_t virt_to_paddr(const void *v)
{
    return (paddr_t)v - DIRECT_MAP_BASE;
}
#endif

static inline void *mfn_to_virt(mfn_t m)
{
    return paddr_to_virt(mfn_to_paddr(m));
}

static inline mfn_t virt_to_mfn(const void *v)
{
    return paddr_to_mfn(virt_to_paddr(v));
}

/* The frame of a variable or function of the image. */
static inline mfn_t image_to_mfn(const void *v)
{
    return paddr_to_mfn((uint64_t)v - HV_IMAGE_BASE + HV_LOAD_PADDR);
}
