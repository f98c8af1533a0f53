// SPDX-License-Identifier: GPL-2.0-only
/* Carries bytes between a guest's page, its terminal and its log.
 *
 * Nothing that a guest or a person does can hold the daemon up: what the guest says goes into the
 * history and the log at once, and to the terminal only as fast as somebody reads; input waits in
 * the kernel until the guest has room; events beyond a rate wait for the end of a period.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "xenconsoled/guest.h"

#define PATH_TEXT 80 /* of the paths below /local/domain/ID that are used here */

/* A node below the guest's home; NULL if there is none. */
static char *read_node(const struct settings *settings, unsigned domid, const char *name)
{
    char path[PATH_TEXT];
    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, name);
    return xs_read(settings->store, XBT_NULL, path, NULL);
}

struct guest *guest_new(const struct settings *settings, unsigned domid)
{
    char path[PATH_TEXT];
    struct guest *guest = calloc(1, sizeof(*guest));
    if (!guest)
        return NULL;
    guest->domid = domid;
    guest->event.fd = -1;
    guest->terminal.master = -1;
    guest->log = settings->log;
    guest->log.fd = -1;
    snprintf(path, sizeof(path), "/local/domain/%u/console", domid);
    /* The event that comes at once is the first look. */
    if (!xs_watch(settings->store, path, path))
        syslog(LOG_ERR, "cannot watch the console of domain %u: %m", domid);
    return guest;
}

/* ---- output */

/* Gives the terminal what it has not shown and takes now. */
static void show(struct guest *guest)
{
    const char *text;
    size_t len;
    while (guest->attended && (len = history_get(&guest->history, &guest->shown, &text)) > 0) {
        ssize_t done = write(guest->terminal.master, text, len);
        if (done <= 0)
            return; /* poll() tells when there is room, inotify when there is nobody */
        guest->shown += (uint64_t)done;
    }
}

static void take_output(struct guest *guest)
{
    char text[sizeof(guest->page->out)];
    uint32_t end;
    size_t len = ring_look(guest->page, text, &end);
    if (len == 0)
        return;
    /* A kill in between has the next daemon write it once more, rather than nobody. */
    logfile_write(&guest->log, text, len);
    ring_taken(guest->page, end);
    event_notify(&guest->event); /* there is room again */
    history_add(&guest->history, text, len);
    show(guest);
}

/* ---- connecting */

static void disconnect(struct guest *guest)
{
    if (!guest->page)
        return;
    take_output(guest); /* its last words */
    event_close(&guest->event);
    grants_unmap(guest->page, 1);
    guest->page = NULL;
}

void guest_free(const struct settings *settings, struct guest *guest)
{
    char path[PATH_TEXT];
    disconnect(guest);
    terminal_close(&guest->terminal, settings->inotify);
    logfile_close(&guest->log);
    snprintf(path, sizeof(path), "/local/domain/%u/console", guest->domid);
    xs_unwatch(settings->store, path, path);
    free(guest);
}

static void open_log(const struct settings *settings, struct guest *guest)
{
    char text[PATH_TEXT];
    char *name = read_node(settings, guest->domid, "name");
    if (name && *name)
        snprintf(text, sizeof(text), "guest-%s", name);
    else
        snprintf(text, sizeof(text), "guest-dom%u", guest->domid);
    free(name);
    logfile_open(&guest->log, settings->log_dir, text);
}

/* Makes the terminal and says in the store where it is: `xl console` waits for that. */
static void open_terminal(const struct settings *settings, struct guest *guest)
{
    char path[PATH_TEXT];
    if (!terminal_open(&guest->terminal, settings->inotify)) {
        syslog(LOG_ERR, "no terminal for domain %u: %m", guest->domid);
        return;
    }
    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", guest->domid);
    if (!xs_write(settings->store, XBT_NULL, path, guest->terminal.name,
                  (unsigned)strlen(guest->terminal.name)))
        syslog(LOG_ERR, "cannot write %s: %m", path);
}

static void connect_guest(const struct settings *settings, struct guest *guest, unsigned port)
{
    guest->port = port;
    guest->page = grants_map(guest->domid, &(uint32_t){GNTTAB_RESERVED_CONSOLE}, 1, true);
    if (!guest->page) {
        syslog(LOG_ERR, "cannot map the console of domain %u: %m", guest->domid);
        return;
    }
    if (!event_bind(&guest->event, guest->domid, port)) {
        syslog(LOG_ERR, "cannot bind port %u of domain %u: %m", port, guest->domid);
        grants_unmap(guest->page, 1);
        guest->page = NULL;
        return;
    }
    if (settings->log_guests && !guest->log.path)
        open_log(settings, guest);
    if (guest->terminal.master < 0)
        open_terminal(settings, guest);
    take_output(guest);
}

void guest_look(const struct settings *settings, struct guest *guest)
{
    char *type = read_node(settings, guest->domid, "console/type");
    char *ring = read_node(settings, guest->domid, "console/ring-ref");
    char *text = read_node(settings, guest->domid, "console/port");
    /* Some guests' consoles are QEMU's. */
    bool ours = ring && text && (!type || strcmp(type, "xenconsoled") == 0);
    unsigned port = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    if (ours && guest->page && guest->port != port)
        disconnect(guest);
    if (ours && !guest->page)
        connect_guest(settings, guest, port);
    free(type);
    free(ring);
    free(text);
}

/* ---- events */

void guest_event(struct guest *guest, uint64_t now)
{
    if (!event_take(&guest->event))
        return;
    take_output(guest);
    if (now - guest->period_start >= PERIOD_MS) {
        guest->period_start = now;
        guest->events = 0;
    }
    guest->waiting = ++guest->events > EVENTS_PER_PERIOD;
    if (!guest->waiting)
        event_enable(&guest->event);
}

int guest_wait(const struct guest *guest, uint64_t now)
{
    if (!guest->waiting)
        return -1;
    uint64_t end = guest->period_start + PERIOD_MS;
    return end > now ? (int)(end - now) : 0;
}

void guest_period_over(struct guest *guest)
{
    guest->waiting = false;
    if (guest->page)
        event_enable(&guest->event);
}

/* ---- the terminal */

void guest_visit(const struct settings *settings, struct guest *guest)
{
    bool was = guest->attended;
    guest->attended = terminal_attended(&guest->terminal);
    if (guest->attended && !was) {
        guest->shown = history_last(&guest->history, settings->replay);
        show(guest);
    }
}

short guest_terminal_events(const struct guest *guest)
{
    short events = 0;
    if (!guest->attended)
        return 0;
    if (guest->page && ring_room(guest->page) > 0)
        events |= POLLIN;
    if (guest->shown < guest->history.end)
        events |= POLLOUT;
    return events;
}

void guest_terminal_ready(struct guest *guest, short events)
{
    char text[sizeof(guest->page->in)];
    if (events & POLLHUP) {
        guest->attended = false;
        return;
    }
    if (events & POLLOUT)
        show(guest);
    if (!(events & POLLIN) || !guest->page)
        return;
    /* The guest may have taken room away meanwhile; it cannot add any that was not there. */
    size_t room = ring_room(guest->page);
    ssize_t len = room > 0 ? read(guest->terminal.master, text, room) : 0;
    if (len > 0) {
        ring_put(guest->page, text, (size_t)len);
        event_notify(&guest->event);
    }
}
