/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit: recounts every reference from scratch and compares with the frame table.
 *
 * It walks every validated (and half validated) table, adds pins, allocations and what the layers
 * above report that they hold, and reports each difference with the frame, both numbers, the owner
 * and the invariant's number.  Nothing may run meanwhile: all domains paused, no hypercall half way
 * on another CPU (caller's duty).
 */
#pragma once

#include "mem/frame.h"
#include "mem/page_type.h"

struct audit;

/* What an upper layer holds: called (several times, once per window of frames) between the counts.
 * It must report the same each time. */
typedef void (*audit_reporter)(struct audit *a);
void audit_register(audit_reporter fn);

/* For reporters: `nr` general references; `nr` type references (general ones not included). */
void audit_holds(struct audit *a, mfn_t mfn, uint32_t nr);
void audit_holds_type(struct audit *a, mfn_t mfn, enum page_type type, uint32_t nr);
/* `nr` L1 entries of domain `mapper` map this foreign frame by grant: allowed, I3.  Their
 * references are the entries' own and need not be reported. */
void audit_grant_maps(struct audit *a, domid_t mapper, mfn_t mfn, uint32_t nr);
/* Is this the first window?  For what is to be said once. */
bool audit_first(const struct audit *a);
/* For reporters that find something wrong themselves. */
void audit_complain(struct audit *a, const char *fmt, ...) __printf(2, 3);

/* Returns the number of differences; report is called with one line (no newline) for each, the
 * first 100.  Negative: could not run (-ENOMEM).  note, which may be NULL, is told what is no
 * difference and still worth knowing: whose entries keep frames of a dying domain, the first 16. */
int audit_all(void (*report)(const char *line), void (*note)(const char *line));
