/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second vCPU: made, started, stopped and started again; what two vCPUs do to each other.  Needs
 * a domain with two; runs with one processor (they take turns) and with two.
 */
#include "abi/sysctl.h"
#include "test.h"

static struct vcpu_guest_context ctxt;
static uint8_t stack[16384] __attribute__((aligned(4096)));
static volatile uint64_t counter;
static volatile unsigned command, answer;

enum { STOP = 1, COUNT, IPI_BACK, TOUCH, DOWN, SLEEP, WATCH };

static volatile uint64_t touch_address, touch_value;
static volatile unsigned turn, turns_seen;
static unsigned ipi_to_0;

/* What vCPU 1 does: poll for commands.  It has no event callback of its own and keeps its mask set.
 */
static void second(void)
{
    struct evtchn_send send;
    struct sched_poll sleep = {0}; /* for no port */

    for (;;) {
        switch (command) {
        case COUNT: counter++; break;
        case IPI_BACK:
            send.port = ipi_to_0;
            hc_event_op(EVTCHNOP_send, &send);
            command = 0;
            break;
        case TOUCH:
            touch_value = *(volatile uint64_t *)touch_address;
            command = 0;
            break;
        case WATCH: /* touches at each turn, without a call in between */
            while (command == WATCH)
                if (turns_seen != turn) {
                    touch_value = *(volatile uint64_t *)touch_address;
                    turns_seen = turn;
                }
            break;
        case SLEEP: /* unlike SCHEDOP_block leaves the mask set */
            /* In Xen an NMI that comes just before the sleep does not end it. */
            sleep.timeout = on_pavis ? ~0UL >> 1 : system_time() + 50000000;
            hc_sched_op(SCHEDOP_poll, &sleep);
            break;
        case DOWN:
            command = 0;
            answer = 1;
            hc_vcpu_op(VCPUOP_down, 1, 0);
            answer = 2;
            break;
        default: hc_sched_op(SCHEDOP_yield, 0); break;
        }
    }
}

static bool wait_for(volatile unsigned *what, unsigned value, unsigned long ms)
{
    uint64_t end = system_time() + ms * 1000000;

    while (*what != value) {
        if (system_time() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

static bool count_moves(void)
{
    uint64_t before = counter, end = system_time() + 2000000000;

    while (counter == before && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return counter != before;
}

static bool count_moves_after(unsigned what)
{
    bool moves;

    command = what;
    moves = count_moves();
    command = 0;
    return moves;
}

static void fill_context(void)
{
    memset(&ctxt, 0, sizeof(ctxt));
    ctxt.flags = VGCF_IN_KERNEL;
    ctxt.user_regs.rip = (uint64_t)ap_start;
    ctxt.user_regs.rdi = (uint64_t)second;
    ctxt.user_regs.rsp = (uint64_t)stack + sizeof(stack);
    ctxt.user_regs.cs = FLAT_KERNEL_CS;
    ctxt.user_regs.ss = FLAT_KERNEL_SS;
    ctxt.kernel_ss = FLAT_KERNEL_SS;
    ctxt.kernel_sp = (uint64_t)stack + sizeof(stack);
    ctxt.event_callback_eip = (uint64_t)event_entry;
    ctxt.failsafe_callback_eip = (uint64_t)failsafe_entry;
    ctxt.syscall_callback_eip = (uint64_t)syscall_entry;
    ctxt.trap_ctxt[2] = (struct trap_info){2, 0, FLAT_KERNEL_CS, (uint64_t)nmi_entry};
    ctxt.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
}

static bool have_two(void)
{
    if (hc_vcpu_op(VCPUOP_is_up, 1, 0) >= 0)
        return true;
    test_skip("one vCPU only");
    return false;
}

/* VCPUOP_initialise checks what it is given, and takes it once. */
static void test_initialise(void)
{
    if (!have_two())
        return;
    EXPECT_RC(hc_vcpu_op(VCPUOP_up, 1, 0), -EINVAL); /* not initialised */
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    fill_context();
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 99, &ctxt), -ENOENT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, 0x1000), -EFAULT);
    ctxt.user_regs.rip = 0x800000000000;
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), -EINVAL);
    fill_context();
    ctxt.ctrlreg[3] = mfn_of(&ctxt) * PAGE_SIZE; /* no page table */
    EXPECT(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt) < 0);
    fill_context();
    ctxt.gdt_ents = 10000;
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), -EINVAL);
    fill_context();
    /* Frame 0 is nobody's table, and must not pass for "the same as the none that is there". */
    fill_context();
    ctxt.ctrlreg[3] = 0;
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), -EINVAL);
    fill_context();
    ctxt.ctrlreg[1] = 1;
    ctxt.flags = 0;
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), -EINVAL);
    fill_context();
    REQUIRE_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_initialise, 1, &ctxt), -EEXIST);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
}

