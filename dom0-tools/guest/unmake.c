// SPDX-License-Identifier: GPL-2.0-only
/* Takes a guest down: first the domain, so that nothing of it acts any more; then its back ends,
 * which are asked to close and may take a moment; then every node.
 *
 * The nodes are those of the guest only if its home in the store says that it belongs to this uuid:
 * another domain may have got the number since.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest/backend.h"
#include "guest/device.h"
#include "guest/nodes.h"
#include "guest/record.h"
#include "guest/unmake.h"
#include "network/network.h"

struct unmaking {
    struct xs_handle *xs;
    unsigned domid;
    char uuid[UUID_TEXT];
    bool ours;       /* the home with this number in the store is the guest's */
    char **backends; /* paths of its devices' back ends */
    unsigned nr_backends;
};

/* ---- the domain */

static int find_handle(struct hypercalls *h, const uint8_t uuid[16], unsigned *domid,
                       struct problem *why)
{
    struct domain_info *list = NULL;
    int nr = domains_list(h, &list, why);

    for (int i = 0; i < nr; i++)
        if (memcmp(list[i].handle, uuid, sizeof(list[i].handle)) == 0)
            *domid = list[i].domid;
    free(list);
    return nr < 0 ? -1 : 0;
}

/* Also finds the number of one whose maker could not write it down. */
static int end_domain(struct hypercalls *h, unsigned *domid, const uint8_t uuid[16],
                      struct problem *why)
{
    struct domain_info info;
    struct problem gone = {0};

    if (!*domid && find_handle(h, uuid, domid, why) != 0)
        return -1;
    if (!*domid || domains_get(h, *domid, &info, &gone) != 0 ||
        memcmp(info.handle, uuid, sizeof(info.handle)) != 0)
        return 0;
    return domain_destroy(h, *domid, &gone) == 0 || gone.error == ESRCH
               ? 0
               : problem_set(why, gone.error, gone.remedy, "%s", gone.cause);
}

/* ---- devices */

/* Whether the home of the domain with this number is this guest's. */
static bool is_ours(const struct unmaking *u)
{
    char path[NODE_PATH];
    char *vm;
    bool ours;

    snprintf(path, sizeof(path), "/local/domain/%u/vm", u->domid);
    vm = xs_read(u->xs, XBT_NULL, path, NULL);
    ours = vm && strncmp(vm, "/vm/", 4) == 0 && strcmp(vm + 4, u->uuid) == 0;
    free(vm);
    return ours;
}

static int add_backend(struct unmaking *u, const char *path)
{
    char **more = realloc(u->backends, (u->nr_backends + 1) * sizeof(*more));

    if (!more)
        return -1;
    u->backends = more;
    more[u->nr_backends] = strdup(path);
    return more[u->nr_backends] ? (u->nr_backends++, 0) : -1;
}

/* By the list that only dom0 can write. */
static void find_backends(struct unmaking *u)
{
    char path[NODE_PATH];
    unsigned nr_kinds = 0, nr = 0;
    char **kinds;

    snprintf(path, sizeof(path), "/libxl/%u/device", u->domid);
    kinds = xs_directory(u->xs, XBT_NULL, path, &nr_kinds);
    for (unsigned k = 0; k < nr_kinds; k++) {
        char **devices;

        snprintf(path, sizeof(path), "/libxl/%u/device/%.32s", u->domid, kinds[k]);
        devices =
            strcmp(kinds[k], "console") != 0 ? xs_directory(u->xs, XBT_NULL, path, &nr) : NULL;
        for (unsigned i = 0; devices && i < nr; i++) {
            char *backend;

            snprintf(path, sizeof(path), "/libxl/%u/device/%.32s/%.32s/backend", u->domid, kinds[k],
                     devices[i]);
            backend = xs_read(u->xs, XBT_NULL, path, NULL);
            if (backend && strlen(backend) < NODE_PATH / 2)
                add_backend(u, backend);
            free(backend);
        }
        free(devices);
    }
    free(kinds);
}

