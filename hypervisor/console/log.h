/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's log.  Each message begins with one of the levels below; a message without one
 * is a warning.  Thresholds (boot options loglvl= and guest_loglvl=) decide what is kept; what is
 * kept goes to the serial port, to the screen and to a ring that dom0 can read (xl dmesg).
 */
#pragma once

#include "lib/format.h"
#include "lib/types.h"

#define XENLOG_ERR     "<0>"
#define XENLOG_WARNING "<1>"
#define XENLOG_INFO    "<2>"
#define XENLOG_DEBUG   "<3>"
/* Before one of the above: caused by a guest, judged by guest_loglvl. */
#define XENLOG_GUEST "<G>"

#define XENLOG_G_ERR     XENLOG_GUEST XENLOG_ERR
#define XENLOG_G_WARNING XENLOG_GUEST XENLOG_WARNING
#define XENLOG_G_INFO    XENLOG_GUEST XENLOG_INFO
#define XENLOG_G_DEBUG   XENLOG_GUEST XENLOG_DEBUG

enum log_threshold { LOG_NONE, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_ALL };

/*
 * Any context.  Lines are prefixed "(XEN) " at each beginning.  In the handler of an NMI or a
 * machine check that has interrupted a printk the text appears a little later.
 */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list args);

/* dom0's console: to the serial port and the screen as it is, not to the ring. */
void console_write_raw(const char *s, size_t n);

/*
 * Messages below `lower` are always kept, those below `upper` at a limited rate.  Xen's defaults:
 * hypervisor lower = upper = warning; guests lower none, upper warning.
 */
void log_set_thresholds(bool guest, enum log_threshold lower, enum log_threshold upper);

/* Whether a guest message of level 0 (error) to 3 (debug) would be shown at all. */
bool log_guest_level_on(unsigned int level);

/*
 * True at most `burst` times per `interval_ms`; for messages that something outside can cause at
 * will.  `state` is the caller's, zeroed.
 */
struct rate_limit {
    uint64_t window_start; /* TSC */
    unsigned int count;
    unsigned int missed;
};
bool rate_limit_ok(struct rate_limit *state, unsigned int interval_ms, unsigned int burst);

/*
 * The ring.  Positions count bytes since boot.  Copies what is kept from *position on, at most
 * `size` bytes, advances *position past it (skipping what was overwritten), returns the count.
 */
uint32_t log_ring_read(uint32_t *position, char *buf, uint32_t size);
/* Reading begins there from now on. */
void log_ring_clear(uint32_t position);
/* Where reading begins after the last clear. */
uint32_t log_ring_start(void);
#define LOG_RING_MIN       16384 /* what it has without; Xen's smallest */
#define LOG_RING_MAX_ORDER 10    /* 4 MiB */
/* Moves the ring into a larger buffer (a power of two), e.g. conring_size. */
void log_ring_resize(char *buf, uint32_t size);

/* Boot option console_timestamps=: what stands in front of each line. */
enum log_stamps { STAMPS_NONE, STAMPS_BOOT /* seconds since the start */, STAMPS_RAW /* TSC */ };
void log_set_stamps(enum log_stamps kind);

/* For the self-test: runs fn where a fault or an NMI in the middle of a line would. */
void log_with_lock_held(void (*fn)(void *));

/* When this CPU is the only one left: locks are not trusted, everything is printed. */
void log_panic_mode(void);

/* Every byte kept, for a second output (console/vga.c). */
extern void (*log_extra_output)(const char *s, size_t n);
