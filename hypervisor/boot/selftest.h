/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine layers' self-test on debug key 't': see selftest.c.
 */
#pragma once

#include <stdint.h>

void selftest_init(void);

/*
 * How far one CPU's TSC was seen behind another's, in ticks; 0: they agree.  Interrupts may be on
 * or off; every CPU is busy with it for some 100 us.
 */
uint64_t tsc_warp(void);
