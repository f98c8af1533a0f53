/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A QEMU plugin (API version 1, QEMU 7.2) that tells where the instructions of a hypervisor go.
 *
 *     -plugin hvprofile.so,out=FILE[,boot=1][,all=1]
 *
 * Each block of translated code whose address is in the hypervisor's range of the address space
 * gets a counter; everything else is added up as guest kernel or guest program.  Counters run only
 * between the marks of guestbench -m and tinybench (or from the start, with boot=1), and at each
 * end mark the file gets one section (with all=1 blocks of kernels and programs too, so that
 * `profile` can name a kernel's functions):
 *
 *     window N
 *     class <name> <executed in the hypervisor>         CR3 loads, CR4 writes, INVLPG, ...
 *     class entries <times a guest was left>
 *     class repeated <iterations of string instructions, by anybody>
 *     block <address> <instructions> <executions>
 *     total hypervisor|kernel|user <instructions>
 *
 * Before the first mark stands how far a boot was, in instructions executed by each, when it came
 * to the first instruction of its kind:
 *
 *     phase hypervisor|kernel|program|benchmark <hypervisor> <kernel> <other>
 *
 * An exit is an IRET or SYSRET of the hypervisor after which a guest executed something; there are
 * as many entries.  A block that an exception ends early counts whole, on every hypervisor alike.
 * `profile` turns the blocks into functions by the symbols of the image.  One CPU: the counters are
 * not its own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define MARK_START 0x70a515f1u
#define MARK_END   0x70a515f2u

enum kind {
    KIND_CR3,
    KIND_CR4,
    KIND_CR_READ,
    KIND_INVLPG,
    KIND_WRMSR,
    KIND_RDMSR,
    KIND_SWAPGS,
    KIND_IRET,
    KIND_SYSRET,
    KIND_LOCKED,
    KIND_REP,
    KIND_PORT,
    NR_KINDS
};
static const char *const kind_name[NR_KINDS] = {
    "cr3_load", "cr4_write", "cr_read", "invlpg", "wrmsr",  "rdmsr",
    "swapgs",   "iret",      "sysret",  "locked", "rep_op", "port",
};

struct block {
    uint64_t address, count, instructions;
    unsigned char classes[NR_KINDS];
    struct block *next; /* of the same hash */
};

#define BUCKETS 65536
static struct block *buckets[BUCKETS];
enum { HYPERVISOR, KERNEL, OTHER };
static uint64_t total[3]; /* by which of these */
static uint64_t exits, guest_at_exit, repeated;
static int outside; /* the last return of the hypervisor was to a guest, for all we know */
static FILE *out;
static unsigned window;
static int boot, all;

static int is_hypervisor(uint64_t address)
{
    return (address >= HV_START && address < HV_END) || (boot && address < HV_START);
}

static enum kind classify(const unsigned char *b, size_t n)
{
    size_t i = 0;

    for (; i < n; i++) {
        if (b[i] == 0xf0)
            return KIND_LOCKED;
        if (b[i] == 0xf3 || b[i] == 0xf2) {
            /* A string instruction, perhaps with a REX prefix between. */
            size_t op = i + 1 + (i + 1 < n && (b[i + 1] & 0xf0) == 0x40);

            if (op < n && ((b[op] & 0xf4) == 0xa4 || (b[op] & 0xfe) == 0xaa))
                return KIND_REP;
            continue;
        }
        if (b[i] != 0x66 && (b[i] & 0xf0) != 0x40)
            break;
    }
    if (i < n && b[i] == 0xcf)
        return KIND_IRET;
    if (i < n && ((b[i] >= 0xe4 && b[i] <= 0xe7) || (b[i] >= 0xec && b[i] <= 0xef)))
        return KIND_PORT;
    if (i + 1 >= n || b[i] != 0x0f)
        return NR_KINDS;
    switch (b[i + 1]) {
    case 0x20: return KIND_CR_READ;
    case 0x22: return (b[i + 2] >> 3 & 7) == 3 ? KIND_CR3 : KIND_CR4;
    case 0x30: return KIND_WRMSR;
    case 0x32: return KIND_RDMSR;
    case 0x07: return KIND_SYSRET;
    case 0x01:
        if (b[i + 2] == 0xf8)
            return KIND_SWAPGS;
        return (b[i + 2] >> 3 & 7) == 7 && b[i + 2] < 0xc0 ? KIND_INVLPG : NR_KINDS;
    default: return NR_KINDS;
    }
}

static struct block *block_find(const struct qemu_plugin_tb *tb, uint64_t address, size_t n)
{
    struct block **bucket = &buckets[(address ^ address >> 16) % BUCKETS], *b;

    for (b = *bucket; b; b = b->next)
        if (b->address == address && b->instructions == n)
            return b;
    b = calloc(1, sizeof(*b));
    b->address = address;
    b->instructions = n;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        enum kind c = classify(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

        if (c < NR_KINDS)
            b->classes[c]++;
    }
    b->next = *bucket;
    *bucket = b;
    return b;
}

/* The hypervisor returns to somebody.  If no guest has executed anything since the last time, that
 * one was from an interrupt that came while the hypervisor ran. */
static void settle_exit(void)
{
    exits += outside && total[KERNEL] + total[OTHER] != guest_at_exit;
    outside = 0;
}

static void at_return(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    settle_exit();
    outside = 1;
    guest_at_exit = total[KERNEL] + total[OTHER];
}

static void reset(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct block *b = buckets[i]; b; b = b->next)
            b->count = 0;
    memset(total, 0, sizeof(total));
    exits = guest_at_exit = repeated = 0;
    outside = 0;
}

