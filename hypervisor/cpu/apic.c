/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC, in its memory-mapped and its MSR form: acknowledging, interrupts between CPUs,
 * and the timer.  Interrupts are addressed physically, one CPU each.  Intel SDM volume 3, chapter
 * 11 has the registers.
 *
 * x2APIC is used where the processor has it: one MSR write instead of two stores and a wait.
 * x2apic=no asks for the other form, but what the firmware has left on stays on, since a processor
 * does not go back without losing its APIC's state.  This is Xen's choice for a machine without
 * interrupt remapping; as there, device interrupts carry 8 bits of destination in both forms, so a
 * processor with a longer APIC id is not used (boot/start_cpus.c).
 */
#include "cpu/apic.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/irq.h"
#include "debug/assert.h"
#include "hooks.h"
#include "lib/irqflags.h"

enum apic_register {
    APIC_ID = 0x020,
    APIC_VERSION = 0x030,
    APIC_TPR = 0x080,
    APIC_EOI = 0x0b0,
    APIC_LDR = 0x0d0,
    APIC_DFR = 0x0e0,
    APIC_SVR = 0x0f0,
    APIC_ISR = 0x100,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define SVR_ENABLE        0x100
#define LVT_MASKED        0x10000
#define LVT_NMI           0x400
#define TIMER_DEADLINE    0x40000
#define TIMER_DIVIDE_BY_1 0xb
#define ICR_NMI           0x400
#define ICR_INIT          0x500
#define ICR_STARTUP       0x600
#define ICR_BUSY          0x1000
#define ICR_ASSERT        0x4000
#define ICR_SELF          0x40000
#define COUNT_MAX         0xffffffffU

#define XAPIC_DEFAULT 0xfee00000
#define MSI_ADDRESS   0xfee00000
#define APIC_ID_ALL   0xff /* of 8 bits: every processor */

/* 8259: both masked, and moved away from the exceptions in case one strays. */
#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1

uint32_t cpu_apic_id[NR_CPUS] __read_mostly;

static volatile uint32_t *xapic __read_mostly;
static bool x2apic __read_mostly;
static bool use_deadline __read_mostly;

static uint32_t apic_read(enum apic_register r)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC_FIRST + (r >> 4)) : xapic[r / 4];
}

static void apic_write(enum apic_register r, uint32_t v)
{
    if (x2apic)
        wrmsr(MSR_X2APIC_FIRST + (r >> 4), v);
    else
        xapic[r / 4] = v;
}

static void silence_8259(void)
{
    outb(0xff, PIC1_DATA);
    outb(0xff, PIC2_DATA);
    outb(0x11, PIC1_COMMAND); /* initialise, four words: vectors, wiring, 8086 mode */
    outb(VECTOR_PIC_FIRST, PIC1_DATA);
    outb(0x04, PIC1_DATA);
    outb(0x01, PIC1_DATA);
    outb(0x11, PIC2_COMMAND);
    outb(VECTOR_PIC_FIRST + 8, PIC2_DATA);
    outb(0x02, PIC2_DATA);
    outb(0x01, PIC2_DATA);
    outb(0xff, PIC1_DATA);
    outb(0xff, PIC2_DATA);
}

static void handle_error(uint8_t vector)
{
    static struct rate_limit rate;
    uint32_t errors;

    apic_write(APIC_ESR, 0); /* latches what happened since the last write */
    errors = apic_read(APIC_ESR);
    apic_eoi();
    if (rate_limit_ok(&rate, 1000, 5))
        printk(XENLOG_WARNING "APIC error %#x\n", errors);
}

/* A spurious interrupt is not in service: acknowledging it would acknowledge another. */
static void handle_spurious(uint8_t vector)
{
}

static void handle_timer(uint8_t vector)
{
    apic_eoi();
    timer_interrupt();
}

void __boot_text apic_init(bool x2apic_wanted)
{
    bool left_on = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;

    silence_8259();
    if (left_on && !x2apic_wanted)
        printk(XENLOG_WARNING "x2apic=no has no effect: the firmware has left x2APIC on\n");
    x2apic = cpu_caps.x2apic && (x2apic_wanted || left_on);
    if (!x2apic) {
        xapic =
            ioremap(acpi_info.lapic_address ? acpi_info.lapic_address : XAPIC_DEFAULT, PAGE_SIZE);
        BUG_ON(!xapic);
    }
    if (left_on && !x2apic)
        panic("Firmware left x2APIC on, but the processor does not have it");
    use_deadline = cpu_caps.tsc_deadline && cpu_caps.tsc_invariant;
    irq_set_handler(VECTOR_APIC_ERROR, handle_error);
    irq_set_handler(VECTOR_SPURIOUS, handle_spurious);
    irq_set_handler(VECTOR_TIMER, handle_timer);
    apic_init_cpu();
    cpu_apic_id[0] = x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
    printk(XENLOG_INFO "APIC: %s, version %#x, id %u, timer by %s\n", x2apic ? "x2APIC" : "xAPIC",
           apic_read(APIC_VERSION) & 0xff, cpu_apic_id[0], use_deadline ? "TSC deadline" : "count");
}

