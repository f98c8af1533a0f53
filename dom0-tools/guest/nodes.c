// SPDX-License-Identifier: GPL-2.0-only
/* The store's transactions with one place where errors are looked at.
 *
 * Each request costs a switch to the daemon and back, so there are as few as can be: permissions
 * are set on the topmost node and inherited below.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/nodes.h"

static void whole_path(const struct nodes *n, char out[NODE_PATH], const char *path)
{
    const char *base = *path == '/' ? "" : n->base;

    if (snprintf(out, NODE_PATH, "%s%s%s", base, *path && *base ? "/" : "", path) >= NODE_PATH)
        *out = 0; /* which the store refuses */
}

static void check(struct nodes *n, bool done, const char *path)
{
    if (done)
        return;
    n->error = errno;
    snprintf(n->failed, sizeof(n->failed), "%s", path);
}

void nodes_base(struct nodes *n, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(n->base, sizeof(n->base), format, args);
    va_end(args);
}

void nodes_write(struct nodes *n, const char *path, const char *format, ...)
{
    char whole[NODE_PATH], value[NODE_VALUE];
    va_list args;
    int len;

    if (n->error)
        return;
    va_start(args, format);
    len = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (len >= (int)sizeof(value))
        len = sizeof(value) - 1;
    whole_path(n, whole, path);
    check(n, xs_write(n->xs, n->t, whole, value, (unsigned)len), whole);
}

void nodes_own(struct nodes *n, const char *path, unsigned owner, unsigned reader)
{
    struct xs_permissions perms[2] = {{.id = owner, .perms = XS_PERM_NONE},
                                      {.id = reader, .perms = XS_PERM_READ}};
    char whole[NODE_PATH];

    if (n->error)
        return;
    whole_path(n, whole, path);
    check(n, xs_mkdir(n->xs, n->t, whole), whole);
    if (!n->error)
        check(n, xs_set_permissions(n->xs, n->t, whole, perms, reader == owner ? 1 : 2), whole);
}

void nodes_remove(struct nodes *n, const char *path)
{
    char whole[NODE_PATH];

    if (n->error)
        return;
    whole_path(n, whole, path);
    check(n, xs_rm(n->xs, n->t, whole) || errno == ENOENT, whole);
}

char *nodes_read(struct nodes *n, const char *path)
{
    char whole[NODE_PATH];
    char *value;

    if (n->error)
        return NULL;
    whole_path(n, whole, path);
    value = xs_read(n->xs, n->t, whole, NULL);
    check(n, value || errno == ENOENT, whole);
    return value;
}

int nodes_transaction(struct xs_handle *xs,
                      int (*body)(struct nodes *n, void *ctx, struct problem *why), void *ctx,
                      struct problem *why)
{
    static const char remedy[] = "See whether xenstored runs, and its log for quotas";

    for (;;) {
        struct nodes n = {.xs = xs, .t = xs_transaction_start(xs)};

        if (n.t == XBT_NULL)
            return problem_set(why, errno, remedy, "the store begins no transaction");
        if (body(&n, ctx, why) != 0) {
            xs_transaction_end(xs, n.t, true);
            return -1;
        }
        if (n.error) {
            xs_transaction_end(xs, n.t, true);
            return problem_set(why, n.error, remedy, "the store does not take %s", n.failed);
        }
        if (xs_transaction_end(xs, n.t, false))
            return 0;
        if (errno != EAGAIN)
            return problem_set(why, errno, remedy, "the store does not end a transaction");
    }
}
