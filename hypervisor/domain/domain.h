/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and virtual CPUs: what a guest owns, in two structures.
 *
 * struct vcpu is laid out by who writes it: the fields of the hot entry paths first (one or two
 * cache lines), then what a context switch saves, then what the scheduler, events and timers need.
 * Fields are grouped under the lock that guards them; a group without a lock is written only by the
 * vCPU itself (or while it is paused).
 */
#pragma once

#include "abi/domctl.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/xen.h"
#include "cpu/frame.h"
#include "domain/evtchn.h"
#include "domain/grant.h"
#include "domain/vcpu.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "mem/owner.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "time/timer.h"

#define MAX_VCPUS 64 /* per domain; the ABI allows 8192, cpumask_t and poll masks 64 */

struct cpu_policy;
struct domain;
struct e820_entry;
struct frame;
struct pirq_table;
struct rangeset;

/* Where a guest wants to be entered, all zero for "not registered". */
struct trap_entry {
    uint64_t address;
    uint16_t cs;
    uint8_t flags; /* TI_DPL bits 0-1, bit 2: mask events on entry */
};

struct vcpu_callback {
    uint64_t address;
    bool mask_events;
};

enum vcpu_flags_bits {
    VPF_BLOCKED = 1 << 0, /* SCHEDOP_block: until an event is pending */
    VPF_DOWN = 1 << 1,    /* not brought up, or taken down */
    VPF_POLLING = 1 << 2, /* SCHEDOP_poll */
};

struct vcpu {
    /* --- hot: entry, exit, bounce (the first three are known to pv/entry.S) ------------------- */
    struct domain *domain;
    struct vcpu_info *vcpu_info; /* hypervisor mapping of the shared vcpu_info, never NULL */
    bool in_kernel;              /* guest kernel mode (TF_kernel_mode of the ABI) */
    bool ts_set;                 /* fpu_taskswitch: CR0.TS is set while the guest runs */
    uint8_t iopl;                /* virtual IOPL, 0..3 */
    bool nmi_pending, nmi_masked;
    bool is_initialised; /* has been given a context */
    uint64_t kernel_cr3; /* root of the guest kernel's table (type L4, referenced) */
    uint64_t user_cr3;   /* root of the current process's table, 0: none */
    uint64_t kernel_sp;  /* stack_switch: where user-to-kernel entries push */
    uint64_t kernel_ss;
    struct vcpu_callback cb_syscall, cb_event, cb_failsafe, cb_syscall32, cb_sysenter, cb_nmi;
    struct trap_entry *trap_table; /* 256 entries */
    uint64_t guest_cr4;            /* what the guest believes CR4 to be */
    uint64_t iobmp;                /* PHYSDEVOP_set_iobitmap: guest linear address, 0: none */
    unsigned iobmp_limit;          /* ports in it */

    /* --- saved at a context switch (pv/context.c) --------------------------------------------- */
    struct cpu_regs regs;
    uint16_t ds, es, fs, gs;
    uint64_t fs_base, gs_base_kernel, gs_base_user; /* gs_base_* by guest mode */
    uint64_t debugreg[8];
    void *fpu; /* XSAVE area, mem: one or more pages */
    uint64_t xcr0;
    uint32_t tsc_aux;

    /* --- descriptor tables (pv/segments.c) ---------------------------------------------------- */
    unsigned desc_slot; /* index of this vCPU's area at VCPU_DESC_BASE, global */
    mfn_t gdt_frames[FIRST_RESERVED_GDT_PAGE]; /* INVALID_MFN: none */
    unsigned gdt_nr;                           /* entries */
    uint64_t ldt_base;                         /* guest linear address */
    unsigned ldt_nr;                           /* entries */
    unsigned ldt_mapped;                       /* bit per page of the shadow LDT that is present */
    mfn_t ldt_frames[16];                      /* valid where ldt_mapped is set */

    /* --- identity, state -------------------------------------------------------------------- */
    unsigned id;
    unsigned flags;           /* VPF_*, atomic bit operations */
    unsigned pause_count;     /* atomic; may not run while it is not 0 */
    bool paused_for_shutdown; /* one of the pauses is domain_shutdown()'s; d->shutdown_lock */
    struct vcpu_sched sched;  /* sched/sched.h: processor, runstate, policy data */

    /* --- events (domain/evtchn.c) ------------------------------------------------------------- */
    uint16_t virq_port[NR_VIRQS]; /* guarded by the domain's event lock */
    int poll_port;                /* SCHEDOP_poll: 0 = several (see poll mask), >0 = the only one */
    unsigned irq_cpu;             /* where its physical interrupts are sent */
    mfn_t vcpu_info_mfn;          /* registered frame, INVALID_MFN while in shared_info */

