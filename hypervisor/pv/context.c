/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU's state: between struct vcpu and the processor, and between struct vcpu and the ABI's
 * vcpu_guest_context.
 *
 * Switching to idle is lazy: the guest's state stays in the processor, since the most frequent end
 * of an idle time is the same guest again.  `loaded[cpu]` says whose state a processor holds, and
 * v->sched.state_cpu where a vCPU's state is; only the processor itself writes the two, with
 * interrupts off.  Whoever needs the state of a vCPU that does not run calls sync_vcpu_state().
 *
 * The extended (FPU) state is switched eagerly: nothing of another guest is ever in the registers
 * while a guest runs (XSA-52 and its successors).
 */
#include "sched/set_current.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/ex_table.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "cpu/segbase.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/layout.h"
#include "mem/map.h"
#include "mem/page_type.h"
#include "mem/tlb.h"
#include "pv/debugreg.h"
#include "pv/emulate.h"
#include "pv/pv.h"
#include "pv/vcpu_offsets.h"

#define ENTRY_READS(what, where) _Static_assert((what) == (where), "entry.S reads it")
ENTRY_READS(offsetof(struct vcpu, domain), VCPU_DOMAIN);
ENTRY_READS(offsetof(struct vcpu, vcpu_info), VCPU_VCPU_INFO);
ENTRY_READS(offsetof(struct vcpu, in_kernel), VCPU_IN_KERNEL);
ENTRY_READS(offsetof(struct vcpu, nmi_masked), VCPU_NMI_MASKED);
ENTRY_READS(offsetof(struct vcpu, kernel_cr3), VCPU_KERNEL_CR3);
ENTRY_READS(offsetof(struct vcpu, user_cr3), VCPU_USER_CR3);
ENTRY_READS(offsetof(struct vcpu, kernel_sp), VCPU_KERNEL_SP);
ENTRY_READS(offsetof(struct vcpu, cb_syscall.address), VCPU_SYSCALL_ADDRESS);
ENTRY_READS(offsetof(struct vcpu, cb_syscall.mask_events), VCPU_SYSCALL_MASKS);
ENTRY_READS(offsetof(struct domain, vm_assist), DOMAIN_VM_ASSIST);
ENTRY_READS(offsetof(struct domain, mem.root_generation), DOMAIN_ROOT_GENERATION);
ENTRY_READS(1u << VMASST_TYPE_architectural_iopl, VMASST_IOPL);
ENTRY_READS(__HYPERVISOR_iret, HYPERCALL_IRET);
ENTRY_READS(offsetof(struct vcpu_info, evtchn_upcall_pending), 0);
ENTRY_READS(offsetof(struct vcpu_info, evtchn_upcall_mask), 1);
ENTRY_READS(sizeof(struct iret_context), 9 * 8);
ENTRY_READS(offsetof(struct iret_context, rip), 32);
ENTRY_READS(VGCF_in_syscall, VGCF_IN_SYSCALL_BIT);

__noreturn void continue_guest(void);
__noreturn void call_on_fresh_stack(void (*fn)(void));

static struct {
    struct vcpu *v;
} __attribute__((aligned(64))) loaded[NR_CPUS];

/* --- address space -----------------------------------------------------------------------------
 */

void pv_load_cr3(struct vcpu *v, bool flush_global)
{
    struct cpu_info *info = cpu_info();
    uint64_t cr3 = v->in_kernel ? v->kernel_cr3 : v->user_cr3;

    info->cr3 = cr3;
    info->kernel_cr3 = v->kernel_cr3;
    if (flush_global) {
        tlb_load_cr3_flush(cr3);
        return;
    }
    write_cr3(cr3);
}

void pv_toggle_mode(struct vcpu *v)
{
    pv_toggle_mode_inline(v);
}

/* --- segments ------------------------------------------------------------------------------------
 */

#define DEFINE_LOAD_SELECTOR(seg)                                                                  \
    /* false: the guest's tables do not have it; the register is null then */                      \
    static bool load_##seg(uint16_t sel)                                                           \
    {                                                                                              \
        bool ok = true;                                                                            \
        __asm__ volatile("1: movl %k0, %%" #seg "\n"                                               \
                         "   jmp 3f\n"                                                             \
                         "2: xorl %k0, %k0\n"                                                      \
                         "   movl %k0, %%" #seg "\n"                                               \
                         "   movb $0, %1\n"                                                        \
                         "3:\n" EX_TABLE("1b", "2b")                                               \
                         : "+r"(sel), "+q"(ok));                                                   \
        return ok;                                                                                 \
    }
DEFINE_LOAD_SELECTOR(ds)
DEFINE_LOAD_SELECTOR(es)
DEFINE_LOAD_SELECTOR(fs)
DEFINE_LOAD_SELECTOR(gs)

