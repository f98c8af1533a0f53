// SPDX-License-Identifier: GPL-2.0-only
/* The commands of CONTROL messages, which `xenstore-control` sends: questions about the store and
 * its limits.  For dom0 alone; the dispatcher in request.c has seen to that.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

#define MAX_ARGS 4

struct args {
    struct store *s;
    const char *arg[MAX_ARGS];
    unsigned nr;
    char *out;
    size_t room, len;
};

static int say(struct args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int say(struct args *a, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(a->out + a->len, a->room - a->len, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= a->room - a->len)
        return -E2BIG;
    a->len += (size_t)n;
    return 0;
}

/* ---- limits */

static const struct quota_word {
    const char *name, *what;
    size_t offset;
} quota_words[] = {
    {"nodes", "nodes a domain may own", offsetof(struct quota, nodes)},
    {"node-size", "bytes of a node's value", offsetof(struct quota, node_size)},
    {"permissions", "permissions of a node", offsetof(struct quota, perms)},
    {"watches", "watches of a domain", offsetof(struct quota, watches)},
    {"transactions", "transactions open at once", offsetof(struct quota, transactions)},
    {"transaction-nodes", "nodes that a transaction touches", offsetof(struct quota, txn_nodes)},
    {"path-max", "bytes of a path below a domain's home", offsetof(struct quota, path_len)},
    {"memory", "bytes of a domain's nodes, watches, transactions", offsetof(struct quota, memory)},
    {"output", "unread bytes until events are merged", offsetof(struct quota, output)},
};
#define NR_QUOTAS (sizeof(quota_words) / sizeof(quota_words[0]))

uint32_t *quota_named(struct quota *q, const char *name)
{
    for (size_t i = 0; i < NR_QUOTAS; i++)
        if (strcmp(quota_words[i].name, name) == 0)
            return (uint32_t *)((char *)q + quota_words[i].offset);
    return NULL;
}

static int quota_list(struct args *a)
{
    int status = say(a, "Quota settings:\n");
    for (size_t i = 0; i < NR_QUOTAS && !status; i++)
        status = say(a, "%-17s: %8u %s\n", quota_words[i].name,
                     *quota_named(&a->s->quota, quota_words[i].name), quota_words[i].what);
    return status;
}

static int quota_set(struct args *a)
{
    char *end;
    unsigned long value = strtoul(a->arg[2], &end, 10);
    uint32_t *q = quota_named(&a->s->quota, a->arg[1]);
    if (!q || *end || end == a->arg[2] || value > INT32_MAX)
        return -EINVAL;
    *q = (uint32_t)value;
    return say(a, "OK");
}

static int quota_of_domain(struct args *a)
{
    char *end;
    unsigned long domid = strtoul(a->arg[0], &end, 10);
    const struct domain *d = *end || domid >= STORE_DOMIDS ? NULL : a->s->domain[domid];
    if (!d || end == a->arg[0])
        return -ENOENT;
    return say(a,
               "Domain %u:\nnodes           : %8u\nwatches         : %8u\ntransactions    : %8u\n"
               "memory          : %8llu\nold versions    : %8llu\noutput          : %8llu\n",
               d->id, d->nodes, d->watches, d->txns, (unsigned long long)d->bytes,
               (unsigned long long)d->kept,
               (unsigned long long)(d->conn ? d->conn->produced - d->conn->acked : 0));
}

static int control_quota(struct args *a)
{
    if (a->nr == 0)
        return quota_list(a);
    if (a->nr == 1)
        return quota_of_domain(a);
    return a->nr == 3 && strcmp(a->arg[0], "set") == 0 ? quota_set(a) : -EINVAL;
}

/* ---- the rest */

struct recount {
    struct tree_walk walk;
    uint64_t nodes, bytes;
};

static int count_node(struct tree_walk *walk, struct node *n)
{
    struct recount *r = walk->arg;
    r->nodes++;
    r->bytes += node_bytes(n);
    return 0;
}

static struct recount recount(const struct store *s)
{
    struct recount r = {.nodes = 1, .bytes = node_bytes(s->root)};
    struct tree_walk walk = {.enter = count_node, .arg = &r};
    tree_walk(&walk, s->root);
    return r;
}

