/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting the other processors: see start_cpus.c.
 */
#pragma once

/* Starts every enabled processor of the MADT, at most `max` in all.  Interrupts are on. */
void start_cpus(unsigned int max);
