/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whole tables: promotion takes the references of every entry, demotion gives them back.
 *
 * Called by mem/page_type.c alone, for a frame that this CPU owns exclusively (count 1, neither
 * VALIDATED nor PARTIAL).  Both go through the entries by *progress: [0, *progress) hold
 * references.
 */
#pragma once

#include "mem/page_type.h"

/* From *progress up to the end.  0; -ERESTART: stopped at *progress; else refused at *progress. */
int table_promote(struct frame *f, enum page_type type, unsigned *progress, unsigned flags);
/* From *progress down to 0.  0 or -ERESTART. */
int table_demote(struct frame *f, enum page_type type, unsigned *progress, unsigned flags);

/* mem/segdesc.c: a page of descriptors.  0 or -EINVAL; may raise privilege levels to 3. */
int segdesc_promote(struct frame *f);
/* Checks one descriptor; *desc is completed.  Also for HYPERVISOR_update_descriptor. */
bool segdesc_ok(uint64_t *desc);
