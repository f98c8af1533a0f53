// SPDX-License-Identifier: GPL-2.0-only
/* Waits for back ends.  All that a guest or a driver can do here is to let the time run out. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/backend.h"
#include "guest/device.h"
#include "guest/nodes.h"

long long backend_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

bool backend_event(struct xs_handle *xs, long long deadline_ms)
{
    for (;;) {
        struct pollfd fd = {.fd = xs_fileno(xs), .events = POLLIN};
        char **event = xs_check_watch(xs);
        long long left = deadline_ms - backend_clock();

        if (event) {
            free(event);
            return true;
        }
        if (errno != EAGAIN || left <= 0)
            return false;
        if (poll(&fd, 1, left > 1000000 ? 1000000 : (int)left) < 0 && errno != EINTR)
            return false;
    }
}

/* The state that it says; 0: it says nothing, so it is not there. */
static unsigned read_state(struct xs_handle *xs, const char *path)
{
    char node[NODE_PATH];
    unsigned state;
    char *text;

    snprintf(node, sizeof(node), "%s/state", path);
    text = xs_read(xs, XBT_NULL, node, NULL);
    state = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    free(text);
    return state;
}

/* Who serves the device with this path of the store. */
static const struct device_kind *kind_of(const char *path)
{
    const char *at = strstr(path, "/backend/");
    char back[16] = "";

    if (at)
        sscanf(at, "/backend/%15[^/]", back);
    return kind_named(back);
}

/* What the driver wrote when it gave up: ours into the device's own folder, the kernel's, of
 * /local/domain/0/backend/..., into /local/domain/0/error/backend/... */
static int driver_error(struct xs_handle *xs, const char *path, struct problem *why)
{
    const struct device_kind *kind = kind_of(path);
    char node[NODE_PATH];
    char *text;

    if (kind && !kind->kernel)
        snprintf(node, sizeof(node), "%s/error", path);
    else
        snprintf(node, sizeof(node), "/local/domain/0/error/%s/error",
                 strstr(path, "backend/") ? strstr(path, "backend/") : "");
    text = xs_read(xs, XBT_NULL, node, NULL);
    problem_set(why, 0, kind && !kind->kernel ? "See dom0's log" : "See `dmesg` in dom0",
                "the back end %s gave up%s%s", path, text ? ": " : "", text ? text : "");
    free(text);
    return -1;
}

/* 1: as wanted; 0: not yet; -1: it will not. */
static int look(struct xs_handle *xs, const char *path, enum device_state wanted,
                struct problem *why)
{
    unsigned state = read_state(xs, path);

    if (wanted == DEVICE_CLOSED)
        return state == 0 || state == DEVICE_CLOSED;
    if (state == DEVICE_CLOSING || state == DEVICE_CLOSED)
        return driver_error(xs, path, why);
    return state >= wanted;
}

static int time_over(const char *path, unsigned seconds, struct problem *why)
{
    const struct device_kind *kind = kind_of(path);
    char remedy[96];

    snprintf(remedy, sizeof(remedy), "%s; then see dom0's log", kind ? kind->start : "Start it");
    return problem_set(why, ETIMEDOUT, remedy, "the back end %s did not answer in %u seconds", path,
                       seconds);
}

int backends_wait(struct xs_handle *xs, char *const *paths, unsigned nr, enum device_state state,
                  unsigned seconds, struct problem *why)
{
    long long end = backend_clock() + seconds * 1000LL;
    unsigned done, watched;
    int status = 0;

    for (watched = 0; watched < nr; watched++) {
        char node[NODE_PATH];

        snprintf(node, sizeof(node), "%s/state", paths[watched]);
        if (!xs_watch(xs, node, paths[watched])) {
            status = problem_set(why, errno, NULL, "cannot watch %s", node);
            break;
        }
    }
    for (done = 0; status >= 0 && done < nr;) {
        status = look(xs, paths[done], state, why);
        if (status > 0)
            done++;
        else if (status == 0 && !backend_event(xs, end))
            status = time_over(paths[done], seconds, why);
    }
    while (watched-- > 0) {
        char node[NODE_PATH];

        snprintf(node, sizeof(node), "%s/state", paths[watched]);
        xs_unwatch(xs, node, paths[watched]);
    }
    return status < 0 ? -1 : 0;
}