/* It runs when it is told to, and not before. */
static void test_up(void)
{
    if (!have_two())
        return;
    command = COUNT;
    counter = 0;
    for (int i = 0; i < 100; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(counter, 0);
    REQUIRE_RC(hc_vcpu_op(VCPUOP_up, 1, 0), 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 1, 0), 1);
    EXPECT(count_moves());
    EXPECT_RC(hc_vcpu_op(VCPUOP_up, 99, 0), -ENOENT);
}

/* Two busy vCPUs both get on, even if they share a processor and neither ever yields. */
static void test_fair(void)
{
    uint64_t end, before, mine = 0;

    if (!have_two())
        return;
    command = COUNT;
    before = counter;
    end = system_time() + 400000000;
    while (system_time() < end)
        mine++;
    EXPECT(counter > before + 1000);
    EXPECT(mine > 1000);
    command = 0;
}

/* An IPI port can be bound for each vCPU, and sent from the other. */
static void test_ipi(void)
{
    struct evtchn_bind_ipi bind = {0, 0};
    struct evtchn_close close;

    if (!have_two())
        return;
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_ipi, &bind), 0);
    ipi_to_0 = close.port = bind.port;
    event_count[ipi_to_0] = 0;
    __atomic_fetch_and(&shared_info->evtchn_mask[ipi_to_0 / 64], ~(1UL << ipi_to_0 % 64),
                       __ATOMIC_SEQ_CST);
    for (unsigned i = 1; i <= 10; i++) {
        command = IPI_BACK;
        EXPECT(event_wait(ipi_to_0, i, 5000));
        EXPECT(wait_for(&command, 0, 5000)); /* or it would undo the next command */
    }
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
    bind.vcpu = 1;
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_ipi, &bind), 0);
    close.port = bind.port;
    __atomic_fetch_and(&shared_info->evtchn_mask[bind.port / 64], ~(1UL << bind.port % 64),
                       __ATOMIC_SEQ_CST);
    EXPECT_RC(hc_event_op(EVTCHNOP_send, &close), 0);
    EXPECT_EQ(shared_info->vcpu_info[1].evtchn_upcall_pending, 1);
    EXPECT(shared_info->vcpu_info[1].evtchn_pending_sel & 1UL << bind.port / 64);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
}

/* A mapping that is changed with a flush on all vCPUs is changed for the other as well. */
static void test_remote_flush(void)
{
    struct tree tree;
    uint64_t *a = page_alloc(), *b = page_alloc();

    if (!have_two())
        return;
    a[0] = 0xa;
    b[0] = 0xb;
    REQUIRE(tree_make(&tree, 0x10000000000UL));
    touch_address = tree.va;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t *page = i & 1 ? b : a;

        EXPECT_RC(
            hc_update_va(tree.va, mfn_of(page) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG | UVMF_ALL), 0);
        command = TOUCH;
        EXPECT(wait_for(&command, 0, 2000));
        EXPECT_EQ(touch_value, page[0]);
    }
    EXPECT_RC(hc_update_va(tree.va, 0, UVMF_INVLPG | UVMF_ALL), 0);
    tree_drop(&tree);
    page_free(a);
    page_free(b);
}

/* A new or changed slot of the root is there for a vCPU that runs on it meanwhile and makes no
 * call: with restricted roots it runs on a copy. */
static void test_root_slots(void)
{
    struct tree tree[2];
    uint64_t *page = page_alloc();

    if (!have_two())
        return;
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(tree_make(&tree[i], (2UL + i) << 40));
        page[i] = 0xa0 + i;
        EXPECT_RC(hc_update_va(tree[i].va, mfn_of(page) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG), 0);
    }
    turn = turns_seen = 0;
    command = WATCH;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t slot = pte_machine(pte_of((4UL + i / 4) << 40, 4)), *l3 = tree[i & 1].l3;

        touch_address = ((4UL + i / 4) << 40) + (i & 1) * 8;
        EXPECT_RC(mmu_update1(slot, mfn_of(l3) * PAGE_SIZE | TABLE_FLAGS), 0);
        turn++;
        EXPECT(wait_for(&turns_seen, turn, 5000));
        EXPECT_EQ(touch_value, 0xa0 + (i & 1));
        if (i % 4 == 3)
            EXPECT_RC(mmu_update1(slot, 0), 0);
    }
    command = 0;
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_RC(hc_update_va(tree[i].va, 0, UVMF_INVLPG), 0);
        tree_drop(&tree[i]);
    }
    page_free(page);
}

/* Nanoseconds in 2^32 cycles. */
static uint64_t rate_of(unsigned vcpu)
{
    struct vcpu_time_info *t = &shared_info->vcpu_info[vcpu].time;

    return t->tsc_shift < 0 ? t->tsc_to_system_mul >> -t->tsc_shift
                            : (uint64_t)t->tsc_to_system_mul << t->tsc_shift;
}

