/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IO-APICs: which line goes to which vector on which CPU.  Registers: Intel 82093AA data sheet.
 *
 * The wanted state of every line is kept here and written whole, since reading it back costs two
 * accesses to slow registers.  One lock per controller: its registers are reached by an index.
 */
#include "cpu/ioapic.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/irq.h"
#include "lib/spinlock.h"
#include "hooks.h"

#define REG_VERSION     0x01
#define REG_REDIRECT    0x10
#define MAX_LINES       240
#define SELECT          0 /* offsets in 32-bit words */
#define WINDOW          4
#define RTE_DELIVER_NMI (4UL << 8)
#define RTE_ACTIVE_LOW  BIT(13)
#define RTE_LEVEL       BIT(15)
#define RTE_MASKED      BIT(16)
#define RTE_DEST_SHIFT  56
#define ISA_IRQS        16

struct ioapic {
    volatile uint32_t *regs;
    paddr_t address;
    uint32_t gsi_base;
    uint32_t lines;
    spinlock_t lock;
    uint64_t rte[MAX_LINES];
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;

static uint32_t reg_read(struct ioapic *a, uint32_t reg)
{
    a->regs[SELECT] = reg;
    return a->regs[WINDOW];
}

static void reg_write(struct ioapic *a, uint32_t reg, uint32_t v)
{
    a->regs[SELECT] = reg;
    a->regs[WINDOW] = v;
}

/* A masked line's halves may be written in any order; an open one's low half goes last.  Where only
 * the CPU changes, the line stays open: an edge that finds it masked would be lost. */
static void write_rte(struct ioapic *a, uint32_t line, uint64_t rte)
{
    uint64_t changes = rte ^ a->rte[line];

    if (changes >> 32) {
        if ((uint32_t)changes && !(a->rte[line] & RTE_MASKED))
            reg_write(a, REG_REDIRECT + 2 * line, (uint32_t)(a->rte[line] | RTE_MASKED));
        reg_write(a, REG_REDIRECT + 2 * line + 1, (uint32_t)(rte >> 32));
    }
    if ((uint32_t)changes)
        reg_write(a, REG_REDIRECT + 2 * line, (uint32_t)rte);
    a->rte[line] = rte;
}

static void init_one(const struct acpi_ioapic *from)
{
    struct ioapic *a = &ioapics[nr_ioapics];

    a->regs = ioremap(from->address, PAGE_SIZE);
    if (!a->regs || reg_read(a, REG_VERSION) == ~0U) {
        printk(XENLOG_WARNING "IO-APIC at %#lx does not answer, left out\n", from->address);
        return;
    }
    a->address = from->address;
    a->gsi_base = from->gsi_base;
    a->lines = min((reg_read(a, REG_VERSION) >> 16 & 0xff) + 1, (uint32_t)MAX_LINES);
    for (uint32_t i = 0; i < a->lines; i++) {
        a->rte[i] = ~0UL; /* so that both halves are written */
        write_rte(a, i, RTE_MASKED);
    }
    nr_ioapics++;
    printk(XENLOG_INFO "IO-APIC: id %u at %#lx, GSIs %u to %u\n", from->id, from->address,
           a->gsi_base, a->gsi_base + a->lines - 1);
}

void __boot_text ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
        init_one(&acpi_info.ioapic[i]);
}

static struct ioapic *find(uint32_t gsi)
{
    for (unsigned int i = 0; i < nr_ioapics; i++) {
        if (gsi - ioapics[i].gsi_base < ioapics[i].lines)
            return &ioapics[i];
    }
    return NULL;
}

uint32_t ioapic_nr_gsis(void)
{
    uint32_t end = 0;

    for (unsigned int i = 0; i < nr_ioapics; i++)
        end = max(end, ioapics[i].gsi_base + ioapics[i].lines);
    return end;
}

bool ioapic_has_gsi(uint32_t gsi)
{
    return find(gsi) != NULL;
}

uint32_t ioapic_isa_gsi(uint8_t irq, bool *level, bool *active_low)
{
    *level = false;
    *active_low = false;
    for (unsigned int i = 0; i < acpi_info.nr_overrides; i++) {
        const struct acpi_override *o = &acpi_info.override[i];

        if (o->irq == irq) {
            *level = o->level;
            *active_low = o->active_low;
            return o->gsi;
        }
    }
    return irq;
}

/* Changes the bits in `clear` and `set` of a line. */
static bool update(uint32_t gsi, uint64_t clear, uint64_t set)
{
    struct ioapic *a = find(gsi);
    uint64_t flags;
    uint32_t line;

    if (!a)
        return false;
    line = gsi - a->gsi_base;
    flags = spin_lock_irqsave(&a->lock);
    write_rte(a, line, (a->rte[line] & ~clear) | set);
    spin_unlock_irqrestore(&a->lock, flags);
    return true;
}

static uint64_t destination(unsigned int cpu)
{
    return (uint64_t)(cpu_apic_id[cpu] & 0xff) << RTE_DEST_SHIFT;
}

bool ioapic_route(uint32_t gsi, uint8_t vector, unsigned int cpu, bool level, bool active_low,
                  bool masked)
{
    return update(gsi, ~0UL,
                  destination(cpu) | vector | (level ? RTE_LEVEL : 0) |
                      (active_low ? RTE_ACTIVE_LOW : 0) | (masked ? RTE_MASKED : 0));
}

bool ioapic_route_nmi(uint32_t gsi, unsigned int cpu, bool on)
{
    /* The vector means nothing here; it is not 0, so that nobody else takes the line. */
    return update(gsi, ~0UL,
                  on ? destination(cpu) | RTE_DELIVER_NMI | VECTOR_SPURIOUS : RTE_MASKED);
}

void ioapic_mask(uint32_t gsi)
{
    update(gsi, 0, RTE_MASKED);
}

void ioapic_unmask(uint32_t gsi)
{
    update(gsi, RTE_MASKED, 0);
}

void ioapic_set_cpu(uint32_t gsi, unsigned int cpu)
{
    update(gsi, 0xffUL << RTE_DEST_SHIFT, destination(cpu));
}

uint8_t ioapic_vector(uint32_t gsi)
{
    const struct ioapic *a = find(gsi);

    return a ? (uint8_t)a->rte[gsi - a->gsi_base] : 0;
}

bool ioapic_read_register(paddr_t base, uint32_t reg, uint32_t *value)
{
    for (unsigned int i = 0; i < nr_ioapics; i++) {
        struct ioapic *a = &ioapics[i];
        uint64_t flags;

        if (a->address != base)
            continue;
        flags = spin_lock_irqsave(&a->lock);
        *value = reg_read(a, reg & 0xff);
        spin_unlock_irqrestore(&a->lock, flags);
        return true;
    }
    return false;
}
