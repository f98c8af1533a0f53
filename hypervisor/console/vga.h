/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log on the PC's text screen: see vga.c.
 */
#pragma once

#include "lib/types.h"

/*
 * Shows the log on the text screen at machine address `p`.  False: nothing there keeps what is
 * written.  After map_init().
 */
bool vga_start(paddr_t p, unsigned int columns, unsigned int lines);

/* dom0 takes the screen over. */
void vga_stop(void);
