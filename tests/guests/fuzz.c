/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hypercalls from an unprivileged domain with two vCPUs that share all they have.  The first
 * domain builds it, lets it run, looks after it, and every so many calls throws it away and builds
 * the next one with the next seed; so each life also ends in the middle of whatever it was doing.
 * The audit must be clean in the middle of each life and after it, and the memory free again.
 *
 * The calls are those of fuzzer/rows.c.  The run counts which succeeded, and fails for a
 * sub-operation that is offered to such a domain and never did, and for one that is dom0's and did.
 * Only `wild` calls touch what the domain needs to live: in every second life, since such a domain
 * may go on with a table of calls that it has overwritten itself, and then proves nothing.
 *
 * Options: calls=N in all (150000), seed=N (1), tell (the last calls of a domain that dies).
 * A failure tells the seed of the life that failed.
 */
#include "fuzzer/fuzzer.h"
#include "second.h"
#include "test.h"

#define NR_PLAY        32
#define CALLS_PER_LIFE 12000
#define AUDIT_EVERY    4000
#define STALL_NS       400000000UL /* no call in so long: the domain has tied itself up */
#define NR_VCPUS       2

const bool fuzz_is_dom0;

/* --- the second domain --------------------------------------------------------------------------
 */

extern char _text[];

/* Pages to play with: data, tables, descriptor pages, holes, as the calls will have it. */
static uint8_t play[NR_PLAY][PAGE_SIZE] __attribute__((aligned(4096)));
static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));

static struct fuzzer fuzzers[NR_VCPUS];
static struct counts counts[NR_VCPUS];
static uint8_t stacks[NR_VCPUS][8192] __attribute__((aligned(4096)));
static uint64_t shared_frame, start_time;
static struct vcpu_guest_context context, contexts[NR_VCPUS]; /* for vCPU 1 */

/* Where the hypervisor enters: go on, after a fault at the address in r15, with events masked. */
void fuzz_fault(void), fuzz_fault_code(void), fuzz_event(void);
__asm__(".text\n"
        "fuzz_fault_code: pop %rcx; pop %r11; add $8, %rsp; jmp 1f\n"
        "fuzz_fault: pop %rcx; pop %r11; 1: push %rax; mov %r15, %rax; sub 8(%rsp), %rax\n"
        "cmp $64, %rax; jb 2f; lock incl fuzz_strayed(%rip); 2: pop %rax\n" /* not at a store */
        "mov %r15, (%rsp); jmp fuzz_iret\n"
        "fuzz_event: pop %rcx; pop %r11\n"
        "fuzz_iret: andl $~0x200, 16(%rsp)\n"
        "push $0; push %rcx; push %r11; push %rax\n"
        "mov $23, %eax; syscall; ud2\n");

static unsigned page_number(struct fuzzer *f)
{
    return fuzz_below(f, 4) ? f->at % NR_PLAY : fuzz_below(f, NR_PLAY);
}

static uint64_t own_frame(unsigned page)
{
    return ctl.mfns[image_page(play[page])];
}

/* A page of the image that it needs to live; but what it counts shall be true. */
static uint64_t vital_frame(struct fuzzer *f)
{
    unsigned page = fuzz_below(f, 64);

    return page - image_page(counts) < NR_VCPUS ? 0 : ctl.mfns[page];
}

uint64_t fuzz_frame(struct fuzzer *f)
{
    switch (fuzz_below(f, 32)) {
    case 0: return ctl.tables[fuzz_below(f, SECOND_TABLES)];
    case 1: return shared_frame;
    case 2:
    case 3: return f->frames[fuzz_below(f, ARRAY_SIZE(f->frames))];
    case 4: return fuzz_below(f, 1024);
    case 5: return f->wild ? vital_frame(f) : own_frame(fuzz_below(f, NR_PLAY));
    case 6: return fuzz_anything(f);
    default: return own_frame(page_number(f));
    }
}

uint64_t fuzz_address(struct fuzzer *f)
{
    return (uint64_t)play[page_number(f)];
}

uint64_t fuzz_grant_address(struct fuzzer *f)
{
    return fuzz_address(f);
}

/* The machine address of an entry: of a play page's mapping, or in a play page that is a table. */
uint64_t fuzz_entry_address(struct fuzzer *f)
{
    uint64_t va = fuzz_address(f);

    if (f->wild)
        return ctl.tables[fuzz_below(f, SECOND_TABLES)] * PAGE_SIZE + fuzz_below(f, 512) * 8 +
               fuzz_below(f, 5);
    if (fuzz_below(f, 2))
        return own_frame(page_number(f)) * PAGE_SIZE + fuzz_below(f, 512) * 8 +
               fuzz_below(f, 2) * (2 + fuzz_below(f, 2));
    return ctl.tables[3 + (L1_SLOT((uint64_t)_text) + image_page((void *)va)) / 512] * PAGE_SIZE +
           L1_SLOT(va) * 8 + fuzz_below(f, 2) * (2 + fuzz_below(f, 2));
}

