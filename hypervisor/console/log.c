/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * printk and the log ring.
 *
 * One lock serialises formatting into one static buffer and the output of it; interrupts are off
 * for that long.  The ring is written under the same lock and read without: a reader that was
 * overtaken notices by the positions and skips.  At the end of the machine the lock is ignored: a
 * torn line is better than none.
 *
 * An NMI or a machine check may have interrupted the very CPU that holds the lock, so their
 * handlers wait for it only as long as somebody else may give it back; else the text goes to a
 * buffer that whoever holds the lock empties after giving it back.  The buffer's own lock is only
 * ever tried.
 */
#include "console/log.h"
#include "console/uart.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/clocksource.h"
#include "cpu/watchdog.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define LINE_MAX       1024
#define NR_LEVELS      4
#define LATE_SIZE      2048
#define NMI_LOCK_SPINS 1000000 /* some ten milliseconds: a line at 115200 baud */
#define NOBODY         (~0U)

/* Xen's printk_ratelimit: ten messages, then one per five seconds. */
#define RATE_INTERVAL_MS 5000
#define RATE_BURST       10

static const char prefix[] = "(XEN) ";

static char ring_boot[LOG_RING_MIN];
static char *ring = ring_boot;
static uint32_t ring_size = LOG_RING_MIN;
static uint32_t ring_end;   /* bytes ever written */
static uint32_t ring_start; /* cleared up to here */

static spinlock_t log_lock;
static unsigned int lock_owner = NOBODY; /* a CPU; for an NMI on that one */
static bool panicking;
static enum log_stamps stamps;
static uint64_t stamps_origin; /* TSC */
static bool at_line_start = true;

static struct {
    enum log_threshold lower, upper;
    struct rate_limit rate;
} thresholds[2] = {
    {LOG_WARNING, LOG_WARNING, {0}}, /* the hypervisor's own */
    {LOG_NONE, LOG_WARNING, {0}},    /* caused by guests */
};

static struct {
    spinlock_t lock;
    uint32_t len;
    uint32_t lost; /* messages */
    char text[LATE_SIZE];
} late;

void (*log_extra_output)(const char *s, size_t n);

/* Interrupts are off.  False: in the handler of an NMI, and the lock cannot be had. */
static bool log_acquire(void)
{
    if (panicking)
        return true;
    if (!on_exception_stack()) {
        spin_lock(&log_lock);
        store_once(&lock_owner, smp_cpu_id());
        return true;
    }
    for (unsigned int i = 0; i < NMI_LOCK_SPINS && load_once(&lock_owner) != smp_cpu_id(); i++) {
        if (spin_trylock(&log_lock)) {
            store_once(&lock_owner, smp_cpu_id());
            return true;
        }
        cpu_relax();
    }
    return false;
}

static void log_release(void)
{
    if (panicking)
        return;
    store_once(&lock_owner, NOBODY);
    spin_unlock(&log_lock);
}

static void ring_put(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring[(ring_end + i) & (ring_size - 1)] = s[i];
    store_release(&ring_end, ring_end + (uint32_t)n);
}

static void emit(const char *s, size_t n)
{
    if (!n)
        return;
    ring_put(s, n);
    uart_write(s, n);
    if (log_extra_output)
        log_extra_output(s, n);
    watchdog_touch(); /* a slow serial port is no hang */
}