/* Each vCPU has its own clock block, and they agree. */
static void test_clocks(void)
{
    if (!have_two())
        return;
    EXPECT(shared_info->vcpu_info[1].time.version != 0);
    uint64_t a = rate_of(0), b = rate_of(1);

    EXPECT(a < 2 * b && b < 2 * a); /* Xen measures each for itself, roughly on a loaded emulator */
}

static volatile unsigned nmis;

static bool nmi_hook(struct regs *regs)
{
    nmis += regs->vector == VECTOR_NMI;
    return regs->vector == VECTOR_NMI;
}

/* An NMI reaches a vCPU that runs, one that waits for its turn, and one that sleeps. */
static void test_nmi(void)
{
    if (!have_two())
        return;
    nmis = 0;
    trap_hook = nmi_hook;
    for (unsigned i = 1; i <= 20; i++) {
        command = i & 1 ? COUNT : i & 2 ? SLEEP : 0;
        for (unsigned j = 0; j < 10; j++)
            hc_sched_op(SCHEDOP_yield, 0);
        EXPECT_RC(hc_vcpu_op(VCPUOP_send_nmi, 1, 0), 0);
        EXPECT(wait_for(&nmis, i, 2000));
    }
    command = 0;
    EXPECT(count_moves_after(COUNT));
    trap_hook = NULL;
    EXPECT_EQ(nmis, 20);
}

/* Down stops it where it is; up goes on from there. */
static void test_down(void)
{
    uint64_t before;

    if (!have_two())
        return;
    answer = 0;
    command = DOWN;
    EXPECT(wait_for(&answer, 1, 2000));
    for (int i = 0; i < 1000 && hc_vcpu_op(VCPUOP_is_up, 1, 0) == 1; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    command = COUNT;
    before = counter;
    for (int i = 0; i < 100; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(counter, before);
    EXPECT_RC(hc_vcpu_op(VCPUOP_up, 1, 0), 0);
    EXPECT(count_moves());
    EXPECT_EQ(answer, 2);
    EXPECT_RC(hc_vcpu_op(VCPUOP_down, 1, 0), 0); /* from outside */
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    before = counter;
    for (int i = 0; i < 100; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(counter <= before + 1);
    EXPECT_RC(hc_vcpu_op(VCPUOP_up, 1, 0), 0);
    EXPECT(count_moves());
    EXPECT_RC(hc_vcpu_op(VCPUOP_down, 99, 0), -ENOENT);
    command = 0;
}

static unsigned processors(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    return HC_1(__HYPERVISOR_sysctl, &op) ? 2 : op.u.physinfo.nr_cpus;
}

static volatile unsigned failsafes;

static bool failsafe_hook(struct regs *regs)
{
    failsafes += regs->vector == VECTOR_FAILSAFE;
    return regs->vector == VECTOR_FAILSAFE;
}

/* A segment that has become invalid when a vCPU is switched in again leads to the failsafe
 * callback. */
static void test_failsafe(void)
{
    uint64_t *gdt = page_alloc(), frame = mfn_of(gdt), end;

    if (!have_two())
        return;
    if (processors() > 1)
        return; /* nobody is switched in again: the run with one processor does it */
    gdt[2] = 0x00cff3000000ffffUL;
    EXPECT_RC(page_readonly(gdt), 0);
    REQUIRE_RC(hc_set_gdt(&frame, 512), 0);
    failsafes = 0;
    trap_hook = failsafe_hook;
    __asm__ volatile("mov %0, %%fs" : : "r"(2 * 8 + 3));
    EXPECT_RC(hc_update_descriptor(frame * PAGE_SIZE + 16, 0), 0);
    command = COUNT;
    end = system_time() + 3000000000;
    while (!failsafes && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    command = 0;
    trap_hook = NULL;
    EXPECT_EQ(failsafes, 1);
    EXPECT_EQ(failsafe_selectors[2] & 0xffff, 2 * 8 + 3);
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    EXPECT_RC(hc_set_gdt(0, 0), 0);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* FPU and bases of one vCPU are not those of the other, however often they take turns. */
static void test_context(void)
{
    uint64_t end, value, base = 0x12340000;
    unsigned bad = 0;

    if (!have_two())
        return;
    command = COUNT;
    __asm__ volatile("movq %0, %%xmm7" : : "r"(0x3ff4000000000000UL));
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, base), 0);
    end = system_time() + 200000000;
    while (system_time() < end) {
        uint32_t lo, hi;

        hc_sched_op(SCHEDOP_yield, 0);
        __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
        bad += value != 0x3ff4000000000000UL;
        __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000100));
        bad += ((uint64_t)hi << 32 | lo) != base;
    }
    command = 0;
    EXPECT_EQ(bad, 0);
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, 0), 0);
}

TESTS("smp", T(initialise), T(up), T(fair), T(ipi), T(remote_flush), T(root_slots), T(clocks),
      T(context), T(nmi), T(down), T(failsafe));
