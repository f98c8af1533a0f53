// SPDX-License-Identifier: GPL-2.0-only
/* Devices of one guest or of all: see device.h.
 *
 * Events are first all taken and only mark devices; then each marked device is looked at once,
 * however many events there were.  A guest that writes to its nodes as fast as it can costs a look
 * at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "backend/device.h"
#include "backend/node.h"
#include "backend/step.h"

#define OWN_DOMAIN  0
#define MAX_STATE   XenbusStateReconfigured
#define MAX_STEPS   4 /* one look makes: an end and a new offer, and then some */
#define TOKEN_OWN   "own"
#define TOKEN_FRONT "front"

/* ---- devices appear and vanish */

/* The device, which is one from now on; NULL: no memory. */
static struct backend_device *appear(struct backend *b, unsigned guest, unsigned id)
{
    struct backend_device *d = b->devices;
    while (d && (d->id != id || d->guest != guest))
        d = d->next;
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d || asprintf(&d->path, "/local/domain/%d/backend/%s/%u/%u", OWN_DOMAIN, b->driver->kind,
                       guest, id) < 0) {
        syslog(LOG_ERR, "no memory for device %u of domain %u", id, guest);
        free(d);
        return NULL;
    }
    d->backend = b;
    d->guest = guest;
    d->id = id;
    d->touched = true;
    d->next = b->devices;
    b->devices = d;
    return d;
}

static void stop_watching(struct backend_device *d)
{
    char *path;
    if (d->front && asprintf(&path, "%s/state", d->front) >= 0) {
        xs_unwatch(d->backend->store, path, TOKEN_FRONT);
        free(path);
    }
    free(d->front);
    d->front = NULL;
}

static void vanish(struct backend_device *d)
{
    struct backend_device **at = &d->backend->devices;
    if (d->attached)
        d->backend->driver->detach(d);
    if (d->mine)
        d->backend->driver->gone(d);
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    stop_watching(d);
    free(d->path);
    free(d);
}

/* Where the guest keeps its half.  dom0 wrote the path, but a mistake there would have us watch,
 * and believe, another domain's nodes. */
static bool find_front(struct backend_device *d)
{
    char expected[64];
    char *path;
    char *front = node_read(d->backend->store, d->path, "frontend");
    if (!front)
        return false;
    int len = snprintf(expected, sizeof(expected), "/local/domain/%u/", d->guest);
    if (strncmp(front, expected, (size_t)len) != 0) {
        backend_error(d, "the node 'frontend' names '%s', which is not domain %u's", front,
                      d->guest);
        free(front);
        return false;
    }
    d->front = front;
    if (asprintf(&path, "%s/state", front) < 0)
        return false;
    if (!xs_watch(d->backend->store, path, TOKEN_FRONT))
        syslog(LOG_ERR, "cannot watch %s: %m", path);
    free(path);
    return true;
}

/* ---- states */

static enum xenbus_state state_of(struct xs_handle *store, const char *dir)
{
    uint64_t state;
    return dir && node_number(store, dir, "state", MAX_STATE, &state) ? (enum xenbus_state)state
                                                                      : XenbusStateUnknown;
}

static bool write_state(struct backend_device *d, xs_transaction_t t, enum xenbus_state state)
{
    return node_write(d->backend->store, t, d->path, "state", "%u", (unsigned)state);
}

/* What is offered and the state that says so become visible at once. */
static bool offer(struct backend_device *d)
{
    struct xs_handle *store = d->backend->store;
    for (;;) {
        xs_transaction_t t = xs_transaction_start(store);
        if (t == XBT_NULL)
            return false;
        bool good = d->backend->driver->offer(d, t) &&
                    write_state(d, t, backend_state_after(BACKEND_OFFER, XenbusStateUnknown));
        if (xs_transaction_end(store, t, !good) || !good)
            return good;
        if (errno != EAGAIN)
            return false;
    }
}

static void detach(struct backend_device *d)
{
    if (d->attached)
        d->backend->driver->detach(d);
    d->attached = false;
}

static void take_step(struct backend_device *d, enum backend_step step, enum xenbus_state own)
{
    if (step == BACKEND_ATTACH) {
        /* Initialised and InitWait are the states in which nobody has served it yet. */
        bool again = own == XenbusStateConnected || own == XenbusStateClosing;
        d->attached = d->backend->driver->attach(d, again);
        d->refused = !d->attached;
        if (!d->attached)
            step = BACKEND_CLOSE; /* the front end closes its half, and a new try is possible */
    } else {
        detach(d);
    }
    if (step == BACKEND_OFFER) {
        if (offer(d))
            return;
        step = BACKEND_FINISH; /* a guest that waits for the device goes on without it */
    }
    enum xenbus_state next = backend_state_after(step, own);
    /* A step may have taken long: what was removed meanwhile must not come back by a write. */
    if (next != own && node_exists(d->backend->store, d->path) && !write_state(d, XBT_NULL, next))
        syslog(LOG_ERR, "cannot write %s/state: %m", d->path);
}