static void acknowledge_leftovers(void)
{
    /* After a warm start something may still be in service and would hold back all below it.  Each
     * acknowledgement is for the highest. */
    for (unsigned int i = 256; i-- > 0;) {
        if (apic_in_service((uint8_t)i))
            apic_eoi();
    }
}

void apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    wrmsr(MSR_APIC_BASE, base);
    if (x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    /* The NMI line of the board: one CPU is enough to hear of it. */
    apic_write(APIC_LVT_LINT1, LVT_NMI | (smp_cpu_id() ? LVT_MASKED : 0));
    apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (use_deadline ? TIMER_DEADLINE : 0));
    wrmsr_fence(); /* the mode must be seen before the first deadline is written */
    acknowledge_leftovers();
}

bool apic_id_usable(uint32_t apic_id)
{
    return apic_id < APIC_ID_ALL;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

bool apic_in_service(uint8_t vector)
{
    return apic_read((enum apic_register)(APIC_ISR + (vector / 32) * 0x10)) >> (vector % 32) & 1;
}

static void send(uint32_t apic_id, uint32_t command)
{
    uint64_t flags;

    if (x2apic) {
        wrmsr_fence(); /* for the stores that the receiver will read */
        wrmsr(MSR_X2APIC_FIRST + (APIC_ICR >> 4), (uint64_t)apic_id << 32 | command);
        return;
    }
    /* The two halves are one operation; an interrupt in between might send too. */
    flags = local_irq_save();
    while (apic_read(APIC_ICR) & ICR_BUSY)
        cpu_relax();
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    apic_write(APIC_ICR, command);
    local_irq_restore(flags);
}

void apic_send_ipi(unsigned int cpu, uint8_t vector)
{
    send(cpu_apic_id[cpu], ICR_ASSERT | vector);
}

void apic_send_ipi_mask(cpumask_t mask, uint8_t vector)
{
    unsigned int cpu;

    for_each_cpu (cpu, mask)
        apic_send_ipi(cpu, vector);
}

void apic_send_nmi(unsigned int cpu)
{
    send(cpu_apic_id[cpu], ICR_ASSERT | ICR_NMI);
}

void apic_send_self(uint8_t vector)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC_FIRST + (APIC_ICR >> 4), ICR_ASSERT | ICR_SELF | vector);
        return;
    }
    /* Whoever was interrupted between the halves of a send finds the first, and an idle APIC. */
    while (apic_read(APIC_ICR) & ICR_BUSY)
        cpu_relax();
    apic_write(APIC_ICR, ICR_ASSERT | ICR_SELF | vector);
    while (apic_read(APIC_ICR) & ICR_BUSY)
        cpu_relax();
}

void apic_arm_counter_nmi(void)
{
    apic_write(APIC_LVT_PERF, LVT_NMI);
}

void apic_send_init(uint32_t apic_id)
{
    send(apic_id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

/* The one-shot count for `ticks` of the TSC, at least 1 (0 would stop the timer). */
static uint32_t deadline_to_count(uint64_t ticks)
{
    uint64_t longest = (uint64_t)COUNT_MAX * tsc_khz / apic_timer_khz;

    if (ticks >= longest)
        return COUNT_MAX; /* fires early; the owner looks at the time and arms again */
    return (uint32_t)max(ticks * apic_timer_khz / tsc_khz + 1, 1UL);
}

void apic_timer_arm(uint64_t tsc)
{
    uint64_t now;

    if (use_deadline) {
        wrmsr(MSR_TSC_DEADLINE, tsc ? tsc : 1);
        return;
    }
    now = rdtsc();
    apic_write(APIC_TIMER_INITIAL, tsc > now ? deadline_to_count(tsc - now) : 1);
}

void apic_timer_stop(void)
{
    if (use_deadline)
        wrmsr(MSR_TSC_DEADLINE, 0);
    else
        apic_write(APIC_TIMER_INITIAL, 0);
}

void apic_timer_count_start(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, COUNT_MAX);
}

uint64_t apic_timer_count(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

void apic_timer_count_stop(void)
{
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (use_deadline ? TIMER_DEADLINE : 0));
}

uint64_t apic_msi_address(unsigned int cpu)
{
    return MSI_ADDRESS | (uint64_t)(cpu_apic_id[cpu] & 0xff) << 12;
}

uint32_t apic_msi_data(uint8_t vector)
{
    return vector; /* fixed delivery, edge */
}
