/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GDT, TSS and IDT, built from one vector table.
 *
 * A guest owns pages 0 to 13 of its vCPU's 16-page GDT; page 14 is ours and is one and the same
 * frame in all of them: it holds the flat segments and, for every CPU, a TSS and an LDT descriptor.
 * So switching vCPUs is one LGDT, and no descriptor is rewritten but this CPU's LDT when it
 * changes.  Page 15 does not exist: the limit ends before it.
 */
#include "cpu/desc.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/irq.h"
#include "hooks.h"
#include "lib/address.h"
#include "lib/string.h"
#include "mem/map.h"

/* Segment descriptors (Intel SDM volume 3, 3.4.5), accessed bits set so that none is written. */
#define DESC_CODE64_RING0 0x00af9b000000ffffUL
#define DESC_DATA_RING0   0x00cf93000000ffffUL
#define DESC_CODE32_RING3 0x00cffb000000ffffUL
#define DESC_DATA_RING3   0x00cff3000000ffffUL
#define DESC_CODE64_RING3 0x00affb000000ffffUL
#define DESC_PRESENT      BIT(47)
#define DESC_TYPE_SHIFT   40
#define DESC_TYPE_LDT     2UL
#define DESC_TYPE_TSS     9UL

#define GATE_INTERRUPT 0x8e00 /* present, 64-bit interrupt gate */
#define GATE_DPL_SHIFT 13
#define GATE_DPL_MASK  (3 << GATE_DPL_SHIFT)

/* Which exceptions have a stack of their own, and which page of the block it is (layout.h). */
#define IST_DF  1
#define IST_NMI 2
#define IST_MC  3
#define IST_DB  4

#define GDT_LIMIT (FIRST_HV_GDT_BYTE + PAGE_SIZE - 1)

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t iomap; /* beyond the limit: no port is allowed */
} __packed;
_Static_assert(NR_CPUS *STUB_SIZE == PAGE_SIZE, "the stubs are one page");
_Static_assert(sizeof(struct tss) == 104, "Intel SDM volume 3, figure 8-11");

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t flags_low;
    uint16_t offset_mid;
    uint32_t offset_high;
    uint32_t reserved;
};

/* 128 bytes apart, so that none crosses a page (which the processors' errata ask for). */
struct tss_slot {
    struct tss tss;
} __aligned(128);

static uint64_t hv_gdt[PAGE_SIZE / 8] __aligned(4096)
    __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));
static struct tss_slot tss_slots[NR_CPUS] __aligned(4096)
    __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));
uint8_t syscall_stubs[NR_CPUS * STUB_SIZE] __aligned(4096)
    __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));
static struct gate idt[256] __aligned(4096)
    __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));

static uint64_t *gdt_slot(unsigned int selector)
{
    return &hv_gdt[(selector - FIRST_HV_GDT_BYTE) / 8];
}

static void set_system_desc(unsigned int selector, uint64_t base, uint32_t limit, uint64_t type)
{
    uint64_t *slot = gdt_slot(selector);

    slot[0] = (limit & 0xffffUL) | (base & 0xffffffUL) << 16 | type << DESC_TYPE_SHIFT |
              DESC_PRESENT | (limit & 0xf0000UL) << 32 | (base >> 24 & 0xff) << 56;
    slot[1] = base >> 32;
}

static void set_gate(unsigned int vector, uint64_t entry, unsigned int ist)
{
    struct gate *g = &idt[vector];

    g->offset_low = (uint16_t)entry;
    g->offset_mid = (uint16_t)(entry >> 16);
    g->offset_high = (uint32_t)(entry >> 32);
    g->selector = SEL_HV_CS64;
    g->ist = (uint8_t)ist;
    g->flags_low = GATE_INTERRUPT >> 8;
    g->reserved = 0;
}

/* Lets ring 3 use `int vector` (dpl 3) or not (dpl 0). */
static void idt_set_dpl(uint8_t vector, unsigned int dpl)
{
    idt[vector].flags_low =
        (uint8_t)((GATE_INTERRUPT & ~GATE_DPL_MASK) >> 8 | dpl << (GATE_DPL_SHIFT - 8));
}

void desc_init(void)
{
    *gdt_slot(SEL_HV_CS64) = DESC_CODE64_RING0;
    *gdt_slot(SEL_HV_DS) = DESC_DATA_RING0;
    *gdt_slot(SEL_GUEST_CS32) = DESC_CODE32_RING3;
    *gdt_slot(SEL_GUEST_DS) = DESC_DATA_RING3;
    *gdt_slot(SEL_GUEST_CS64) = DESC_CODE64_RING3;

    for (unsigned int v = 0; v < 256; v++) {
        unsigned int ist = v == TRAP_DF    ? IST_DF
                           : v == TRAP_NMI ? IST_NMI
                           : v == TRAP_MC  ? IST_MC
                           : v == TRAP_DB  ? IST_DB
                                           : 0;

        set_gate(v, (uint64_t)trap_stubs[v], ist);
    }
    /* INT3 and INTO are programs' to use; INT n faults, and pv/traps.c looks at the instruction. */
    idt_set_dpl(TRAP_BP, 3);
    idt_set_dpl(TRAP_OF, 3);
}

