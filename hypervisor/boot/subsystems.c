/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the boot order that belongs to the layers above the machine: memory, time,
 * scheduling, domains, dom0.  Called from main.c at two places.
 */
#include "boot/bootinfo.h"
#include "boot/cmdline.h"
#include "boot/main.h"
#include "console/input.h"
#include "console/keys.h"
#include "console/log.h"
#include "cpu/clocksource.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "dom0/build.h"
#include "dom0/unpack_env.h"
#include "domain/evtchn.h"
#include "domain/grant.h"
#include "domain/inspect.h"
#include "domain/irq.h"

#include "hypercall/version.h"
#include "lib/compiler.h"
#include "mem/boot_alloc.h"
#include "mem/frame.h"
#include "mem/map.h"
#include "pv/cpu_policy.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/timer.h"

void boot_early_subsystems(void)
{
    mem_init();   /* frame records, M2P, buddy lists: the boot allocator ends here */
    clock_init(); /* system time starts; timers and the log's time stamps need it */
    sched_init(boot_options.sched[0] ? boot_options.sched : NULL);
    wallclock_init();
    version_set_commandline(boot_info.cmdline);
    cpu_policy_boot(); /* what guests may see of the processor: before any domain exists */
    inspect_init();    /* debug keys, audit */
}

static void read_source(struct dom0_source *s)
{
    const struct boot_module *kernel = &boot_info.module[0], *initrd = &boot_info.module[1];

    if (!boot_info.nr_modules)
        panic("No dom0 kernel was loaded.  With QEMU: -initrd \"vmlinuz ARGUMENTS,initrd.img\"");
    *s = (struct dom0_source){
        .kernel = paddr_to_virt(kernel->start),
        .kernel_len = kernel->size,
        .cmdline = kernel->cmdline,
        .extra = boot_options.dom0_extra,
    };
    s->screen_size =
        boot_screen_for_dom0(&boot_info.screen, boot_info.efi_system_table, &s->screen);
    if (boot_info.nr_modules > 1) {
        s->initrd = paddr_to_virt(initrd->start);
        s->initrd_len = initrd->size;
    }
}

void boot_late_subsystems(void)
{
    struct dom0_source source;

    clock_check_tsc(); /* all CPUs are up: are their TSCs in step? */
    read_source(&source);
    dom0_build(&source, &boot_options);
    for (unsigned i = 0; i < boot_info.nr_modules; i++) /* copied: dom0 may have the memory */
        boot_memory_release(boot_info.module[i].start,
                            boot_info.module[i].start + boot_info.module[i].size);
    printk(XENLOG_INFO "Boot: %lu us from our entry to dom0's start\n",
           (rdtsc() - boot_entry_tsc) * 1000 / tsc_khz);
    dom0_start();
    input_to_guest(true); /* whoever sits there wants dom0's prompt; Ctrl-A brings the keys */
}
