/* SPDX-License-Identifier: GPL-2.0-only */
/* Attacks from a second domain: see attack.h. */
#include "attack.h"

extern char _text[], _end[];

#define P2M_ENTRIES 1024 /* pseudo-physical numbers of the image and its tables */
#define ATTACK_NS   20000000000UL

/* --- in the second domain -----------------------------------------------------------------------
 */

static uint64_t second_p2m[P2M_ENTRIES] __attribute__((aligned(4096)));
static struct start_info second_info;
static uint8_t race_stack[8192] __attribute__((aligned(4096)));

static bool add_frame(uint64_t pfn, uint64_t mfn)
{
    if (pfn >= P2M_ENTRIES)
        return false;
    second_p2m[pfn] = mfn;
    return mmu_update1(mfn * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn) == 0;
}

/* The image and, behind it, the tables (read-only) at addresses that fit P2M and M2P, so that
 * lib/mm.c finds its way. */
static bool settle(void)
{
    uint64_t first = pfn_of(_text), nr = (uint64_t)(_end - _text) / PAGE_SIZE;
    bool fine = nr <= sizeof(ctl.mfns) / sizeof(ctl.mfns[0]);

    start_info = &second_info;
    second_info.mfn_list = (uint64_t)second_p2m;
    second_info.pt_base = (uint64_t)_end;
    second_info.nr_pages = first + nr + SECOND_TABLES;
    second_info.cmd_line[0] = 0;
    for (uint64_t i = 0; i < nr; i++)
        fine &= add_frame(first + i, ctl.mfns[i]);
    for (uint64_t i = 0; i < SECOND_TABLES; i++) {
        fine &= add_frame(first + nr + i, ctl.tables[i]);
        fine &= !set_va(_end + i * PAGE_SIZE, ctl.tables[i] * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
    }
    fine &= !set_va(shared_info, arg.in[0] * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    return fine;
}

static void second_main(void)
{
    void (*body)(void);

    while (!__atomic_load_n(&ctl.command, __ATOMIC_SEQ_CST))
        hc_sched_op(SCHEDOP_yield, 0);
    body = (void (*)(void))arg.in[1];
    if (!settle()) {
        format(arg.text, sizeof(arg.text), "the attacker's domain could not settle");
    } else {
        vcpu0 = NULL;
        trap_init();
        arg.text[0] = 0;
        if (!test_call(body))
            memcpy(arg.text, test_reason(), sizeof(arg.text));
    }
    ctl.done = 1;
    for (;;)
        hc_sched_op(SCHEDOP_yield, 0);
}

/* Handlers of vCPU 1. */
void race_fault(void), race_fault_code(void);
__asm__(".text\n"
        "race_fault_code: pop %rcx; pop %r11; add $8, %rsp; mov %r15, (%rsp); jmp 1f\n"
        "race_fault: pop %rcx; pop %r11; mov %r15, (%rsp)\n"
        "1: push $0; push %rcx; push %r11; push %rax\n"
        "mov $23, %eax; syscall; ud2\n"); /* __HYPERVISOR_iret */

bool attack_start(void (*run)(void))
{
    static struct vcpu_guest_context c;

    memset(&c, 0, sizeof(c));
    c.flags = VGCF_IN_KERNEL;
    c.user_regs.rip = (uint64_t)run;
    c.user_regs.rsp = (uint64_t)race_stack + sizeof(race_stack) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.kernel_ss = FLAT_KERNEL_SS;
    c.kernel_sp = c.user_regs.rsp;
    c.event_callback_eip = c.failsafe_callback_eip = (uint64_t)race_fault;
    for (unsigned i = 0; i < 32; i++) /* the second kind pushes an error code */
        c.trap_ctxt[i] =
            (struct trap_info){(uint8_t)i, 0, FLAT_KERNEL_CS,
                               (uint64_t)(0x60227d00 >> i & 1 ? race_fault_code : race_fault)};
    c.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
    return hc_vcpu_op(VCPUOP_initialise, 1, &c) == 0 && hc_vcpu_op(VCPUOP_up, 1, 0) == 0;
}

void attack_wait(unsigned ms)
{
    uint64_t end = system_time() + ms * 1000000UL;

    while (system_time() < end)
        ;
}

volatile bool race_stop;
static volatile bool race_stopped;

bool race_end(void)
{
    uint64_t end = system_time() + 2000000000;

    race_stop = true;
    while (!race_stopped && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return race_stopped;
}

void race_rest(void)
{
    race_stopped = true;
    for (;;)
        hc_sched_op(SCHEDOP_yield, 0);
}

volatile uint64_t *volatile race_page;
volatile uint64_t race_stores;

void race_writer(void)
{
    for (;;) {
        uint64_t number = race_stores << 33 & 0xf7e00000000;
        bool done = false;

        __asm__ volatile(RACE_AT(1f) "movq %1, 4(%2)\n\tmovb $1, %0\n1:"
                         : "+m"(done)
                         : "r"(number), "r"(race_page)
                         : "r15", "memory");
        if (done)
            race_stores++;
    }
}

bool race_is_running(void)
{
    uint64_t end = system_time() + 1000000000, before = race_stores;

    while (race_stores == before && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return race_stores != before;
}

bool stays(const void *page)
{
    const volatile uint64_t *word = (const volatile uint64_t *)page + 1;
    uint64_t end = system_time() + 3000000, before = *word;

    while (system_time() < end)
        if (*word != before)
            return false;
    return true;
}

/* --- in the first -------------------------------------------------------------------------------
 */

static uint32_t second_flags(void)
{
    return second_domctl(XEN_DOMCTL_getdomaininfo) ? XEN_DOMINF_shutdown
                                                   : second_op.u.getdomaininfo.flags;
}

/* Sleeps, so that the attacker has the processors. */
static void doze(void)
{
    struct sched_poll poll = {.timeout = system_time() + 1000000};

    hc_sched_op(SCHEDOP_poll, &poll);
}

static void watch(unsigned how)
{
    bool deadly = how & ATTACK_DEADLY;
    uint64_t end = system_time() + ATTACK_NS;
    uint32_t flags;

    while (!their_ctl->done && !((flags = second_flags()) & XEN_DOMINF_shutdown)) {
        if (system_time() > end) {
            test_fail(TEST_WHERE, "the attacker does not come to an end");
            return;
        }
        if (how & ATTACK_SPIN)
            attack_wait(50);
        else
            doze();
    }
    if (their_ctl->done && their_arg->text[0])
        test_fail(TEST_WHERE, "attacker %s", their_arg->text);
    else if (their_ctl->done && deadly)
        test_fail(TEST_WHERE, "the attacker's domain lives");
    else if (!their_ctl->done && !deadly)
        test_fail(TEST_WHERE, "the attacker's domain ended");
}

static bool wait_gone(void)
{
    for (uint64_t end = system_time() + 2000000000; system_time() < end; doze())
        if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            return true;
    return false;
}

void attack_run(void (*body)(void), unsigned how)
{
    uint64_t *victim = page_alloc();
    struct evtchn_alloc_unbound alloc = {DOMID_SELF, 0, 0}; /* for ourselves */
    struct evtchn_close close;

    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        victim[i] = VICTIM_WORD;
    if (!on_pavis) { /* elsewhere other numbers, and other things are allowed */
        test_skip("expects the errors of this hypervisor");
        return;
    }
    REQUIRE_RC(hc_event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    if (!second_setup(second_main))
        return;
    REQUIRE_RC(second_domctl(XEN_DOMCTL_getdomaininfo), 0);
    their_arg->in[0] = second_op.u.getdomaininfo.shared_info_frame;
    their_arg->in[1] = (uint64_t)body;
    their_arg->in[2] = mfn_of(victim);
    their_arg->in[3] = mfn_of(second_window.l1);
    their_arg->in[4] = alloc.port;
    their_arg->in[5] = second;
    __atomic_store_n(&their_ctl->command, 1, __ATOMIC_SEQ_CST);
    watch(how);
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        EXPECT_EQ(victim[i], VICTIM_WORD);
    EXPECT(second_destroy());
    EXPECT(wait_gone());
    EXPECT(!on_pavis || audit_clean());
    close.port = alloc.port;
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
    page_free(victim);
}
