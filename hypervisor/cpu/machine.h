/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the machine ends.  None of these returns; any context.
 */
#pragma once

#include "lib/types.h"

__noreturn void machine_power_off(void);
__noreturn void machine_reboot(void);
__noreturn void machine_halt(void);
