/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames of other domains in this program's memory, through /dev/xen/privcmd.
 *
 * Only PV domains: frames are named by machine frame number.  A mapping holds a reference on each
 * frame until it is unmapped or the program ends, also where its domain is gone by then.  It can be
 * unmapped as a whole only, perhaps with others around it.  Unmapping costs a trap per page, the
 * end of the program much less.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/hypercall.h"

/* Maps @nr frames, one after the other, readable and writable; NULL on failure, and then none is
 * mapped. */
void *foreign_map(struct hypercalls *h, unsigned domid, const uint64_t *mfns, size_t nr,
                  struct problem *why);

/* As above in the place of [at, at + nr pages), which the caller has reserved by mmap(). */
int foreign_map_at(struct hypercalls *h, unsigned domid, void *at, const uint64_t *mfns, size_t nr,
                   struct problem *why);

/* Maps @nr frames from the @first on of one of a domain's resources, XENMEM_resource_* of
 * abi/memory.h: those of its grant table, say. */
void *foreign_resource(struct hypercalls *h, unsigned domid, unsigned type, unsigned id,
                       unsigned first, size_t nr, struct problem *why);

void foreign_unmap(void *p /* may be NULL */, size_t nr);