void desc_load_gdt(uint64_t base)
{
    struct table_register r = {GDT_LIMIT, base};

    lgdt(&r);
}

void desc_load_hv_gdt(void)
{
    desc_load_gdt((uint64_t)hv_gdt - FIRST_HV_GDT_BYTE);
}

void desc_load_ldt(uint64_t base, unsigned int entries)
{
    unsigned int selector = SEL_LDT_FIRST + SEL_PER_CPU * smp_cpu_id();

    if (!entries) {
        lldt(0);
        return;
    }
    set_system_desc(selector, base, entries * 8 - 1, DESC_TYPE_LDT);
    lldt((uint16_t)selector);
}

uint64_t desc_idt_va(void)
{
    return (uint64_t)idt;
}

uint64_t desc_tss_va(unsigned int cpu)
{
    return (uint64_t)&tss_slots[cpu];
}

mfn_t desc_gdt_frame(void)
{
    return image_to_mfn(hv_gdt);
}

/* Makes CS the selector that our GDT has; the data segments stay null, as 64-bit code allows. */
static void reload_code_segment(void)
{
    __asm__ volatile("pushq %[cs]\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:"
                     :
                     : [cs] "i"(SEL_HV_CS64)
                     : "rax", "memory");
}

void desc_init_cpu(unsigned int cpu, uint64_t stack_base)
{
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};
    struct tss *t = &tss_slots[cpu].tss;
    unsigned int selector = SEL_TSS_FIRST + SEL_PER_CPU * cpu;

    memset(t, 0, sizeof(*t));
    t->rsp[0] = stack_base + STACK_SIZE - CPU_INFO_SIZE + FRAME_SIZE;
    for (unsigned int i = 0; i < STACK_IST_PAGES; i++)
        t->ist[i] = stack_base + (i + 1) * PAGE_SIZE;
    t->iomap = sizeof(*t);

    desc_load_hv_gdt();
    reload_code_segment();
    lldt(0);
    /* Writing the descriptor also clears the busy bit of an earlier load. */
    set_system_desc(selector, (uint64_t)t, sizeof(*t) - 1, DESC_TYPE_TSS);
    ltr((uint16_t)selector);
    lidt(&idtr);
}

/* Emits `opcode rel32` at stub address `at` (written through `w`), reaching `target`. */
static uint8_t *emit_rel32(uint8_t *w, uint64_t *at, const char *opcode, unsigned int len,
                           uint64_t target)
{
    int32_t rel;

    memcpy(w, opcode, len);
    *at += len + 4;
    rel = (int32_t)(target - *at);
    memcpy(w + len, &rel, 4);
    return w + len + 4;
}

/*
 * SYSCALL changes neither stack nor GS, so the only thing code can find its CPU by is its own
 * address: each CPU has a stub that saves the guest's RSP, loads the stack and goes to the common
 * entry.  mov %rsp, syscall_rsp(%rip); lea regs(%rip), %rsp; jmp entry.
 */
static void write_stub(uint8_t *w, uint64_t at, const struct cpu_info *info, uint64_t entry)
{
    w = emit_rel32(w, &at, "\x48\x89\x25", 3, (uint64_t)&info->syscall_rsp);
    w = emit_rel32(w, &at, "\x48\x8d\x25", 3, (uint64_t)info);
    emit_rel32(w, &at, "\xe9", 1, entry);
}

void syscall_init_cpu(unsigned int cpu)
{
    uint64_t va = HV_STUBS_BASE + cpu * STUB_SIZE;
    uint8_t *w = syscall_stubs + cpu * STUB_SIZE;

    /* On restricted roots the hypervisor's mappings are not global, and an entry of its own. */
    write_stub(w, va, cpu_info(),
               (uint64_t)(map_global ? syscall_entry : syscall_entry_restricted));
    write_stub(w + STUB_SIZE / 2, va + STUB_SIZE / 2, cpu_info(), (uint64_t)syscall32_entry);
    cpu_info()->calls = hypercall_counts[cpu];

    wrmsr(MSR_STAR, (uint64_t)SEL_GUEST_CS32 << 48 | (uint64_t)SEL_HV_CS64 << 32);
    wrmsr(MSR_LSTAR, va);
    wrmsr(MSR_CSTAR, va + STUB_SIZE / 2);
    wrmsr(MSR_SYSCALL_MASK, RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_IOPL |
                                RFLAGS_DF | RFLAGS_IF | RFLAGS_TF);
    /* AMD's have no SYSENTER in 64-bit mode, and some emulators no such MSRs: then it faults. */
    if (!wrmsr_safe(MSR_SYSENTER_ESP, (uint64_t)cpu_info() + FRAME_SIZE) ||
        !wrmsr_safe(MSR_SYSENTER_EIP, (uint64_t)sysenter_entry) ||
        !wrmsr_safe(MSR_SYSENTER_CS, SEL_HV_CS64))
        printk(XENLOG_INFO "CPU %u has no SYSENTER\n", cpu);
}