/* xl removes a guest without the back ends of kinds that it does not know: those say whose they
 * are. */
static void find_orphans(struct unmaking *u)
{
    static const struct device_kind *const kinds[] = {&kind_pvblk, &kind_pvnet, NULL};
    char path[NODE_PATH];

    for (unsigned k = 0; kinds[k]; k++) {
        unsigned nr = 0;
        char **devices;

        snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", kinds[k]->back, u->domid);
        devices = xs_directory(u->xs, XBT_NULL, path, &nr);
        for (unsigned i = 0; devices && i < nr; i++) {
            char owner_path[NODE_PATH];
            char *owner;

            backend_path(path, kinds[k]->back, u->domid, (unsigned)strtoul(devices[i], NULL, 10));
            snprintf(owner_path, sizeof(owner_path), "%.180s/uuid", path);
            owner = xs_read(u->xs, XBT_NULL, owner_path, NULL);
            if (owner && strcmp(owner, u->uuid) == 0)
                add_backend(u, path);
            free(owner);
        }
        free(devices);
    }
}

/* The drivers close by themselves when the front end is gone; `state` tells them to say so. */
static int ask_to_close(struct nodes *n, void *ctx, struct problem *why)
{
    struct unmaking *u = ctx;
    char path[NODE_PATH];

    (void)why;
    for (unsigned i = 0; i < u->nr_backends; i++) {
        char *state;

        nodes_base(n, "%s", u->backends[i]);
        state = nodes_read(n, "state");
        if (state && strtoul(state, NULL, 10) != DEVICE_CLOSED) {
            nodes_write(n, "online", "0");
            nodes_write(n, "state", "%d", DEVICE_CLOSING);
        }
        free(state);
    }
    snprintf(path, sizeof(path), "/local/domain/%u/device", u->domid);
    if (u->ours)
        nodes_remove(n, path);
    return 0;
}

void free_loop(struct xs_handle *xs, const char *backend)
{
    char path[NODE_PATH];
    char *node, *file;
    struct loop_info64 info;
    int fd;

    snprintf(path, sizeof(path), "%s/node", backend);
    node = xs_read(xs, XBT_NULL, path, NULL);
    snprintf(path, sizeof(path), "%s/params", backend);
    file = xs_read(xs, XBT_NULL, path, NULL);
    fd = node && strncmp(node, "/dev/loop", 9) == 0 ? open(node, O_RDONLY | O_CLOEXEC) : -1;
    /* Only if it is still that file's: somebody else may have got the device since. */
    if (fd >= 0 && file && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 &&
        !(info.lo_flags & LO_FLAGS_AUTOCLEAR) &&
        strncmp((const char *)info.lo_file_name, file, LO_NAME_SIZE - 1) == 0)
        ioctl(fd, LOOP_CLR_FD, 0);
    if (fd >= 0)
        close(fd);
    free(node);
    free(file);
}

void remove_backend(struct nodes *n, const char *backend)
{
    char path[NODE_PATH];
    unsigned nr = 0;
    char **others;
    char *slash;

    nodes_remove(n, backend);
    snprintf(path, sizeof(path), "%s", backend);
    slash = strrchr(path, '/');
    if (!slash || slash == path)
        return;
    *slash = 0;
    others = xs_directory(n->xs, n->t, path, &nr);
    if (others && nr == 0)
        nodes_remove(n, path);
    free(others);
}

static int remove_nodes(struct nodes *n, void *ctx, struct problem *why)
{
    const struct unmaking *u = ctx;
    char path[NODE_PATH];

    (void)why;
    for (unsigned i = 0; i < u->nr_backends; i++)
        remove_backend(n, u->backends[i]);
    if (!u->ours)
        return 0;
    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", u->domid);
    nodes_remove(n, path);
    snprintf(path, sizeof(path), "/local/domain/%u", u->domid);
    nodes_remove(n, path);
    snprintf(path, sizeof(path), "/libxl/%u", u->domid);
    nodes_remove(n, path);
    snprintf(path, sizeof(path), "/vm/%s", u->uuid);
    nodes_remove(n, path);
    return 0;
}

