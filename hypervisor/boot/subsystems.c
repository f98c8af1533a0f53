/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the boot order that belongs to the layers above the machine: memory, time,
 * scheduling, domains, dom0.  Called from main.c at two places.
 */
#include "boot/main.h"
#include "console/log.h"
#include "lib/compiler.h"

void __weak boot_early_subsystems(void)
{
    /* frame table, heap, M2P: take over boot_memory_for_each_free(), map_set_table_allocator() */
    /* time: system time from tsc_khz; timers: the first deadline */
    /* scheduler: idle vCPU of CPU 0 */
}

void __weak boot_late_subsystems(void)
{
    /* domains: the special ones */
    /* dom0: build from boot_info.module[0] and [1], then give the modules back */
    printk("No dom0 yet: nothing to run\n");
}
