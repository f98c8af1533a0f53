/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console_io: dom0's console on the hypervisor's serial port, and a line a guest may leave in the
 * log.
 *
 * dom0 writes as it likes and reads what was typed while it had the input; a ring of characters
 * between the interrupt and the read, VIRQ_CONSOLE when something is in it.  A guest's text is
 * collected into whole lines, which go to the log with its number in front, a limited number per
 * second: it can fill its own line, not our log.  Guests cannot read.
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "console/log.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "hooks.h"
#include "hypercall/handlers.h"
#include "mem/guest_access.h"
#include "mem/heap.h"

#define CHUNK     256 /* bytes copied at a time, and the step in which a write can be interrupted */
#define RING_SIZE 256 /* typed ahead; a power of two */

#define GUEST_LINE_MAX    120
#define GUEST_LINES_BURST 10   /* a guest's lines in ... */
#define GUEST_LINES_MS    5000 /* ... this time; the rest is dropped, as the log says once */

static struct {
    spinlock_t lock; /* irqsave: the UART's interrupt fills the ring */
    uint32_t head, tail;
    char buf[RING_SIZE];
} input;

struct guest_console {
    spinlock_t lock;
    struct rate_limit rate;
    bool told; /* that lines are dropped */
    unsigned len;
    char line[GUEST_LINE_MAX];
};

void guest_console_input(char c)
{
    uint64_t flags = spin_lock_irqsave(&input.lock);

    if (input.head - input.tail < RING_SIZE)
        input.buf[input.head++ % RING_SIZE] = c;
    spin_unlock_irqrestore(&input.lock, flags);
    send_global_virq(VIRQ_CONSOLE);
}

static long console_read(unsigned count, uint64_t buffer)
{
    char part[RING_SIZE];
    unsigned n = 0;
    uint64_t flags = spin_lock_irqsave(&input.lock);

    while (n < count && n < RING_SIZE && input.tail != input.head)
        part[n++] = input.buf[input.tail++ % RING_SIZE];
    spin_unlock_irqrestore(&input.lock, flags);
    return copy_to_guest(buffer, part, n) ? guest_error(-EFAULT, "the result cannot be written")
                                          : (long)n;
}

static void flush_line(const struct domain *d, struct guest_console *c)
{
    if (c->len && rate_limit_ok(&c->rate, GUEST_LINES_MS, GUEST_LINES_BURST)) {
        printk(XENLOG_G_WARNING "(d%u) %.*s\n", d->mem.id, (int)c->len, c->line);
    } else if (c->len && !c->told) {
        c->told = true;
        printk(XENLOG_G_WARNING "(d%u) writes too much: %u lines in %u s are kept\n", d->mem.id,
               GUEST_LINES_BURST, GUEST_LINES_MS / 1000);
    }
    c->len = 0;
}

static void guest_text(const struct domain *d, struct guest_console *c, const char *s, unsigned n)
{
    spin_lock(&c->lock);
    for (unsigned i = 0; i < n; i++) {
        if (s[i] == '\n' || c->len == GUEST_LINE_MAX)
            flush_line(d, c);
        /* Nothing that a terminal could take for a command: not the codes from 0x80 either. */
        if (s[i] >= ' ' && s[i] < 0x7f)
            c->line[c->len++] = s[i];
    }
    spin_unlock(&c->lock);
}

/* A guest that writes for the first time gets its line. */
static struct guest_console *guest_console(struct domain *d)
{
    struct guest_console *c = load_acquire(&d->console), *none = NULL;

    if (c)
        return c;
    c = hv_zalloc(sizeof(*c));
    if (c && !atomic_cmpxchg(&d->console, &none, c)) {
        hv_free(c);
        c = none; /* another vCPU was first */
    }
    return c;
}

static long console_write(unsigned count, uint64_t buffer)
{
    struct domain *d = current_domain;
    struct guest_console *c = d->is_control ? NULL : guest_console(d);
    char part[CHUNK];

    if (!d->is_control && !c)
        return guest_error(-ENOMEM, "no memory for it");
    while (count) {
        unsigned n = min(count, (unsigned)CHUNK);

        if (copy_from_guest(part, buffer, n))
            return guest_error(-EFAULT, "an argument cannot be read");
        if (c)
            guest_text(d, c, part, n);
        else
            console_write_raw(part, n);
        count -= n;
        buffer += n;
        if (count && hypercall_preempt_check())
            return HYPERCALL_CONTINUE(__HYPERVISOR_console_io, CONSOLEIO_write, count, buffer);
    }
    return 0;
}

long do_console_io(unsigned cmd, unsigned count, uint64_t buffer)
{
    if (count > INT32_MAX)
        return guest_error(-EINVAL, "console: that is a lot of text");
    switch (cmd) {
    case CONSOLEIO_write: return console_write(count, buffer);
    case CONSOLEIO_read:
        if (!current_domain->is_control)
            return guest_error(-EPERM, "the console's input is the control domain's");
        return console_read(count, buffer);
    default: return guest_error(-ENOSYS, "unknown console_io");
    }
}
