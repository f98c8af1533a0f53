/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the boot order that belongs to the layers above the machine: memory, time,
 * scheduling, domains, dom0.  Called from main.c at two places.
 */
#include "boot/bootinfo.h"
#include "boot/cmdline.h"
#include "boot/main.h"
#include "boot/selftest.h"
#include "console/input.h"
#include "console/keys.h"
#include "console/log.h"
#include "console/vga.h"
#include "cpu/clocksource.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "dom0/build.h"
#include "dom0/unpack_env.h"
#include "domain/evtchn.h"
#include "domain/grant.h"
#include "domain/inspect.h"
#include "domain/irq.h"

#include "hypercall/observe.h"
#include "hypercall/version.h"
#include "lib/compiler.h"
#include "mem/boot_alloc.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/map.h"
#include "pv/cpu_policy.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/timer.h"
#include "time/upkeep.h"

/* As soon as there is memory: the boot has more to say than the first ring holds. */
static void enlarge_log(void)
{
    unsigned order = 0;
    void *ring;

    if (boot_options.conring_size <= LOG_RING_MIN)
        return;
    while ((PAGE_SIZE << order) < boot_options.conring_size && order < LOG_RING_MAX_ORDER)
        order++;
    ring = hv_alloc_pages(order);
    if (ring)
        log_ring_resize(ring, (uint32_t)(PAGE_SIZE << order));
    else
        printk(XENLOG_WARNING "conring_size: no memory for so large a log ring\n");
}

void boot_early_subsystems(void)
{
    mem_init(boot_options.numa); /* frame records, M2P, buddy lists: the boot allocator ends here */
    enlarge_log();
    clock_init(); /* system time starts; timers and the log's time stamps need it */
    sched_init(boot_options.sched[0] ? boot_options.sched : NULL);
    wallclock_init();
    version_set_commandline(boot_info.cmdline);
    cpu_policy_boot(); /* what guests may see of the processor: before any domain exists */
    inspect_init();    /* debug keys, audit */
    segments_audit_register();
    pirq_set_storm_limit(boot_options.irq_ratelimit);
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
    restricted_init(); /* a pair of roots for each */
    read_source(&source);
    dom0_build(&source, &boot_options);
    for (unsigned i = 0; i < boot_info.nr_modules; i++) /* copied: dom0 may have the memory */
        boot_memory_release(boot_info.module[i].start,
                            boot_info.module[i].start + boot_info.module[i].size);
    printk(XENLOG_INFO "Boot: %lu us from our entry to dom0's start\n",
           (rdtsc() - boot_entry_tsc) * 1000 / tsc_khz);
    observe_init(boot_options.hypercall_latency, boot_options.tbuf_size, boot_options.tevt_mask);
    upkeep_start(boot_options.watchdog ? boot_options.watchdog_timeout : 0);
    if (!boot_options.vga_keep)
        vga_stop();
    dom0_start();
    if (boot_options.selftest[0])
        selftest_break(boot_options.selftest);
    input_to_guest(true); /* whoever sits there wants dom0's prompt; Ctrl-A brings the keys */
}
