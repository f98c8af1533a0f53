/* SPDX-License-Identifier: GPL-2.0-only */
/* What a new domain's memory holds beside its kernel when it starts: ramdisk, P2M list, start_info,
 * store and console page, first page tables, by the plan of hypervisor/dom0/plan.h.  Pure.
 */
#pragma once

#include "build/memory.h"
#include "dom0/plan.h"

struct content {
    const struct kernel_image *image;
    const struct dom0_plan *plan;
    const void *ramdisk; /* of ramdisk_len bytes */
    uint64_t ramdisk_len;
    const char *cmdline; /* shorter than MAX_GUEST_CMDLINE */
    uint64_t shared_info_mfn;
    uint32_t store_port, console_port;
};

/* Writes all of it.  No page table stays mapped, so that the first can be pinned. */
int content_write(const struct content *c, struct guest_memory *m, struct problem *why);
