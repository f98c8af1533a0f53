/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the machine ends: what domain/ and hypercall/ ask of power management.
 */
#pragma once

#include "lib/types.h"

__noreturn void machine_power_off(void);
__noreturn void machine_reboot(void);
__noreturn void machine_halt(void);