/* In the order in which a boot comes to them; the first of each kind of address is translated just
 * before it is executed. */
static void phase(uint64_t address)
{
    static int kernel, hypervisor, program;
    const char *name = NULL;

    if (address >= HV_END && !kernel++)
        name = "kernel";
    else if (address >= HV_START && address < HV_END && !hypervisor++)
        name = "hypervisor";
    else if (address < HV_START && kernel && !program++)
        name = "program";
    if (name)
        fprintf(out, "phase %s %lu %lu %lu\n", name, total[HYPERVISOR], total[KERNEL],
                total[OTHER]);
}

static void dump(void)
{
    uint64_t classes[NR_KINDS] = {0};

    settle_exit();
    fprintf(out, "window %u\n", window++);
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct block *b = buckets[i]; b; b = b->next) {
            if (!b->count)
                continue;
            for (unsigned c = 0; c < NR_KINDS && is_hypervisor(b->address); c++)
                classes[c] += b->count * b->classes[c];
            fprintf(out, "block %lx %lu %lu\n", b->address, b->instructions, b->count);
        }
    }
    for (unsigned c = 0; c < NR_KINDS; c++)
        fprintf(out, "class %s %lu\n", kind_name[c], classes[c]);
    fprintf(out, "class entries %lu\nclass repeated %lu\n", exits, repeated);
    fprintf(out, "total hypervisor %lu\ntotal kernel %lu\ntotal user %lu\n", total[HYPERVISOR],
            total[KERNEL], total[OTHER]);
    fflush(out);
}

static void at_mark(unsigned cpu, void *data)
{
    static int seen;

    (void)cpu;
    if (!seen++)
        fprintf(out, "phase benchmark %lu %lu %lu\n", total[HYPERVISOR], total[KERNEL],
                total[OTHER]);
    if (data)
        dump();
    reset();
}

/* 0f 1f 80 and four bytes: NOPL disp32(%rax). */
static uint32_t mark_of(const struct qemu_plugin_insn *insn)
{
    const unsigned char *b = qemu_plugin_insn_data(insn);
    uint32_t value;

    if (qemu_plugin_insn_size(insn) != 7 || b[0] != 0x0f || b[1] != 0x1f || b[2] != 0x80)
        return 0;
    memcpy(&value, b + 3, sizeof(value));
    return value == MARK_START || value == MARK_END ? value : 0;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    phase(address);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        if (classify(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn)) == KIND_REP)
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &repeated, 1);
    }
    if (all && !is_hypervisor(address))
        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64,
                                                 &block_find(tb, address, n)->count, 1);
    if (is_hypervisor(address)) {
        struct block *b = block_find(tb, address, n);

        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &b->count, 1);
        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &total[HYPERVISOR], n);
        if (b->classes[KIND_IRET] || b->classes[KIND_SYSRET])
            qemu_plugin_register_vcpu_tb_exec_cb(tb, at_return, CB_NO_REGS, NULL);
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64,
                                             &total[address >= HV_END ? KERNEL : OTHER], n);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t mark = mark_of(insn);

        if (mark)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, CB_NO_REGS,
                                                   mark == MARK_END ? &window : NULL);
    }
}

static void at_exit(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    if (boot)
        dump();
    fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    const char *name = "hvprofile.out";

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            name = strdup(argv[i] + 4);
        else if (!strncmp(argv[i], "boot=", 5))
            boot = atoi(argv[i] + 5);
        else if (!strncmp(argv[i], "all=", 4))
            all = atoi(argv[i] + 4);
    }
    out = fopen(name, "w");
    if (!out) {
        perror(name);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