static void look(struct backend_device *d)
{
    struct xs_handle *store = d->backend->store;
    const struct backend_driver *driver = d->backend->driver;
    d->touched = false;
    if (!node_exists(store, d->path)) {
        vanish(d);
        return;
    }
    if (!d->mine && !(d->mine = !driver->mine || driver->mine(d)))
        return;
    if (!d->front && !find_front(d))
        return; /* the toolstack is not done; its next write comes here again */
    for (int i = 0; i < MAX_STEPS; i++) {
        uint64_t online = 0;
        enum xenbus_state own = state_of(store, d->path);
        if (own == XenbusStateUnknown && !node_exists(store, d->path)) {
            vanish(d);
            return;
        }
        enum xenbus_state front = state_of(store, d->front);
        if (front != XenbusStateInitialised && front != XenbusStateConnected)
            d->refused = false;
        node_number(store, d->path, "online", 1, &online);
        enum backend_step step = backend_step(own, front, online, d->attached);
        if (step == BACKEND_NOTHING || (step == BACKEND_ATTACH && d->refused))
            break;
        take_step(d, step, own);
    }
    driver->changed(d);
}

void backend_nudge(struct backend_device *d)
{
    write_state(d, XBT_NULL, state_of(d->backend->store, d->path));
}

/* ---- events */

/* Every device below @path, the directory of a guest. */
static void survey_guest(struct backend *b, const char *path, unsigned guest)
{
    unsigned nr = 0;
    uint64_t id;
    char **names = xs_directory(b->store, XBT_NULL, path, &nr);
    for (unsigned i = 0; i < nr; i++) {
        if (node_parse(names[i], UINT32_MAX, &id))
            appear(b, guest, (unsigned)id);
    }
    free(names);
}

static void survey(struct backend *b)
{
    unsigned nr = 0;
    uint64_t guest;
    if (b->guest != BACKEND_ALL_GUESTS) {
        survey_guest(b, b->path, b->guest);
        return;
    }
    char **names = xs_directory(b->store, XBT_NULL, b->path, &nr);
    for (unsigned i = 0; i < nr; i++) {
        char *path;
        if (!node_parse(names[i], UINT32_MAX, &guest) ||
            asprintf(&path, "%s/%s", b->path, names[i]) < 0)
            continue;
        survey_guest(b, path, (unsigned)guest);
        free(path);
    }
    free(names);
}

/* Takes a number from the front of a path, and the slash behind it. */
static bool take_number(const char **path, unsigned *number)
{
    uint64_t value;
    size_t len = strcspn(*path, "/");
    char *name = strndup(*path, len);
    bool good = name && node_parse(name, UINT32_MAX, &value);
    free(name);
    if (!good)
        return false;
    *number = (unsigned)value;
    *path += len + ((*path)[len] == '/');
    return true;
}

static void touch_own(struct backend *b, const char *path)
{
    size_t len = strlen(b->path);
    unsigned guest = b->guest;
    unsigned id;
    bool below = strncmp(path, b->path, len) == 0 && path[len] == '/';
    const char *rest = below ? path + len + 1 : path;
    if (below && (guest != BACKEND_ALL_GUESTS || take_number(&rest, &guest)) &&
        take_number(&rest, &id)) {
        if (strcmp(rest, "error") == 0)
            return; /* our own word, for which we would only say it again */
        struct backend_device *d = appear(b, guest, id);
        if (!d)
            return;
        d->touched = true;
        if (strcmp(rest, "state") != 0)
            d->refused = false; /* what the toolstack has changed may be what was wrong */
        return;
    }
    /* A directory of devices, or one above it. */
    survey(b);
    for (struct backend_device *d = b->devices; d; d = d->next)
        d->touched = true;
}

static void touch_front(struct backend *b, const char *path)
{
    for (struct backend_device *d = b->devices; d; d = d->next) {
        if (d->front && xs_path_is_subpath(d->front, path))
            d->touched = true;
    }
}

static bool serves_any(const struct backend *b)
{
    const struct backend_device *d = b->devices;
    while (d && !d->mine)
        d = d->next;
    return d;
}

bool backend_events(struct backend *b)
{
    char **event;
    bool had_devices = serves_any(b);
    while ((event = xs_check_watch(b->store))) {
        if (strcmp(event[XS_WATCH_TOKEN], TOKEN_OWN) == 0)
            touch_own(b, event[XS_WATCH_PATH]);
        else
            touch_front(b, event[XS_WATCH_PATH]);
        free(event);
    }
    if (errno != EAGAIN) {
        syslog(LOG_ERR, "the connection to the store is gone: %m");
        return false;
    }
    for (struct backend_device *d = b->devices, *next; d; d = next) {
        next = d->next;
        if (d->touched)
            look(d);
    }
    b->gone = had_devices && !serves_any(b) &&
              (b->guest == BACKEND_ALL_GUESTS || !node_exists(b->store, b->path));
    return !b->gone;
}

bool backend_open(struct backend *b, const struct backend_driver *driver, unsigned guest)
{
    *b = (struct backend){.driver = driver, .guest = guest};
    int len =
        guest == BACKEND_ALL_GUESTS
            ? asprintf(&b->path, "/local/domain/%d/backend/%s", OWN_DOMAIN, driver->kind)
            : asprintf(&b->path, "/local/domain/%d/backend/%s/%u", OWN_DOMAIN, driver->kind, guest);
    if (len < 0)
        return false;
    b->store = xs_open(0);
    return b->store && xs_watch(b->store, b->path, TOKEN_OWN);
}

int backend_fd(const struct backend *b)
{
    return xs_fileno(b->store);
}