/* Every node belongs to somebody who is charged with it: the sums must be equal. */
static int control_check(struct args *a)
{
    struct recount r = recount(a->s);
    uint64_t charged = 0;
    for (const struct domain *d = a->s->domains; d; d = d->next)
        charged += d->nodes;
    if (r.bytes != a->s->live_bytes ||
        a->s->pool.bytes - r.bytes != a->s->private_bytes + a->s->kept_bytes)
        return say(a, "%llu bytes of nodes, but %llu and %llu, %llu for transactions charged",
                   (unsigned long long)a->s->pool.bytes, (unsigned long long)a->s->live_bytes,
                   (unsigned long long)a->s->private_bytes, (unsigned long long)a->s->kept_bytes);
    if (charged == r.nodes)
        return say(a, "OK");
    return say(a, "%llu nodes, but %llu charged", (unsigned long long)r.nodes,
               (unsigned long long)charged);
}

/* Answers are played again after a restart: so nothing here may depend on what was sent meanwhile,
 * or on how much memory is spare. */
static int control_memreport(struct args *a)
{
    struct recount r = recount(a->s);
    unsigned conns = 0;
    uint64_t waiting = 0;
    for (unsigned i = 0; i < STORE_CONNS; i++) {
        if (a->s->conn[i]) {
            conns++;
            waiting += a->s->conn[i]->produced - a->s->conn[i]->acked;
        }
    }
    return say(
        a,
        "nodes %llu\nnode bytes %llu\nbytes of transactions %llu\nbytes of old versions %llu\n"
        "watched paths %zu\nconnections %u\nunacknowledged bytes %llu\n",
        (unsigned long long)r.nodes, (unsigned long long)r.bytes,
        (unsigned long long)a->s->private_bytes, (unsigned long long)a->s->kept_bytes,
        a->s->nr_points, conns, (unsigned long long)waiting);
}

static int control_log(struct args *a)
{
    struct store_hooks *h = &a->s->hooks;
    bool on_off = a->nr == 1 && (strcmp(a->arg[0], "on") == 0 || strcmp(a->arg[0], "off") == 0);
    int status = on_off && h->log ? h->log(h->arg, "log", a->arg[0]) : -EINVAL;
    return status ? status : say(a, "OK");
}

static int control_logfile(struct args *a)
{
    struct store_hooks *h = &a->s->hooks;
    int status = a->nr == 1 && h->log ? h->log(h->arg, "logfile", a->arg[0]) : -EINVAL;
    return status ? status : say(a, "OK");
}

static int control_print(struct args *a)
{
    struct store_hooks *h = &a->s->hooks;
    int status = a->nr == 1 && h->log ? h->log(h->arg, "print", a->arg[0]) : -EINVAL;
    return status ? status : say(a, "OK");
}

static int control_help(struct args *a);

static const struct {
    const char *name, *args;
    int (*run)(struct args *a);
} commands[] = {
    {"check", "", control_check},
    {"help", "", control_help},
    {"log", "on|off", control_log},
    {"logfile", "<file>", control_logfile},
    {"memreport", "", control_memreport},
    {"print", "<string>", control_print},
    {"quota", "[set <name> <val>|<domid>]", control_quota},
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int control_help(struct args *a)
{
    int status = 0;
    for (size_t i = 0; i < NR_COMMANDS && !status; i++)
        status = say(a, "%s\t%s\n", commands[i].name, commands[i].args);
    return status;
}

int control_command(struct store *s, const char *payload, size_t len, char *out, size_t *out_len)
{
    const char *word[1 + MAX_ARGS];
    struct args a = {.s = s, .out = out, .room = XENSTORE_PAYLOAD_MAX};
    unsigned nr = wire_strings(payload, len, word, 1 + MAX_ARGS);
    if (nr < 1 || nr > 1 + MAX_ARGS)
        return -EINVAL;
    a.nr = nr - 1;
    memcpy(a.arg, word + 1, a.nr * sizeof(word[0]));
    for (size_t i = 0; i < NR_COMMANDS; i++) {
        if (strcmp(commands[i].name, word[0]) == 0) {
            int status = commands[i].run(&a);
            *out_len = a.len + 1; /* the NUL that vsnprintf put there */
            return status;
        }
    }
    return -EINVAL;
}
