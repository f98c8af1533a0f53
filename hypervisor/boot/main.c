/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot order, as a column of calls with the reason each stands where it does.  Nothing is
 * decided here beyond that order and what a boot option turns on.
 */
#include "boot/bootinfo.h"
#include "boot/cmdline.h"
#include "boot/main.h"
#include "boot/start_cpus.h"
#include "console/input.h"
#include "console/keys.h"
#include "console/log.h"
#include "console/uart.h"
#include "console/vga.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/insn.h"
#include "cpu/ioapic.h"
#include "cpu/machine.h"
#include "cpu/mce.h"
#include "cpu/nmi.h"
#include "cpu/mitigations.h"
#include "cpu/smp.h"
#include "debug/locks.h"
#include "debug/panic.h"
#include "boot/selftest.h"
#include "debug/symbols.h"
#include "hooks.h"
#include "lib/irqflags.h"
#include "mem/boot_alloc.h"
#include "mem/efi.h"
#include "mem/layout.h"
#include "mem/map.h"
#include "mem/memory_map.h"
#include "sched/sched.h"

#define PAVIS_VERSION "4.17-pavis"

extern char boot_stack[], image_start[], boot_bss_end[];

struct boot_options boot_options;

static void __boot_text open_serial_port(unsigned int n)
{
    const struct uart_options *o = &boot_options.com[n];
    struct uart_config c = n ? UART_COM2 : UART_COM1;

    if (o->given)
        c = (struct uart_config){.port = o->io_base,
                                 .baud = o->baud,
                                 .data_bits = o->data_bits,
                                 .parity = o->parity,
                                 .stop_bits = o->stop_bits,
                                 .irq = o->irq};
    if (!uart_init(&c))
        printk(XENLOG_WARNING "No serial port answers at %#x\n", c.port);
}

/* Until here everything went to COM1 as the firmware left it. */
static void __boot_text open_console(void)
{
    const struct log_options *log = &boot_options.log;
    const struct log_options *guest = &boot_options.guest_log;

    log_set_thresholds(false, (enum log_threshold)log->always, (enum log_threshold)log->limited);
    log_set_thresholds(true, (enum log_threshold)guest->always, (enum log_threshold)guest->limited);
    if (boot_options.console & CONSOLE_COM2)
        open_serial_port(1);
    else if ((boot_options.console & CONSOLE_COM1) || boot_options.com[0].given)
        open_serial_port(0);
    log_set_stamps((enum log_stamps)boot_options.console_timestamps);
    nmi_set_policy((enum nmi_policy)boot_options.nmi);
    machine_set_policy(boot_options.reboot, boot_options.reboot_warm, boot_options.noreboot);
}

static void __boot_text warn_about_options(void)
{
    unsigned int unknown = min(boot_options.nr_unknown, (unsigned int)OPTION_MAX_WRONG);
    unsigned int wrong = min(boot_options.nr_wrong, (unsigned int)OPTION_MAX_WRONG);

    for (unsigned int i = 0; i < unknown; i++)
        printk(XENLOG_WARNING "Unknown boot option \"%s\"\n", boot_options.unknown[i]);
    for (unsigned int i = 0; i < wrong; i++)
        printk(XENLOG_WARNING "Boot option \"%s\" has a value that it cannot have\n",
               boot_options.wrong[i]);
}

static void __boot_text read_memory_map(void)
{
    bool complete = memory_map_normalise(&machine_map);

    printk(XENLOG_INFO "Memory map of the machine:\n");
    for (unsigned int i = 0; i < machine_map.nr; i++) {
        const struct memory_region *r = &machine_map.region[i];

        printk(XENLOG_INFO " %016lx - %016lx %s\n", r->start, r->start + r->size - 1,
               memory_type_name(r->type));
    }
    if (!complete)
        printk(XENLOG_WARNING "The memory map has too many parts; the highest are not used\n");
    printk(XENLOG_INFO "System RAM: %lu MiB (%lu KiB)\n", memory_map_ram_size(&machine_map) >> 20,
           memory_map_ram_size(&machine_map) >> 10);
}

static const char *on_off(bool on)
{
    return on ? "on" : "off";
}

static void __boot_text decide_mitigations(void)
{
    const struct mitigations *m = &mitigations;
    struct vulnerabilities v;

    vulnerabilities_judge(&cpu_caps, &v);
    mitigations_choose(&v, &boot_options);
    /* A global entry would outlive the change of roots. */
    map_global = !m->restricted_roots[0] && !m->restricted_roots[1];
    printk(XENLOG_INFO "Reading of others' memory by speculation:\n");
    printk(XENLOG_INFO " Meltdown: %s (%s); restricted roots (xpti): dom0 %s, domU %s\n",
           v.meltdown ? "vulnerable" : "not vulnerable", v.meltdown_why,
           on_off(m->restricted_roots[0]), on_off(m->restricted_roots[1]));
    printk(XENLOG_INFO " L1TF: %s (%s); unsafe entries refused (pv-l1tf): dom0 %s, domU %s\n",
           v.l1tf ? "vulnerable" : "not vulnerable", v.l1tf_why, on_off(m->l1tf_check[0]),
           on_off(m->l1tf_check[1]));
}

