/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection, as the files of the library share it.
 *
 * Two locks.  `request` is held for a whole request and its reply: one is under way at a time,
 * which is all that the protocol's daemons promise to keep in order.  `state` is held for moments
 * and guards what the reading thread and the callers share; it is taken inside `request`, never the
 * other way.
 *
 * Who reads: until the first xs_watch() the caller of a request itself, under `request`; from then
 * on the reading thread alone.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "inbox.h"

/* The library is compiled with hidden symbols; these are the ones to be seen. */
#pragma GCC visibility push(default)
#include "xenstore.h"
#pragma GCC visibility pop

/* libxentoolcore's record of a handle that a program can give up with xentoolcore_restrict_all().
 * Layout from its interface: a callback, then a BSD list entry.
 */
struct active_handle {
    int (*restrict_callback)(struct active_handle *ah, uint32_t domid);
    struct active_handle *next;
    struct active_handle **prev;
};

struct xs_handle {
    struct active_handle active;
    int fd;
    bool is_socket;
    bool unwatch_filter;
    unsigned forks; /* how often the process that reads had forked before: whose the thread is */

    pthread_mutex_t request;
    /* under `request` */
    uint32_t last_id;
    bool has_reader;
    pthread_t reader;

    struct inbox inbox; /* belongs to who reads */

    pthread_mutex_t state;
    pthread_cond_t replied; /* a reply is there, or none will come */
    pthread_cond_t fired;   /* an event is there, or none will come */
    /* under `state` */
    bool broken;   /* set once, never cleared: nothing is sent or read any more */
    bool awaiting; /* a request is under way */
    struct message *reply;
    struct message *first_event;
    struct message **last_event; /* where the next one is hung */
    int signal;                  /* eventfd of xs_fileno, readable while an event waits; -1 */
    int stop;                    /* eventfd that ends the reading thread; -1 without one */
};

/* talk.c: sends one message of @type whose payload is the @nr @parts one behind the other, and
 * waits for the reply.  Its body, with a NUL behind it, for the caller to free; @len (may be NULL)
 * bytes of it. NULL with errno: the daemon's refusal, E2BIG before anything is sent, else the
 * connection is over.
 */
struct part {
    const void *data;
    size_t len;
};
char *talk(struct xs_handle *h, xs_transaction_t t, enum xsd_sockmsg_type type,
           const struct part *parts, unsigned nr, unsigned *len);

/* For replies whose content does not matter: frees it; was there one?  errno stays. */
bool talk_done(char *reply);

/* A string as a part, its NUL included. */
struct part part_string(const char *s);

/* Starts the reading thread unless it runs; false with errno. */
bool reader_start(struct xs_handle *h);

/* Ends it and waits for it.  Nobody may be using the handle. */
void reader_stop(struct xs_handle *h);

/* open.c: has the process forked since this handle was opened or its thread started, so that the
 * thread is elsewhere?
 */
bool handle_is_inherited(const struct xs_handle *h);

/* From here on it is this process's. */
void handle_adopt(struct xs_handle *h);

/* watch.c, with `state` held: hangs an event behind the others; false if it is none. */
bool event_add(struct xs_handle *h, struct message *msg);

/* strings.c: one block of pointers to the @num strings in @len bytes at @text, and the strings; a
 * NUL follows the text.  NULL with ENOMEM.
 */
char **strings_split(const char *text, unsigned len, unsigned *num);

/* strings.c: "r5" for a permission, at most PERM_TEXT characters with the NUL; false with EINVAL.
 */
#define PERM_TEXT (1 + MAX_STRLEN(unsigned int))
bool perm_print(char *text, const struct xs_permissions *perm);
