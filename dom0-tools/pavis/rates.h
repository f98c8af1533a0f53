/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened between two samples, by domain: for `pavis top`.  Pure. */
#pragma once

#include <stdio.h>

#include "pavis/sample.h"

struct rates {
    unsigned domid;
    const struct domain_sample *domain;
    double cpu;                        /* percent of one processor */
    double memory;                     /* percent of the machine's */
    double reads, writes;              /* requests per second */
    double read_bytes, written_bytes;  /* per second */
    double wait_ms;                    /* of a request, on the average; 0: none, or not known */
    double throttled;                  /* times per second that a disk waited for its limit */
    double sent_bytes, received_bytes; /* per second, as the guest sees it */
    double sent_packets, received_packets;
};

enum rates_order { BY_CPU, BY_MEMORY, BY_DISK, BY_NETWORK, BY_NAME };

/* One for each domain of @now, in this order, for the caller to free(); NULL: no memory.  A domain
 * or device that was not there @before counts from its beginning; a number that has become smaller
 * is another domain's and counts for nothing. */
struct rates *rates_between(const struct sample *before, const struct sample *now,
                            enum rates_order order);

/* A table's lines, of at most this many bytes with the NUL. */
#define RATES_ROW 192
const char *rates_title(void);
const char *rates_row(const struct rates *r, char text[RATES_ROW]);

/* @text as a terminal may show it: bytes that it would obey, and those beyond ASCII, are '?'. */
void plain_text(char *to, size_t size, const char *text);

/* @text between the quotes of a label in Prometheus' format. */
void put_label(FILE *out, const char *text);