static void save_segments(struct vcpu *v)
{
    v->ds = read_ds();
    v->es = read_es();
    v->fs = read_fs();
    v->gs = read_gs();
    v->fs_base = get_fs_base();
    if (v->in_kernel) {
        v->gs_base_kernel = get_gs_base();
        v->gs_base_user = rdmsr(MSR_KERNEL_GS_BASE);
    } else {
        v->gs_base_user = get_gs_base();
        v->gs_base_kernel = rdmsr(MSR_KERNEL_GS_BASE);
    }
}

/* Selectors first, since loading one may change its base.  A selector that the guest's tables no
 * longer have goes to the guest's failsafe callback, with the values it had. */
static bool load_segments(struct vcpu *v)
{
    bool ok = true;

    /* A null selector that is there already need not be loaded. */
    if (v->ds | read_ds())
        ok &= load_ds(v->ds);
    if (v->es | read_es())
        ok &= load_es(v->es);
    if (v->fs | read_fs())
        ok &= load_fs(v->fs);
    if (v->gs | read_gs())
        ok &= load_gs(v->gs);
    set_fs_base(v->fs_base);
    set_gs_base(v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, v->in_kernel ? v->gs_base_user : v->gs_base_kernel);
    return ok;
}

/* --- the whole vCPU ------------------------------------------------------------------------------
 */

static void save_state(struct vcpu *v)
{
    v->regs = *guest_regs();
    save_segments(v);
    if (v->ts_set)
        clts();
    fpu_save(v->fpu);
    debugreg_switch_out(v);
}

static void load_state(struct vcpu *v, bool same_domain)
{
    struct cpu_info *info = cpu_info();

    info->regs = v->regs;
    /* Before the load of the root: a flush for this domain from now on must reach us. */
    if (!same_domain)
        atomic_get_or(&v->domain->mem.dirty_cpus, BIT(info->cpu));
    pv_load_cr3(v, true);
    pv_load_descriptors(v);
    restricted_load(v);
    if (unlikely(!fpu_restore(v->fpu, v->xcr0)))
        printk(XENLOG_G_WARNING "d%uv%u: extended state refused by the processor, reset\n",
               v->domain->mem.id, v->id);
    if (v->ts_set)
        write_cr0(read_cr0() | CR0_TS);
    debugreg_switch_in(v);
    if (cpu_caps.rdtscp)
        wrmsr(MSR_TSC_AUX, v->tsc_aux);
    if (unlikely(info->cr4 != pv_real_cr4(v))) {
        info->cr4 = pv_real_cr4(v); /* differs in TSD alone */
        write_cr4(info->cr4);
    }
    /* Last, since the failsafe frame is built from the complete state. */
    if (unlikely(!load_segments(v)))
        pv_failsafe(v, &info->regs);
}

/* Takes what this processor holds of a guest into its struct vcpu.  Interrupts are off. */
static void unload(void)
{
    unsigned cpu = smp_cpu_id();
    struct vcpu *old = loaded[cpu].v;

    save_state(old);
    cpu_info()->cr3 = map_root_paddr();
    tlb_load_cr3_flush(map_root_paddr());
    restricted_unload();
    desc_load_hv_gdt();
    desc_load_ldt(0, 0);
    loaded[cpu].v = NULL;
    atomic_get_and(&old->domain->mem.dirty_cpus, ~BIT(cpu));
    store_release(&old->sched.state_cpu, NO_CPU);
}

static void unload_if_lazy(void *arg)
{
    uint64_t flags = local_irq_save();
    struct vcpu *v = arg;

    if (loaded[smp_cpu_id()].v == v && current != v)
        unload();
    local_irq_restore(flags);
}

void sync_vcpu_state(struct vcpu *v)
{
    unsigned cpu = load_acquire(&v->sched.state_cpu);

    if (cpu == NO_CPU)
        return;
    if (cpu == smp_cpu_id())
        unload_if_lazy(v);
    else
        smp_call(BIT(cpu), unload_if_lazy, v, true);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    unsigned cpu = smp_cpu_id();
    struct vcpu *old;
    uint64_t flags;

    (void)prev;
    /* Another processor may still hold it from before it went idle. */
    if (!is_idle_vcpu(next) && next->sched.state_cpu != cpu)
        sync_vcpu_state(next);

    flags = local_irq_save();
    set_current(next);
    old = loaded[cpu].v;
    if (!is_idle_vcpu(next) && old != next) {
        bool same = old && old->domain == next->domain;

        if (old)
            save_state(old);
        loaded[cpu].v = next;
        next->sched.state_cpu = cpu;
        load_state(next, same);
        if (old) {
            if (!same)
                atomic_get_and(&old->domain->mem.dirty_cpus, ~BIT(cpu));
            store_release(&old->sched.state_cpu, NO_CPU);
        }
        if (next->domain->pirqs && next->irq_cpu != cpu) {
            next->irq_cpu = cpu; /* its devices' interrupts follow it */
            evtchn_move_pirqs(next);
        }
    }
    local_irq_restore(flags);
}

__noreturn void continue_running(struct vcpu *v)
{
    if (is_idle_vcpu(v))
        call_on_fresh_stack(idle_loop);
    if (unlikely(v->nmi_pending))
        raise_softirq(SOFTIRQ_NMI);
    continue_guest();
}
