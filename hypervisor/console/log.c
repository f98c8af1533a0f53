/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * printk and the log ring.
 *
 * One lock serialises formatting into one static buffer and the output of it; interrupts are off
 * for that long.  The ring is written under the same lock and read without: a reader that was
 * overtaken notices by the positions and skips.  In a panic the lock is ignored: a torn line is
 * better than none.
 */
#include "console/log.h"
#include "console/uart.h"
#include "cpu/insn.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "cpu/clocksource.h"

#define RING_BOOT_SIZE 16384 /* Xen's smallest conring_size */
#define LINE_MAX       1024
#define NR_LEVELS      4

/* Xen's printk_ratelimit: ten messages, then one per five seconds. */
#define RATE_INTERVAL_MS 5000
#define RATE_BURST       10

static const char prefix[] = "(XEN) ";

static char ring_boot[RING_BOOT_SIZE];
static char *ring = ring_boot;
static uint32_t ring_size = RING_BOOT_SIZE;
static uint32_t ring_end;   /* bytes ever written */
static uint32_t ring_start; /* cleared up to here */

static spinlock_t log_lock;
static bool panicking;
static bool at_line_start = true;

static struct {
    enum log_threshold lower, upper;
    struct rate_limit rate;
} thresholds[2] = {
    {LOG_WARNING, LOG_WARNING, {0}}, /* the hypervisor's own */
    {LOG_NONE, LOG_WARNING, {0}},    /* caused by guests */
};

void (*log_extra_output)(const char *s, size_t n);

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
}

static void emit_lines(const char *s, size_t n)
{
    while (n) {
        const char *nl = memchr(s, '\n', n);
        size_t len = nl ? (size_t)(nl - s) + 1 : n;

        if (at_line_start)
            emit(prefix, sizeof(prefix) - 1);
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

void vprintk(const char *fmt, va_list args)
{
    static char line[LINE_MAX];
    uint64_t flags = local_irq_save();
    int n;

    if (!panicking)
        spin_lock(&log_lock);
    /* The end of a line whose beginning was kept has no level of its own. */
    if ((!at_line_start && fmt[0] != '<') || level_passes(&fmt)) {
        n = vsnprintf(line, sizeof(line), fmt, args);
        emit_lines(line, min((size_t)n, sizeof(line) - 1));
    }
    if (!panicking)
        spin_unlock(&log_lock);
    local_irq_restore(flags);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
}

void log_guest_text(const char *s, size_t n)
{
    uint64_t flags = local_irq_save();
    char c;

    if (!panicking)
        spin_lock(&log_lock);
    for (size_t i = 0; i < n; i++) {
        c = s[i];
        if (c != '\n' && c != '\t' && c != '\r' && ((unsigned char)c < ' ' || c == 0x7f))
            c = '?';
        emit(&c, 1);
        at_line_start = c == '\n';
    }
    if (!panicking)
        spin_unlock(&log_lock);
    local_irq_restore(flags);
}

void console_write_raw(const char *s, size_t n)
{
    uint64_t flags = local_irq_save();

    if (!panicking)
        spin_lock(&log_lock);
    uart_write(s, n);
    if (log_extra_output)
        log_extra_output(s, n);
    at_line_start = n ? s[n - 1] == '\n' : at_line_start;
    if (!panicking)
        spin_unlock(&log_lock);
    local_irq_restore(flags);
}

void log_set_thresholds(bool guest, enum log_threshold lower, enum log_threshold upper)
{
    thresholds[guest].lower = lower;
    thresholds[guest].upper = max(lower, upper);
}

static bool parse_threshold(const char **text, enum log_threshold *t)
{
    static const struct {
        const char *name;
        enum log_threshold value;
    } names[] = {{"none", LOG_NONE}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
                 {"info", LOG_INFO}, {"debug", LOG_ALL},   {"all", LOG_ALL}};

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        size_t len = strlen(names[i].name);

        if (!strncmp(*text, names[i].name, len)) {
            *text += len;
            *t = names[i].value;
            return true;
        }
    }
    return false;
}

bool log_parse_thresholds(const char *text, enum log_threshold *lower, enum log_threshold *upper)
{
    enum log_threshold lo, up;

    if (!parse_threshold(&text, &lo))
        return false;
    up = lo;
    if (*text == '/') {
        text++;
        if (!parse_threshold(&text, &up))
            return false;
    }
    if (*text)
        return false;
    *lower = lo;
    *upper = up;
    return true;
}

bool log_guest_level_on(unsigned int level)
{
    return panicking || level < (unsigned int)thresholds[1].upper;
}

uint32_t log_ring_read(uint32_t *position, char *buf, uint32_t size)
{
    uint32_t end = load_acquire(&ring_end);
    uint32_t at = *position;
    uint32_t n;

    if (end - at > ring_size)
        at = end - ring_size;
    n = min(end - at, size);
    for (uint32_t i = 0; i < n; i++)
        buf[i] = ring[(at + i) & (ring_size - 1)];
    *position = at + n;
    return n;
}

uint32_t log_ring_start(void)
{
    uint32_t end = load_acquire(&ring_end);

    return end - ring_start > ring_size ? end - ring_size : ring_start;
}

void log_ring_clear(void)
{
    ring_start = load_acquire(&ring_end);
}

void log_ring_resize(char *buf, uint32_t size)
{
    uint64_t flags = spin_lock_irqsave(&log_lock);
    uint32_t kept = min(ring_end - log_ring_start(), min(ring_size, size));

    for (uint32_t i = ring_end - kept; i != ring_end; i++)
        buf[i & (size - 1)] = ring[i & (ring_size - 1)];
    ring = buf;
    ring_size = size;
    spin_unlock_irqrestore(&log_lock, flags);
}

void log_panic_mode(void)
{
    panicking = true;
    if (!at_line_start)
        emit("\n", 1);
    at_line_start = true;
}