/* What xl keeps of a guest beside the store. */
static void remove_files(const struct unmaking *u)
{
    char path[128];

    snprintf(path, sizeof(path), XL_USERDATA, u->domid, u->uuid);
    unlink(path);
}

static int remove_all(struct unmaking *u, struct problem *why)
{
    struct problem late;

    if (!u->domid)
        return 0;
    u->ours = is_ours(u);
    if (u->ours)
        find_backends(u);
    else
        find_orphans(u);
    if (u->nr_backends) {
        if (nodes_transaction(u->xs, ask_to_close, u, why) != 0)
            return -1;
        /* A driver that does not close in time loses its device with its nodes. */
        backends_wait(u->xs, u->backends, u->nr_backends, DEVICE_CLOSED, BACKEND_END_S, &late);
    }
    for (unsigned i = 0; i < u->nr_backends; i++)
        free_loop(u->xs, u->backends[i]);
    if (u->ours)
        remove_files(u);
    return !u->ours && !u->nr_backends ? 0 : nodes_transaction(u->xs, remove_nodes, u, why);
}

int guest_unmake(struct hypercalls *h, struct xs_handle *xs, unsigned domid, const uint8_t uuid[16],
                 struct problem *why)
{
    struct unmaking u = {.xs = xs};
    int status;

    if (end_domain(h, &domid, uuid, why) != 0)
        return -1;
    u.domid = domid;
    uuid_text(uuid, u.uuid);
    status = remove_all(&u, why);
    while (u.nr_backends > 0)
        free(u.backends[--u.nr_backends]);
    free(u.backends);
    /* One that is made again keeps its network, and its address there. */
    if (status == 0 && record_find(uuid) != RECORD_AGAIN)
        network_release(uuid, NULL, NULL); /* else the next command does */
    return status;
}

/* ---- whole guests */

int guest_destroy(struct hypercalls *h, struct xs_handle *xs, unsigned domid, struct problem *why)
{
    struct domain_info info;
    struct record record;
    int status;

    if (domid == 0)
        return problem_set(why, EPERM, "`poweroff` ends the machine", "domain 0 is this one");
    if (domains_get(h, domid, &info, why) != 0)
        return -1;
    status = record_open(&record, info.handle, RECORD_ACT, why);
    if (status < 0)
        return -1;
    if (status == 0) {
        /* Nobody's, or somebody acts on it: then the domain is ended under his feet. */
        if (domain_destroy(h, domid, why) != 0 && (!why || why->error != ESRCH))
            return -1;
        if (record_open(&record, info.handle, RECORD_ACT | RECORD_WAIT, why) < 0)
            return -1;
    }
    if (record.fd >= 0 && record_set_state(&record, RECORD_MAKING, why) != 0) {
        record_close(&record);
        return -1;
    }
    status = guest_unmake(h, xs, domid, info.handle, why);
    if (status == 0)
        record_remove(&record);
    else
        record_close(&record);
    return status;
}

int guests_clean_up(bool (*connect)(void *ctx, struct hypercalls **h, struct xs_handle **xs),
                    void *ctx)
{
    uint8_t(*uuids)[16];
    struct hypercalls *h;
    struct xs_handle *xs;
    int nr = records_list(RECORD_MAKING, &uuids, NULL), done = 0;

    for (int i = 0; i < nr; i++) {
        struct record record;

        if (record_open(&record, uuids[i], RECORD_ACT, NULL) != 1)
            continue; /* its maker lives */
        if (record.state == RECORD_MAKING && connect(ctx, &h, &xs) &&
            guest_unmake(h, xs, record.domid, record.uuid, NULL) == 0) {
            record_remove(&record);
            done++;
        } else {
            record_close(&record);
        }
    }
    free(uuids);
    return done;
}
