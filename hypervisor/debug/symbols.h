/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for code addresses of the hypervisor: see symbols.c.
 */
#pragma once

#include "lib/types.h"

/*
 * The function that `addr` lies in: its name, and in *offset and *size (either may be NULL) the
 * distance from its start and its length.  NULL when the address is not in the image's code.
 */
const char *symbol_find(uint64_t addr, uint64_t *offset, uint64_t *size);

/* Makes "%pS" print names. */
void symbols_init(void);
