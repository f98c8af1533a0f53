/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is typed on the serial console: see input.c.
 */
#pragma once

#include "lib/types.h"

/* Routes the serial port's interrupt here.  After ioapic_init(). */
void input_init(void);

/* One typed character: to dom0, or to the debug keys while the hypervisor has the input. */
void input_char(char c);

/* Gives the input to dom0 (at its start) or to the hypervisor. */
void input_to_guest(bool guest);