uint64_t fuzz_word_address(struct fuzzer *f)
{
    return own_frame(page_number(f)) * PAGE_SIZE + fuzz_below(f, 512) * 8;
}

uint64_t fuzz_handler(struct fuzzer *f)
{
    return f->wild ? fuzz_anything(f) : (uint64_t)fuzz_event;
}

uint16_t fuzz_domain(struct fuzzer *f, char kind)
{
    static const domid_t others[] = {0, 1, 2, 3, 0x7ff1, 0x7ff2, 0x7ff4, 0xffff};

    if (kind == 'y' && fuzz_below(f, 16))
        return arg.in[1];
    return kind != 'w' && fuzz_below(f, 6) ? DOMID_SELF : others[fuzz_below(f, ARRAY_SIZE(others))];
}

/* A context for vCPU 1, as it is or with something changed. */
uint64_t fuzz_bulk(struct fuzzer *f, char kind)
{
    uint64_t *words = (uint64_t *)&contexts[f - fuzzers];
    unsigned at = fuzz_below(f, sizeof(contexts[0]) / 8);

    if (kind != 'X')
        return (uint64_t)f->list;
    memcpy(words, &context, sizeof(context));
    if (fuzz_below(f, 2)) { /* mostly where frames are named */
        if (fuzz_below(f, 2))
            at = offsetof(struct vcpu_guest_context, ctrlreg) / 8 + fuzz_below(f, 8);
        words[at] = fuzz_below(f, 2) ? fuzz_frame(f) * PAGE_SIZE : fuzz_anything(f);
    }
    return (uint64_t)words;
}

uint64_t fuzz_time(struct fuzzer *f)
{
    return fuzz_below(f, 4) ? start_time + fuzz_random(f) % 4000000000UL
                            : 1000000 + fuzz_random(f) % 100000000;
}

/* Grant entries change under the hypervisor's eyes, as a guest may have it. */
static void change_grant(struct fuzzer *f)
{
    struct grant_entry_v1 *e = &table[8 + fuzz_below(f, 24)];

    e->domid = fuzz_below(f, 3) ? arg.in[1] : fuzz_below(f, 2) ? 0 : fuzz_domain(f, 'd');
    e->frame = (uint32_t)fuzz_frame(f);
    e->flags = fuzz_below(f, 16) ? GTF_permit_access | (fuzz_below(f, 2) ? GTF_readonly : 0)
                                 : fuzz_random(f);
}

/* A store to a page of whatever type: plain memory, a table (emulated), or nothing (a fault). */
bool fuzz_store(struct fuzzer *f)
{
    uint64_t *to = (uint64_t *)fuzz_address(f) + fuzz_below(f, 512);
    uint64_t value = fuzz_frame(f) * PAGE_SIZE | (fuzz_below(f, 3) ? RO_FLAGS : RW_FLAGS);
    bool stored = false;

#define STORE(insn)                                                                                \
    __asm__ volatile("lea 1f(%%rip), %%r15; " insn "; movb $1, %0; 1:"                             \
                     : "+m"(stored), "+m"(*to), "+a"(value)                                        \
                     : "r"(value), "r"(to)                                                         \
                     : "r15", "cc")
    switch (fuzz_below(f, 5)) {
    case 0: STORE("mov %3, (%4)"); break;
    case 1: STORE("lock cmpxchg %3, (%4)"); break;
    case 2: STORE("lock btrq $1, (%4)"); break;
    case 3: STORE("movl %k3, 4(%4)"); break;
    default: STORE("xchg %%rax, (%4)"); break;
    }
    return stored;
}

bool fuzz_may(struct fuzzer *f, const struct row *row, uint64_t *nr, uint64_t a[5])
{
    if (!fuzz_below(f, 4))
        change_grant(f);
    return true;
}

void fuzz_done(struct fuzzer *f, const struct row *row, bool fine)
{
}

static void fuzz(unsigned n)
{
    struct fuzzer *f = &fuzzers[n];

    f->random = arg.in[2] * 0x9e3779b97f4a7c15UL + n + 1;
    f->daring = arg.in[2] & 1;
    fuzz_hide_hole(f);
    for (;;)
        fuzz_one_call(f, &counts[n]);
}

static void second_vcpu(void)
{
    fuzz(1);
}

/* The grant table mapped, handlers in place, the other vCPU started: then at random. */
static void second_main(void)
{
    static struct trap_info traps[33];
    xen_pfn_t grants = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&grants};

    shared_frame = arg.in[0];
    start_time = arg.in[3];
    for (unsigned i = 0; i < 32; i++)
        traps[i] =
            (struct trap_info){(uint8_t)i, 0, FLAT_KERNEL_CS,
                               (uint64_t)(0x60227d00 >> i & 1 ? fuzz_fault_code : fuzz_fault)};
    hc_set_trap_table(traps);
    hc_set_callbacks(fuzz_event, fuzz_event, fuzz_event);
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    hc_update_va(table, grants * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    context.flags = VGCF_IN_KERNEL;
    context.user_regs.rip = (uint64_t)second_vcpu;
    context.user_regs.rsp = (uint64_t)stacks[1] + sizeof(stacks[1]) - 8;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.event_callback_eip = (uint64_t)fuzz_event;
    context.failsafe_callback_eip = (uint64_t)fuzz_event;
    memcpy(context.trap_ctxt, traps, sizeof(traps));
    context.ctrlreg[3] = ctl.tables[0] * PAGE_SIZE;
    if (arg.in[2] % 4) { /* else it is for the calls to find out how to start one */
        hc_vcpu_op(VCPUOP_initialise, 1, &context);
        hc_vcpu_op(VCPUOP_up, 1, 0);
    }
    fuzz(0);
}