    /* --- time (time/, domain/vcpu.c) ---------------------------------------------------------- */
    struct timer singleshot, periodic, poll_timer;
    uint64_t periodic_ns;
    uint64_t runstate_guest; /* guest linear address registered, 0: none */
    uint64_t time_guest;     /* register_vcpu_time_memory_area, 0: none */
    struct vcpu_time_state {
        uint64_t tsc_stamp;
        uint32_t version;
    } time;

    /* --- long operations: what a preempted call of this vCPU left half done ------------------ */
    struct frame *deferred; /* old page table whose demotion is not finished (pv/mmu_call.h) */
};

enum domain_dying { DOMDYING_NO, DOMDYING_DYING, DOMDYING_DEAD };

struct domain {
    struct mem_owner mem;   /* must be first: mem/ sees a domain only as this */
    uint64_t vm_assist;     /* bits VMASST_TYPE_*, atomic; second, since pv/entry.S reads it */
    unsigned refcnt;        /* atomic: one per holder; the last put frees the structure */
    struct list_head list;  /* all domains, by id; under domain_list_lock */
    struct work free_work;  /* runs domain_free() when refcnt has reached 0 */
    bool is_control;        /* dom0 */
    bool is_xenstore;       /* XEN_DOMCTL_CDF_xs_domain */
    bool restricted;        /* its vCPUs run on restricted roots (pv/restricted.c) */
    bool creation_finished; /* has been unpaused once: its CPU policy and limits are fixed */
    enum domain_dying dying;
    unsigned relinquish_step;   /* domain/destroy.c: where death resumes */
    uint64_t relinquish_cursor; /* within a step */

    /* domain.lock: life cycle, domctl */
    spinlock_t lock;
    uint8_t handle[16];
    unsigned max_vcpus;
    struct vcpu *vcpu[MAX_VCPUS];
    bool nodes_given;        /* setnodeaffinity: mem.nodes does not follow the vCPUs */
    unsigned pause_by_tools; /* XEN_DOMCTL_pausedomain count; a new domain has one */

    spinlock_t pause_lock; /* irqsave; nests outside run queue locks */
    unsigned pause_count;  /* what each vCPU's pause_count holds for the whole domain */
    bool paused_for_audit; /* domain/inspect.c: one of those pauses is its */

    spinlock_t shutdown_lock; /* irqsave; nests outside pause_lock */
    bool is_shut_down, is_shutting_down;
    uint8_t shutdown_code; /* SHUTDOWN_*, or SHUTDOWN_CODE_INVALID */
    uint32_t suspend_port; /* XEN_DOMCTL_subscribe: told of a suspend instead of VIRQ_DOM_EXC */

    struct xen_arch_domainconfig arch_config;
    int64_t time_offset_s;

    struct shared_info *shared_info; /* hypervisor mapping; MFN through frame_of() */
    mfn_t shared_info_mfn;

    struct evtchn_table evtchn; /* own locks, see domain/evtchn.h */
    struct grant_table gnt;     /* own lock, see domain/grant.h */
    struct sched_domain sched;

    struct rangeset *ioports, *irqs; /* permissions; NULL: none */
    uint32_t pci_address;            /* what the guest last wrote to port 0xcf8, pv/ports.c */
    uint8_t rtc_index;               /* and to 0x70 */
    struct pirq_table *pirqs;        /* dom0: GSI and MSI lines bound to ports, domain/irq.c */
    uint64_t poll_mask;              /* vCPUs in SCHEDOP_poll */

    struct e820_entry *memory_map; /* XENMEM_set_memory_map; under lock */
    unsigned nr_memory_map;
    struct { /* SCHEDOP_watchdog */
        struct timer timer[2];
        uint32_t in_use;
    } watchdog;
    bool tsc_emulated;      /* settscinfo: RDTSC traps and ticks at tsc_khz_guest */
    uint64_t tsc_khz_guest; /* 0: the machine's */
    uint32_t tsc_mode, tsc_incarnation;
    struct cpu_policy *cpu_policy; /* pv/cpu_policy.h: what CPUID and MSRs this domain sees */
    struct guest_console *console; /* hypercall/console_io.c: a guest's line under way, or NULL */
    const char *crash_reason;
};

extern struct domain *dom0;
extern spinlock_t domain_list_lock;
extern struct list_head domain_list;