static void emit_stamp(void)
{
    char text[32];
    uint64_t us;
    int n;

    if (stamps == STAMPS_RAW) {
        n = snprintf(text, sizeof(text), "[%016lx] ", rdtsc());
    } else {
        us = tsc_khz ? (rdtsc() - stamps_origin) / (tsc_khz / 1000) : 0;
        n = snprintf(text, sizeof(text), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
    }
    emit(text, (size_t)n);
}

static void emit_lines(const char *s, size_t n)
{
    while (n) {
        const char *nl = memchr(s, '\n', n);
        size_t len = nl ? (size_t)(nl - s) + 1 : n;

        if (at_line_start)
            emit(prefix, sizeof(prefix) - 1);
        if (at_line_start && stamps != STAMPS_NONE)
            emit_stamp();
        emit(s, len);
        at_line_start = nl != NULL;
        s += len;
        n -= len;
    }
}

bool rate_limit_ok(struct rate_limit *r, unsigned int interval_ms, unsigned int burst)
{
    uint64_t now = rdtsc();

    /* Before calibration tsc_khz is 0 and every message passes. */
    if (now - r->window_start >= (uint64_t)tsc_khz * interval_ms) {
        r->window_start = now;
        r->count = 0;
        r->missed = 0;
    }
    if (r->count < burst) {
        r->count++;
        return true;
    }
    r->missed++;
    return false;
}

/* Takes the level marks off *fmt and says whether the message is to be kept. */
static bool level_passes(const char **fmt)
{
    unsigned int guest = 0;
    unsigned int level = 1;
    const char *f = *fmt;

    for (; f[0] == '<' && f[1] && f[2] == '>'; f += 3) {
        if (f[1] == 'G')
            guest = 1;
        else if (f[1] >= '0' && f[1] < '0' + NR_LEVELS)
            level = (unsigned int)(f[1] - '0');
        else
            break;
    }
    *fmt = f;
    if (panicking || level < (unsigned int)thresholds[guest].lower)
        return true;
    if (level >= (unsigned int)thresholds[guest].upper)
        return false;
    return rate_limit_ok(&thresholds[guest].rate, RATE_INTERVAL_MS, RATE_BURST);
}

/* In the handler of an NMI, when the lock cannot be had. */
static void keep_for_later(const char *fmt, va_list args)
{
    uint32_t room;

    if (!level_passes(&fmt))
        return;
    if (!spin_trylock(&late.lock)) {
        atomic_inc(&late.lost);
        return;
    }
    room = LATE_SIZE - late.len;
    late.len += min((uint32_t)vsnprintf(late.text + late.len, room, fmt, args), room - 1);
    spin_unlock(&late.lock);
}

/* What NMIs left.  Without the log's lock. */
static void print_late(void)
{
    char lost[48];

    if (likely(!load_once(&late.len)) || on_exception_stack() || !spin_trylock(&late.lock))
        return;
    log_acquire();
    emit_lines(late.text, late.len);
    late.len = 0;
    if (late.lost)
        emit_lines(lost, (size_t)snprintf(lost, sizeof(lost), "%u messages of NMIs are lost\n",
                                          atomic_xchg(&late.lost, 0)));
    log_release();
    spin_unlock(&late.lock);
}

void vprintk(const char *fmt, va_list args)
{
    static char line[LINE_MAX];
    uint64_t flags = local_irq_save();
    int n;

    if (!log_acquire()) {
        keep_for_later(fmt, args);
        local_irq_restore(flags);
        return;
    }
    /* The end of a line whose beginning was kept has no level of its own. */
    if ((!at_line_start && fmt[0] != '<') || level_passes(&fmt)) {
        n = vsnprintf(line, sizeof(line), fmt, args);
        emit_lines(line, min((size_t)n, sizeof(line) - 1));
    }
    log_release();
    print_late();
    local_irq_restore(flags);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
}

void console_write_raw(const char *s, size_t n)
{
    uint64_t flags = local_irq_save();

    log_acquire(); /* never in an NMI's handler */
    uart_write(s, n);
    if (log_extra_output)
        log_extra_output(s, n);
    at_line_start = n ? s[n - 1] == '\n' : at_line_start;
    log_release();
    print_late();
    local_irq_restore(flags);
}

void log_set_thresholds(bool guest, enum log_threshold lower, enum log_threshold upper)
{
    thresholds[guest].lower = lower;
    thresholds[guest].upper = max(lower, upper);
}

bool log_guest_level_on(unsigned int level)
{
    return panicking || level < (unsigned int)thresholds[1].upper;
}

void log_set_stamps(enum log_stamps kind)
{
    stamps = kind;
    stamps_origin = rdtsc();
}

uint32_t log_ring_read(uint32_t *position, char *buf, uint32_t size)
{
    uint32_t end = load_acquire(&ring_end);
    uint32_t at = *position;
    uint32_t n, first;

    if (end - at > ring_size)
        at = end - ring_size;
    n = min(end - at, size);
    /* In two pieces where it goes over the ring's end. */
    first = min(n, ring_size - (at & (ring_size - 1)));
    memcpy(buf, &ring[at & (ring_size - 1)], first);
    memcpy(buf + first, ring, n - first);
    *position = at + n;
    return n;
}

uint32_t log_ring_start(void)
{
    uint32_t end = load_acquire(&ring_end);

    return end - ring_start > ring_size ? end - ring_size : ring_start;
}

void log_ring_clear(uint32_t position)
{
    ring_start = position;
}

void log_ring_resize(char *buf, uint32_t size)
{
    uint64_t flags = local_irq_save();
    uint32_t kept;

    log_acquire();
    kept = min(ring_end - log_ring_start(), min(ring_size, size));
    for (uint32_t i = ring_end - kept; i != ring_end; i++)
        buf[i & (size - 1)] = ring[i & (ring_size - 1)];
    ring = buf;
    ring_size = size;
    log_release();
    local_irq_restore(flags);
}

void log_with_lock_held(void (*fn)(void *))
{
    uint64_t flags = local_irq_save();

    log_acquire();
    fn(NULL);
    log_release();
    print_late();
    local_irq_restore(flags);
}

void log_panic_mode(void)
{
    if (panicking)
        return;
    panicking = true;
    if (!at_line_start)
        emit("\n", 1);
    at_line_start = true;
    emit_lines(late.text, late.len); /* whoever would have printed it will not */
    late.len = 0;
}
