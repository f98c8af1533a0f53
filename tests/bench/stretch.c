/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A QEMU plugin (API version 1, QEMU 7.2) that finds the longest stretches of a hypervisor without
 * a look at pending work.
 *
 *     -plugin stretch.so,sym=FILE,out=FILE
 *
 * A stretch begins where a guest is left, at a preemption check, or where a softirq's function
 * begins, and ends at the next of these or where a guest goes on.  Interrupts that come meanwhile
 * count: whoever waits for the CPU waits for them too.  `sym` says what the functions are, one line
 * each, by address:
 *
 *     <address> <name> <kind>    f function, h a hypercall's handler, e an entry from a guest,
 *                                s a softirq, p a preemption check, i the idle loop,
 *                                r the instruction that returns to a guest, x excepted
 *
 * A stretch belongs to the last h or s that it entered, else to the first e; to x if it executed
 * any. The output has for each of them how many there were and the longest, with the functions that
 * executed most of it:
 *
 *     stretch <whose> <how many> <longest> <function>=<instructions>...
 *
 * Counted are whole blocks of translated code, at their beginning.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define NR_CPUS     64
#define MAX_SYMBOLS 8192
#define TOP         4

struct symbol {
    uint64_t address;
    char name[60], kind;
    /* As the owner of stretches: */
    uint64_t stretches, longest;
    struct {
        unsigned symbol;
        uint64_t instructions;
    } top[TOP];
};

static struct symbol symbols[MAX_SYMBOLS], excepted;
static unsigned nr_symbols;
static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards symbols[].longest and .top */

struct block {
    uint32_t instructions, symbol;
    unsigned char first, leaves; /* at its function's beginning; ends with a return to a guest */
};

/* What a CPU is in.  Each is used by its own thread alone. */
static struct cpu {
    int open;       /* a stretch has begun; not before a CPU's first return to a guest */
    unsigned owner; /* symbol, 0: none yet */
    int excepted;
    uint64_t length;
    unsigned touched[MAX_SYMBOLS]; /* the functions that the stretch executed ... */
    unsigned nr_touched;
    uint64_t by[MAX_SYMBOLS]; /* ... and how much of each */
    int running;
} cpus[NR_CPUS];

static void end(struct cpu *c)
{
    struct symbol *s = c->excepted ? &excepted : &symbols[c->owner];

    if (!c->open)
        return;
    pthread_mutex_lock(&lock);
    s->stretches++;
    if (c->length > s->longest) {
        s->longest = c->length;
        memset(s->top, 0, sizeof(s->top));
        for (unsigned i = 0; i < c->nr_touched; i++) {
            unsigned f = c->touched[i], at = TOP;

            while (at > 0 && c->by[f] > s->top[at - 1].instructions)
                at--;
            if (at == TOP)
                continue;
            memmove(&s->top[at + 1], &s->top[at], (TOP - 1 - at) * sizeof(s->top[0]));
            s->top[at].symbol = f;
            s->top[at].instructions = c->by[f];
        }
    }
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < c->nr_touched; i++)
        c->by[c->touched[i]] = 0;
    c->nr_touched = 0;
    c->length = 0;
    c->excepted = 0;
    c->open = 0;
}

static void executed(unsigned cpu, void *data)
{
    struct cpu *c = &cpus[cpu % NR_CPUS];
    const struct block *b = data;
    const struct symbol *s = &symbols[b->symbol];

    if (s->kind == 'i') { /* nobody waits for an idle CPU */
        end(c);
        c->running = 1;
        c->open = 0;
        return;
    }
    if (!c->running) {
        c->running = b->leaves;
        return;
    }
    if (!c->open) {
        c->open = 1;
        c->owner = 0;
    }
    if (b->first && (s->kind == 's' || s->kind == 'p')) {
        unsigned owner = c->owner;

        end(c);
        c->open = 1;
        c->owner = owner;
    }
    if (b->first && (s->kind == 'h' || s->kind == 's' || (s->kind == 'e' && !c->owner)))
        c->owner = b->symbol;
    if (s->kind == 'x')
        c->excepted = 1;
    c->length += b->instructions;
    if (!c->by[b->symbol])
        c->touched[c->nr_touched++] = b->symbol;
    c->by[b->symbol] += b->instructions;
    if (b->leaves)
        end(c);
}

static unsigned symbol_of(uint64_t address)
{
    unsigned low = 0, high = nr_symbols;

    while (low + 1 < high) {
        unsigned middle = (low + high) / 2;

        if (symbols[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Does the block end with a SYSRET, or with the IRET of a symbol of kind r?  (The other IRETs go
 * back to the hypervisor.)  A block may begin before that symbol. */
static int leaves(const struct qemu_plugin_tb *tb, uint64_t address, size_t n)
{
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    const unsigned char *b = qemu_plugin_insn_data(last);
    size_t size = qemu_plugin_insn_size(last);

    for (size_t i = 0; i + 1 < n; i++)
        address += qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, i));
    if (size >= 3 && b[size - 2] == 0x0f && b[size - 1] == 0x07)
        return 1;
    return symbols[symbol_of(address)].kind == 'r' && b[size - 1] == 0xcf;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block *b;

    (void)id;
    if (address < HV_START || address >= HV_END)
        return;
    b = calloc(1, sizeof(*b));
    b->instructions = (uint32_t)n;
    b->symbol = symbol_of(address);
    b->first = symbols[b->symbol].address == address;
    b->leaves = (unsigned char)leaves(tb, address, n);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS, b);
}

static void print(const struct symbol *s, const char *name)
{
    if (!s->stretches)
        return;
    fprintf(out, "stretch %s %lu %lu", name, s->stretches, s->longest);
    for (unsigned k = 0; k < TOP && s->top[k].instructions; k++)
        fprintf(out, " %s=%lu", symbols[s->top[k].symbol].name, s->top[k].instructions);
    fputc('\n', out);
}

static void at_exit(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    print(&excepted, "(excepted)");
    print(&symbols[0], "(nobody)");
    for (unsigned i = 1; i < nr_symbols; i++)
        print(&symbols[i], symbols[i].name);
    fclose(out);
}

/* Symbol 0 stands for what is below all others, and for stretches of nobody. */
static int read_symbols(const char *path)
{
    FILE *in = fopen(path, "r");

    if (!in)
        return -1;
    symbols[0].kind = 'f';
    for (nr_symbols = 1; nr_symbols < MAX_SYMBOLS; nr_symbols++) {
        struct symbol *s = &symbols[nr_symbols];

        if (fscanf(in, "%lx %59s %c", &s->address, s->name, &s->kind) != 3)
            break;
    }
    fclose(in);
    return nr_symbols < MAX_SYMBOLS ? 0 : -1;
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    const char *name = "stretch.out", *sym = "";

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            name = strdup(argv[i] + 4);
        else if (!strncmp(argv[i], "sym=", 4))
            sym = argv[i] + 4;
    }
    out = fopen(name, "w");
    if (!out || read_symbols(sym)) {
        perror(out ? sym : name);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
