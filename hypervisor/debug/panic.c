/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stopping the machine with evidence: message, registers, symbolized backtrace, who was running
 * and whatever upper layers registered; then restart, or halt, by policy (cpu/machine.c).
 *
 * It must work from anywhere: no lock is taken, the log's is ignored, other CPUs are stopped by NMI
 * first.  A panic while one is under way says so and goes straight to the end: what could be
 * gathered has been printed.  The code has no frame pointers; the backtrace is every word on the
 * stack that points behind a call instruction, which may show a stale caller but never hides a true
 * one.
 */
#include "debug/panic.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/machine.h"
#include "debug/symbols.h"
#include "lib/string.h"

#define MAX_REPORTS     8
#define BACKTRACE_LINES 24

static struct {
    const char *title;
    void (*report)(void);
} reports[MAX_REPORTS];
static unsigned int nr_reports;
static unsigned int depth; /* of panics within panics; only the ending CPU counts */

extern const char image_start[], text_end[], boot_start[], boot_end[];

void panic_add_report(const char *title, void (*report)(void))
{
    if (nr_reports < MAX_REPORTS) {
        reports[nr_reports].title = title;
        reports[nr_reports].report = report;
        nr_reports++;
    }
}

void show_registers(const struct cpu_regs *r)
{
    printk(XENLOG_ERR "CPU: %u  vector: %u  error code: %04x\n", smp_cpu_id(), r->entry_vector,
           r->error_code);
    printk(XENLOG_ERR "RIP: %04lx:[<%016lx>] %pS\n", r->cs & 0xffff, r->rip, (void *)r->rip);
    printk(XENLOG_ERR "RFLAGS: %016lx   SS:RSP %04lx:%016lx\n", r->rflags, r->ss & 0xffff, r->rsp);
    printk(XENLOG_ERR "rax: %016lx   rbx: %016lx   rcx: %016lx\n", r->rax, r->rbx, r->rcx);
    printk(XENLOG_ERR "rdx: %016lx   rsi: %016lx   rdi: %016lx\n", r->rdx, r->rsi, r->rdi);
    printk(XENLOG_ERR "rbp: %016lx   r8:  %016lx   r9:  %016lx\n", r->rbp, r->r8, r->r9);
    printk(XENLOG_ERR "r10: %016lx   r11: %016lx   r12: %016lx\n", r->r10, r->r11, r->r12);
    printk(XENLOG_ERR "r13: %016lx   r14: %016lx   r15: %016lx\n", r->r13, r->r14, r->r15);
    printk(XENLOG_ERR "cr0: %016lx   cr4: %016lx   cr3: %016lx   cr2: %016lx\n", read_cr0(),
           read_cr4(), read_cr3(), read_cr2());
}

static bool is_code(uint64_t addr)
{
    return (addr >= (uint64_t)image_start && addr < (uint64_t)text_end) ||
           (addr >= (uint64_t)boot_start && addr < (uint64_t)boot_end);
}

/* The eight bytes before `addr`; false when they are not mapped (the boot's code, once it is gone).
 */
static bool read_before(uint64_t addr, uint8_t bytes[8])
{
    uint64_t word = 0;
    bool ok = false;

    __asm__ volatile("1: movq -8(%2), %0\n\t"
                     "movb $1, %1\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : "+r"(word), "+r"(ok)
                     : "r"(addr)
                     : "memory");
    memcpy(bytes, &word, sizeof(word));
    return ok;
}

/*
 * Whether the bytes before `addr` are a call: e8 rel32, or ff /2 with the lengths that its
 * addressing forms can have (2 to 7 with a prefix; Intel SDM volume 2, CALL and ModRM).
 */
static bool follows_call(uint64_t addr)
{
    uint8_t bytes[8];

    if (!is_code(addr) || !read_before(addr, bytes))
        return false;
    if (bytes[8 - 5] == 0xe8)
        return true;
    for (unsigned int len = 2; len <= 7; len++) {
        if (bytes[8 - len] == 0xff && ((bytes[8 - len + 1] >> 3) & 7) == 2)
            return true;
    }
    return false;
}

void show_backtrace(uint64_t rip, uint64_t rsp)
{
    uint64_t top = (rsp | (STACK_SIZE - 1)) + 1 - CPU_INFO_SIZE;
    unsigned int lines = 0;

    printk(XENLOG_ERR "Call trace:\n");
    if (rip)
        printk(XENLOG_ERR "   [<%016lx>] %pS\n", rip, (void *)rip);
    /* The stack's guard page ends the scan of an exception's stack. */
    if (rsp < (top & ~(uint64_t)(STACK_SIZE - 1)) + STACK_GUARD_PAGE * PAGE_SIZE)
        top = ALIGN_UP(rsp + 1, PAGE_SIZE);
    for (uint64_t at = ALIGN_UP(rsp, 8); at < top && lines < BACKTRACE_LINES; at += 8) {
        uint64_t word = *(const uint64_t *)at;

        if (follows_call(word)) {
            printk(XENLOG_ERR "   [<%016lx>] %pS\n", word, (void *)word);
            lines++;
        }
    }
}

/* Only one CPU may end the world; then nobody else writes to the log, whoever holds its lock. */
static void claim_panic(void)
{
    cpumask_t running = machine_take_over();

    if (running && !depth)
        printk(XENLOG_ERR "CPUs that did not stop: %#lx\n", running);
    /* A third one would be in printing: say nothing more. */
    if (++depth > 2)
        machine_end_after_crash();
}

static __noreturn void finish_panic(void)
{
    for (unsigned int i = 0; i < nr_reports && depth == 1; i++) {
        printk(XENLOG_ERR "%s:\n", reports[i].title);
        reports[i].report();
    }
    printk(XENLOG_ERR "****************************************\n");
    machine_end_after_crash();
}

static void print_headline(const char *fmt, va_list args)
{
    printk(XENLOG_ERR "\n");
    printk(XENLOG_ERR "****************************************\n");
    printk(XENLOG_ERR "Panic on CPU %u%s:\n", smp_cpu_id(), depth > 1 ? ", within a panic" : "");
    vprintk(fmt, args);
    printk("\n");
}

__noreturn __noinline void panic(const char *fmt, ...)
{
    va_list args;

    claim_panic();
    va_start(args, fmt);
    print_headline(fmt, args);
    va_end(args);
    show_backtrace(0, (uint64_t)__builtin_frame_address(0));
    finish_panic();
}

__noreturn void panic_regs(const struct cpu_regs *regs, const char *fmt, ...)
{
    va_list args;

    claim_panic();
    va_start(args, fmt);
    print_headline(fmt, args);
    va_end(args);
    show_registers(regs);
    if ((regs->rsp ^ (uint64_t)cpu_info()) < STACK_SIZE)
        show_backtrace(regs->rip, regs->rsp);
    finish_panic();
}

__noreturn void bug(const char *file, int line, const char *what)
{
    panic("BUG at %s:%d: %s", file, line, what);
}