/* The running vCPU of this CPU; the idle vCPU belongs to the idle domain (DOMID_IDLE 0x7fff). */
#include "cpu/cpu_info.h"
static inline struct vcpu *current_vcpu(void)
{
    return cpu_info()->current;
}
#define current        current_vcpu()
#define current_domain (current->domain)

/* For trace records: domain << 16 | vCPU. */
static inline uint32_t vcpu_number(const struct vcpu *v)
{
    return (uint32_t)v->domain->mem.id << 16 | v->id;
}
static inline bool is_idle_vcpu(const struct vcpu *v)
{
    return v->domain->mem.id == DOMID_IDLE;
}
static inline struct domain *owner_domain(struct mem_owner *o)
{
    return (struct domain *)o;
}

#define for_each_vcpu(d, v)                                                                        \
    for (unsigned i_##v = 0; i_##v < (d)->max_vcpus; i_##v++)                                      \
        if (((v) = (d)->vcpu[i_##v]))

/* --- domain/registry.c: which domains there are --------------------------------------------- */
/* Finds a domain and takes a reference; NULL when there is none.  Pair with domain_put(). */
struct domain *domain_get_by_id(domid_t id);
/* The domain with the lowest id >= `id`, referenced; NULL when there is none.  For lists: ask with
 * the id found plus one for the next.  The idle domain is not among them. */
struct domain *domain_get_next(unsigned id);
/* A further reference on a domain that may be on its way out: false when it is. */
bool domain_get(struct domain *d);
/* Drops one.  The last one frees the structure, later, from a softirq: any context. */
void domain_put(struct domain *d);
/*
 * Resolves DOMID_SELF and one's own id, and for the control domain any other; *out referenced.  0,
 * -ESRCH, -EPERM.
 */
int domain_resolve(domid_t id, struct domain **out);
/* Permission rule: may `current` act on `d` (its own domain, or it is the control domain)?  0, or
 * -EPERM with a reason. */
int domain_may_control(const struct domain *d);

/* For domain.c alone: enters a complete domain (-EEXIST: the id is taken; -ENOMEM), removes it. */
int domain_register(struct domain *d);
void domain_unregister(struct domain *d);

/* --- domain/domain.c: creation --------------------------------------------------------------- */
/* Paused once by tools, without vCPUs and frames.  -EINVAL, -EEXIST, -ENOMEM... *out unreferenced:
 * the caller may use it until something can kill it (domctl: as long as it holds its lock). */
int domain_create(domid_t id, const struct xen_domctl_createdomain *cfg, struct domain **out);
/* Down and uninitialised.  id < d->max_vcpus, not used before.  0, -EINVAL, -EEXIST, -ENOMEM. */
int vcpu_create(struct domain *d, unsigned id, struct vcpu **out);

/* --- domain/destroy.c: death ----------------------------------------------------------------- */
/* Frees step by step; -ERESTART when work is pending and time is up, 0 when dead.  Not for the
 * caller's own domain. */
int domain_kill(struct domain *d);
/* The last reference is gone (registry.c). */
void domain_free(struct domain *d);
/* --- domain/pause.c -------------------------------------------------------------------------- */
void domain_pause(struct domain *d); /* waits until no vCPU of d but current runs */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
/* XEN_DOMCTL_pausedomain, unpausedomain: counted.  -EINVAL: own domain, or not paused. */
int domain_pause_by_tools(struct domain *d);
int domain_unpause_by_tools(struct domain *d);
void vcpu_pause(struct vcpu *v); /* waits until v does not run; not for current */
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

/* --- domain/shutdown.c ----------------------------------------------------------------------- */
void domain_shutdown(struct domain *d, uint8_t reason); /* SHUTDOWN_*; dom0's ends the machine */
/* Undoes a shutdown (resume after a suspend that was cancelled, or live save). */
void domain_resume(struct domain *d);
/*
 * The guest cannot sensibly go on: prints why, dumps the vCPU, shuts the domain down as crashed.
 * Returns; the caller unwinds and the vCPU does not run again.
 */
void domain_crash(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tells whom it concerns (dom0, or the domain that XEN_DOMCTL_set_virq_handler named). */
void send_global_virq(unsigned virq);
int set_global_virq_handler(struct domain *d, unsigned virq);
/* How many it handles by that; each holds a reference on d. */
unsigned nr_global_virqs(const struct domain *d);
/* d is dying: it handles no VIRQ of the machine any more. */
void clear_global_virq_handlers(struct domain *d);
