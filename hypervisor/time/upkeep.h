/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regular work for the machine itself: see upkeep.c.
 */
#pragma once

/* When all CPUs are up.  `watchdog_seconds`: how long a CPU may hang; 0: as long as it likes. */
void upkeep_start(unsigned int watchdog_seconds);
