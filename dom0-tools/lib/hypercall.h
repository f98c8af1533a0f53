/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls from a program in dom0, through /dev/xen/privcmd, on Pavis and on Xen 4.17 alike.
 *
 * What a call's structure points to must stay in memory while the hypervisor looks at it, so it is
 * put into buffers that the kernel does not page out: hypercall_alloc().  The functions of
 * control.h do that themselves; only who makes calls that are not there needs this file.
 *
 * A handle is for one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/problem.h"

struct hypercalls;

/* Opens the devices; NULL with the reason in *why, such as "this is not dom0". */
struct hypercalls *hypercalls_open(struct problem *why);
void hypercalls_close(struct hypercalls *h /* may be NULL */);

/* The descriptor of /dev/xen/privcmd, which stays the handle's. */
int hypercalls_fd(const struct hypercalls *h);

/* Zeroed memory that a hypercall may name, aligned to 16 bytes; NULL with errno ENOMEM.  Buffers
 * are given back in the reverse order of their allocation; @p may be NULL. */
void *hypercall_alloc(struct hypercalls *h, size_t size);
void hypercall_free(struct hypercalls *h, void *p);

/* Makes one call.  Returns what the hypervisor returned, or -1 with errno where that was an error
 * (negative).  Calls that the hypervisor broke off with ERESTART are made again. */
long hypercall(struct hypercalls *h, unsigned op, uint64_t a0, uint64_t a1, uint64_t a2,
               uint64_t a3);
