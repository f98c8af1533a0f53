/* SPDX-License-Identifier: GPL-2.0-only */
/* What `pavis run` does while its guest lives: bytes both ways, signals, the end. */
#pragma once

#include "lib/domains.h"
#include "run/options.h"

/* pavis(1) has these too; the command's own are below, and with signals up to 128 + 64. */
#define RUN_NOT_STARTED 125
#define RUN_TIME_OVER   253
#define RUN_GUEST_ENDED 254

/* Before the library of the store makes its thread, which would take the signals else: they wait
 * for run_attend(). */
void run_hold_signals(void);

/* Until the command is over, or the guest is; the exit code of `pavis run`.  Above it says on
 * standard error what came between. */
int run_attend(struct hypercalls *h, struct xs_handle *xs, unsigned domid,
               const struct run_options *o);