/* --- the first domain ---------------------------------------------------------------------------
 */

static const struct counts *their_counts(unsigned n)
{
    return (const struct counts *)(SECOND_WINDOW + (4 + n) * PAGE_SIZE);
}

/* What the domain needs to know before it runs; it is paused or waits for ctl.command. */
static bool brief(uint64_t seed)
{
    for (unsigned n = 0; n < NR_VCPUS; n++)
        if (second_show(4 + n, second_frames[SECOND_TABLES + image_page(&counts[n])]))
            return false;
    if (second_domctl(XEN_DOMCTL_getdomaininfo))
        return false;
    their_arg->in[0] = second_op.u.getdomaininfo.shared_info_frame;
    their_arg->in[1] = second;
    their_arg->in[2] = seed;
    their_arg->in[3] = system_time();
    __atomic_store_n(&their_ctl->command, 1, __ATOMIC_SEQ_CST);
    return true;
}

static void wait_for_brief(void)
{
    while (!__atomic_load_n(&ctl.command, __ATOMIC_SEQ_CST))
        hc_sched_op(SCHEDOP_yield, 0);
    second_main();
}

static void tell(void)
{
    fuzz_tell_last("v0", their_counts(0));
    fuzz_tell_last("v1", their_counts(1));
}

/* Lets the domain run until it has made its calls, is dead, or stands still; audits meanwhile. */
static void watch(void)
{
    uint64_t last = 0, since = system_time(), audit = AUDIT_EVERY;

    for (;;) {
        uint64_t done = their_counts(0)->all + their_counts(1)->all;

        if (done >= CALLS_PER_LIFE || system_time() - since > STALL_NS)
            return;
        if (done >= audit) {
            if (on_pavis)
                EXPECT(audit_clean());
            audit += AUDIT_EVERY;
            since = system_time();
        }
        if (done != last) {
            last = done;
            since = system_time();
        }
        if (second_domctl(XEN_DOMCTL_getdomaininfo) ||
            second_op.u.getdomaininfo.flags & XEN_DOMINF_shutdown) {
            if (cmdline_has("tell"))
                tell();
            return;
        }
        hc_sched_op(SCHEDOP_yield, 0);
    }
}

static uint64_t tried[MAX_ROWS], fine[MAX_ROWS];

static uint64_t one_life(uint64_t seed)
{
    uint64_t done = 0;

    if (!second_setup(wait_for_brief) || !brief(seed)) {
        EXPECT(!"the second domain could not be built");
        return 0;
    }
    watch();
    for (unsigned n = 0; n < NR_VCPUS; n++) {
        const struct counts *c = their_counts(n);

        if (c->broken && !(seed & 1))
            test_fail(TEST_WHERE, "%s succeeded, which is dom0's", rows[c->broken - 1].name);
        done += c->all;
        fuzz_sum(c, tried, fine);
        second_show(4 + n, 0);
    }
    if (on_pavis)
        EXPECT(audit_clean()); /* in the middle of it, both vCPUs running */
    second_destroy();
    for (uint64_t end = system_time() + 2000000000; system_time() < end;)
        if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            break;
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    if (on_pavis)
        EXPECT(audit_clean());
    return done;
}

/* Random calls of an unprivileged domain harm nobody, whatever they leave behind; each
 * sub-operation that such a domain may use succeeds now and then, and none that it may not. */
static void test_unprivileged(void)
{
    uint64_t calls = fuzz_option("calls=", 150000), seed = fuzz_option("seed=", 1);
    uint64_t before = 0, done = 0;
    unsigned lives = 0;

    for (; done < calls && !test_failed(); lives++) {
        uint64_t now = one_life(seed + lives);

        done += now;
        if (lives == 1)
            before = machine_free_pages();
        if (test_failed())
            print("# life with seed=%lu failed after %lu calls\n", seed + lives, now);
    }
    print("# %lu calls in %u lives\n", done, lives);
    fuzz_judge(tried, fine, OK, done >= 100000);
    /* Every life has a number of its own, and two tables by number have a page for 512 each. */
    const uint64_t kept = on_pavis ? 2UL * ((lives + 1) / 512) : 64;
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (machine_free_pages() + kept >= before)
            break;
    EXPECT(machine_free_pages() + kept >= before);
}

TESTS("fuzz", T(unprivileged));
