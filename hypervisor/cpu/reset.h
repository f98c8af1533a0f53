/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the machine ends.  Neither returns; any context.  (Power-off is dom0's: acpi_enter_s5.)
 */
#pragma once

#include "lib/types.h"

__noreturn void machine_restart(void);
__noreturn void machine_halt(void);
