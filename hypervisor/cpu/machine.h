/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the machine ends: see machine.c.  Any context, unless said otherwise.
 */
#pragma once

#include "lib/cpumask.h"

/* How to restart, and in which order what is not chosen is tried.  Letters as reboot= has them. */
enum reboot_way {
    REBOOT_AUTO = 0,
    REBOOT_NO = 'n', /* stop instead, as noreboot */
    REBOOT_TRIPLE = 't',
    REBOOT_KEYBOARD = 'k',
    REBOOT_ACPI = 'a',
    REBOOT_PCI = 'p',
    REBOOT_POWER = 'P',
    REBOOT_EFI = 'e',
};

/*
 * The boot options.  `way` is tried first.  `warm` tells the firmware to skip its memory test.
 * `stop_after_crash`: do not restart after a panic or a crash of dom0.
 */
void machine_set_policy(enum reboot_way way, bool warm, bool stop_after_crash);

/*
 * From here on the calling CPU alone decides how the machine ends: interrupts are off, the others
 * are stopped by NMI.  Does not return if another CPU was first.  Returns the CPUs that did not
 * answer.  Calling it again is harmless.
 */
cpumask_t machine_take_over(void);
/* Whether some CPU has; whether it is another than the calling one, which then must stop. */
bool machine_is_ending(void);
bool machine_ended_by_other(void);

__noreturn void machine_power_off(void);
__noreturn void machine_reboot(void);
__noreturn void machine_halt(void);

/* By policy: restarts after five seconds, or stops.  Says which. */
__noreturn void machine_end_after_crash(void);