static void __boot_text reserve_what_is_in_use(void)
{
    uint64_t image_size = (uint64_t)boot_bss_end - (uint64_t)image_start;

    boot_alloc_reserve(HV_LOAD_PADDR, HV_LOAD_PADDR + image_size);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        boot_alloc_reserve(boot_info.module[i].start,
                           boot_info.module[i].start + boot_info.module[i].size);
}

static void __boot_text print_greeting(void)
{
    printk("Pavis %s (Xen 4.17 ABI), started by %s\n", PAVIS_VERSION,
           boot_info.loader[0] ? boot_info.loader : "an unnamed loader");
    printk(XENLOG_INFO "Command line: %s\n", boot_info.cmdline);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        printk(XENLOG_INFO "Module %u: %#lx, %lu KiB: %.64s\n", i, boot_info.module[i].start,
               boot_info.module[i].size >> 10, boot_info.module[i].cmdline);
    if (boot_info.nr_modules_dropped)
        printk(XENLOG_WARNING "%u more modules than %u are ignored\n", boot_info.nr_modules_dropped,
               BOOT_MODULES_MAX);
}

/* With UEFI there is no text screen, but perhaps a frame buffer, which is left to dom0. */
static void open_screen(void)
{
    if (boot_info.screen.kind == SCREEN_RGB)
        printk(XENLOG_INFO "No log on the screen: it is in a graphics mode\n");
    if (boot_info.screen.kind == SCREEN_TEXT &&
        !vga_start(boot_info.screen.address, boot_info.screen.width, boot_info.screen.height))
        printk(XENLOG_INFO "No log on the screen: there is no text screen\n");
    if (boot_options.vga_other_mode)
        printk(XENLOG_WARNING "vga=: no mode is set here but the loader's; text-80x25 it is\n");
}

/*
 * The second half, on CPU 0's own stack.
 */
uint64_t boot_entry_tsc;

static __noreturn void boot_on_final_stack(void)
{
    uint64_t stack = HV_STACKS_BASE;
    paddr_t rsdp;

    cpu_init();              /* notes CR4 in this stack's cpu_info */
    desc_init_cpu(0, stack); /* the exceptions' stacks are this one's from here on */
    syscall_init_cpu(0);
    cpu_patch_smap_sites();

    if (boot_options.console & CONSOLE_VGA)
        open_screen();
    rsdp = efi_init(boot_info.efi_system_table); /* where UEFI says that ACPI is */
    acpi_init(boot_info.rsdp_copy, boot_info.rsdp_copy_size, rsdp);
    if (!boot_options.hpet)
        acpi_info.hpet_address = 0;
    mce_init_cpu();                 /* from here on there is something to say about one */
    apic_init(boot_options.x2apic); /* at the address that the MADT gives */
    ioapic_init();                  /* masked: no device interrupts before somebody asks for them */
    clocksource_init(boot_options.clocksource[0] ? boot_options.clocksource : NULL);
    smp_init(); /* vectors for calls: before the first call, from here possible */
    keys_init();
    locks_init();
    input_init(); /* debug keys work from now on */

    boot_early_subsystems(); /* frame table and heap, scheduler and timers: what the CPUs that
                                start next need at once */
    selftest_init();
    local_irq_enable();
    start_cpus(boot_options.nosmp ? 1 : boot_options.maxcpus ? boot_options.maxcpus : NR_CPUS);
    boot_late_subsystems(); /* domains, dom0: everything that may use all CPUs */

    map_release_boot_sections(); /* nothing of .boot.* is used from here on */
    idle_loop(); /* the boot processor is prepared already: dom0 is waiting in its queue */
}

/* Leaves the boot's stack for good. */
static __noreturn void __boot_text switch_to_final_stack(void)
{
    uint64_t stack = map_cpu_stack(0);

    BUG_ON(stack != HV_STACKS_BASE);
    ((struct cpu_info *)(stack + STACK_SIZE - CPU_INFO_SIZE))->cr3 = map_root_paddr();
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call *%1\n\t"
                     "ud2"
                     :
                     : "r"(stack + STACK_SIZE - CPU_INFO_SIZE - 8), "r"(boot_on_final_stack)
                     : "memory");
    __builtin_unreachable();
}

void __boot_text boot_main(uint32_t magic, uint32_t info)
{
    const char *wrong;

    boot_entry_tsc = rdtsc();
    uart_init(&UART_COM1); /* so that everything after can be seen to fail */
    symbols_init();        /* names in what a fault prints */
    desc_init();           /* gates and segments: a fault prints registers from here on */
    desc_init_cpu(0, (uint64_t)boot_stack);
    wrong = boot_info_read(magic, info); /* while the loader's memory is still whole */
    cmdline_parse(&boot_options, boot_info.cmdline);
    open_console(); /* as the options say; needs both of the above */
    print_greeting();
    if (wrong)
        panic("Cannot start: %s", wrong);
    warn_about_options();
    cpu_identify();       /* features decide how tables are built */
    decide_mitigations(); /* and so do restricted roots */
    read_memory_map();
    boot_alloc_init();
    boot_alloc_set_limit(EARLY_MAP_SIZE); /* until the direct map is there */
    reserve_what_is_in_use();
    map_init(); /* the final tables, with their rights */
    switch_to_final_stack();
}
