/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine layers' self-test on debug key 't': see selftest.c.
 */
#pragma once

#include <stdint.h>

void selftest_init(void);

/*
 * A second from now breaks the machine in the named way, for the tests of its ends: the last CPU
 * hangs ("hang"), or CPU 0 ("hang0"); the last panics ("ap"), or hangs with the log's lock
 * ("lock"), or does so and CPU 0 panics ("console"); a panic panics ("nested"); an NMI interrupts a
 * printk ("nmi"), which should do no harm.  `way` stays the caller's.
 */
void selftest_break(char *way);
