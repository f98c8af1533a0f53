/* SPDX-License-Identifier: GPL-2.0-only */
/* One guest's console: its page, its terminal, its log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/gate.h"
#include "xenconsoled/history.h"
#include "xenconsoled/logfile.h"
#include "xenconsoled/ring.h"
#include "xenconsoled/terminal.h"
#include "xs/xenstore.h"

/* A guest may make this many events in a period before the next must wait for its end. */
#define EVENTS_PER_PERIOD 30
#define PERIOD_MS         200

/* What all guests share. */
struct settings {
    struct xs_handle *store;
    int inotify;
    const char *log_dir;
    bool log_guests;
    struct logfile log; /* the limit and the looks of every guest's */
    size_t replay;      /* bytes that are shown to who attaches */
};

struct guest {
    struct guest *next;
    unsigned domid;
    bool seen; /* in this round over the store's domains */
    unsigned port;
    struct xencons_interface *page; /* NULL: not connected */
    struct event event;
    unsigned events;       /* in this period */
    uint64_t period_start; /* ms */
    bool waiting;          /* its event is to be enabled when the period is over */
    struct terminal terminal;
    bool attended;
    uint64_t shown; /* position in the history of who is attached */
    struct logfile log;
    struct history history;
};

/* A guest that the store names, not connected yet; NULL if there is no memory. */
struct guest *guest_new(const struct settings *settings, unsigned domid);
void guest_free(const struct settings *settings, struct guest *guest);

/* Looks into the store: connects if the toolstack has announced a console, again if it is another.
 */
void guest_look(const struct settings *settings, struct guest *guest);

/* Its event descriptor is readable. */
void guest_event(struct guest *guest, uint64_t now);
/* Milliseconds until guest_period_over() is to be called; -1: it need not be. */
int guest_wait(const struct guest *guest, uint64_t now);
void guest_period_over(struct guest *guest);

/* Somebody has opened the terminal or left it. */
void guest_visit(const struct settings *settings, struct guest *guest);
/* What poll() is to ask of the terminal, and what to do when it says so. */
short guest_terminal_events(const struct guest *guest);
void guest_terminal_ready(struct guest *guest, short events);
