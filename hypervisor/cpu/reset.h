/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ending: restart, halt.  Neither returns.
 */
#pragma once

#include "lib/compiler.h"

__noreturn void machine_restart(void);
__noreturn void machine_halt(void);
