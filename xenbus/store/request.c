// SPDX-License-Identifier: GPL-2.0-only
/* One function for each request of the protocol: fetch its arguments, call what does the work,
 * choose the answer.  Which requests may come from whom, and which know transactions, is in the
 * table below.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "txn.h"
#include "watch.h"

#define REPLY_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

struct request {
    struct store *s;
    struct conn *c;
    const struct xsd_sockmsg *hdr;
    const char *payload;
    struct txn *txn;
    /* the answer; without one "OK" */
    const char *data;
    size_t len;
    struct watch *watch; /* just set: its first event follows the answer */
    char buffer[XENSTORE_PAYLOAD_MAX + 1];
};

/* ---- arguments */

/* The payload is one string and nothing else. */
static const char *one_string(const struct request *r)
{
    size_t len = wire_string(r->payload, r->hdr->len);
    return len && len == r->hdr->len ? r->payload : NULL;
}

static bool fetch_path(const struct request *r, const char *text, struct path *p)
{
    return text && text[0] != '@' &&
           path_canonical(p, text, r->c->domain->id, r->s->quota.path_len);
}

/* A whole decimal number of at most @max. */
static bool fetch_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > (max - (uint64_t)(*text - '0')) / 10)
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    *out = n;
    return true;
}

static bool fetch_domid(const char *text, uint16_t *domid)
{
    uint64_t n;
    if (!text || !fetch_number(text, STORE_DOMIDS - 1, &n))
        return false;
    *domid = (uint16_t)n;
    return true;
}

/* ---- looking at nodes */

/* The tree that the request sees.  Changes in a transaction's own tree tell nobody. */
static struct view view_of(struct request *r)
{
    return (struct view){.s = r->s,
                         .c = r->c,
                         .root = r->txn && r->txn->root ? &r->txn->root : &r->s->root,
                         .txn = r->txn,
                         .quiet = r->txn != NULL};
}

/* A node to be read; *error says why it is NULL.  Inside a transaction it is noted what was read.
 */
static struct node *look(struct request *r, const char *text, uint32_t reads, int *error)
{
    struct path p;
    struct view v = view_of(r);
    *error = -EINVAL;
    if (!text || !fetch_path(r, text, &p))
        return NULL;
    if (r->txn && (*error = txn_note_read(r->s, r->txn, p.text, p.len, reads)) != 0)
        return NULL;
    return view_node(&v, p.text, WIRE_PERM_READ, error);
}

static int do_read(struct request *r)
{
    int error;
    const struct node *n = look(r, one_string(r), READ_VALUE | READ_PERMS, &error);
    if (!n)
        return error;
    r->data = n->value->data;
    r->len = n->value->len;
    return n->value->len <= XENSTORE_PAYLOAD_MAX ? 0 : -E2BIG;
}

static int do_directory(struct request *r)
{
    int error;
    struct child_iter it;
    const struct node *n = look(r, one_string(r), READ_LIST | READ_PERMS, &error);
    if (!n)
        return error;
    for (const struct node *child = child_first(&it, n); child; child = child_next(&it)) {
        size_t len = child->name->len + 1;
        if (r->len + len > XENSTORE_PAYLOAD_MAX)
            return -E2BIG;
        memcpy(r->buffer + r->len, child->name->data, len);
        r->len += len;
    }
    r->data = r->buffer;
    return 0;
}

/* From a byte offset of the whole list, as many names as fit; behind the last one an empty name. */
static int do_directory_part(struct request *r)
{
    const char *arg[2] = {NULL, NULL};
    int error;
    uint64_t offset, at = 0;
    struct child_iter it;
    if (wire_strings(r->payload, r->hdr->len, arg, 2) != 2)
        return -EINVAL;
    const struct node *n = look(r, arg[0], READ_LIST | READ_PERMS, &error);
    if (!n)
        return error;
    if (!fetch_number(arg[1], INT32_MAX, &offset))
        return -EINVAL;
    r->data = r->buffer;
    r->len =
        (size_t)snprintf(r->buffer, sizeof(r->buffer), "%llu", (unsigned long long)n->list_gen) + 1;
    for (const struct node *child = child_first(&it, n); child; child = child_next(&it)) {
        size_t len = child->name->len + 1;
        if (at >= offset) {
            if (r->len + len >= XENSTORE_PAYLOAD_MAX)
                return 0;
            memcpy(r->buffer + r->len, child->name->data, len);
            r->len += len;
        }
        at += len;
    }
    r->buffer[r->len++] = 0;
    return 0;
}

/* ---- permissions */

static int perms_reply(struct request *r, const struct perms *perms)
{
    for (unsigned i = 0; i < perms->nr; i++) {
        const struct perm *e = &perms->entry[i];
        if (r->len + WIRE_PERM_TEXT > XENSTORE_PAYLOAD_MAX)
            return -E2BIG;
        r->len += wire_perm_print(r->buffer + r->len, e->bits, e->domid) + 1;
    }
    r->data = r->buffer;
    return 0;
}

static int do_get_perms(struct request *r)
{
    int error;
    const char *name = one_string(r);
    const struct node *n = look(r, name, READ_PERMS, &error);
    return n ? perms_reply(r, n->perms) : error;
}

/* Entries of @nr strings that follow each other at @text.  NULL and *error if one is none. */
static struct perms *fetch_perms(const struct request *r, const char *text, unsigned nr, int *error)
{
    struct perms *perms = perms_new(nr);
    *error = -ENOMEM;
    for (unsigned i = 0; perms && i < nr; i++, text += strlen(text) + 1) {
        unsigned bits, domid;
        const struct domain *d = NULL;
        *error = -EINVAL;
        if (wire_perm_parse(text, &bits, &domid) && domid < STORE_DOMIDS) {
            d = domain_lookup(r->s, (uint16_t)domid);
            *error = -ENOMEM;
        }
        if (!d) {
            perms_put(perms);
            return NULL;
        }
        r->s->domain[domid]->named = true;
        perms->entry[i] = (struct perm){.domid = d->id, .bits = (uint8_t)bits, .birth = d->birth};
    }
    return perms;
}

/* The special watches have permissions too, but no node. */
static int set_special(const struct request *r, const char *name, struct perms *perms)
{
    bool introduce = strcmp(name, "@introduceDomain") == 0;
    struct perms **special = introduce ? &r->s->introduce_perms : &r->s->release_perms;
    if (!introduce && strcmp(name, "@releaseDomain") != 0)
        return -EINVAL;
    if (!conn_privileged(r->c))
        return -EACCES;
    perms_put(*special);
    *special = perms_get(perms);
    return 0;
}

/* A change, in the transaction or at once. */
static int do_change(struct request *r, const char *text, struct blob *value, struct perms *perms)
{
    struct path p;
    struct view v = view_of(r);
    if (!fetch_path(r, text, &p))
        return -EINVAL;
    if (r->txn)
        return txn_change(&v, r->hdr->type, &p, value, perms);
    switch (r->hdr->type) {
    case XS_WRITE: return change_write(&v, &p, value);
    case XS_MKDIR: return change_mkdir(&v, &p);
    case XS_RM: return change_remove(&v, &p);
    default: return change_perms(&v, &p, perms);
    }
}

static int do_set_perms(struct request *r)
{
    const char *arg[2] = {NULL, NULL};
    int error;
    unsigned nr = wire_strings(r->payload, r->hdr->len, arg, 2);
    if (nr < 2)
        return -EINVAL;
    if (!conn_privileged(r->c) && nr - 1 > r->s->quota.perms)
        return -ENOSPC;
    struct perms *perms = fetch_perms(r, arg[1], nr - 1, &error);
    if (!perms)
        return error;
    error = arg[0][0] == '@' ? set_special(r, arg[0], perms) : do_change(r, arg[0], NULL, perms);
    perms_put(perms);
    return error;
}

/* ---- changes */

static int do_write(struct request *r)
{
    size_t len = wire_string(r->payload, r->hdr->len);
    if (!len)
        return -EINVAL;
    struct blob *value = blob_new(r->payload + len, r->hdr->len - len);
    if (!value)
        return -ENOMEM;
    int status = do_change(r, r->payload, value, NULL);
    blob_put(value);
    return status;
}

static int do_mkdir_or_rm(struct request *r)
{
    const char *name = one_string(r);
    return name ? do_change(r, name, NULL, NULL) : -EINVAL;
}

static int do_transaction_start(struct request *r)
{
    struct txn *t;
    if (r->txn)
        return -EBUSY;
    int status = txn_start(r->s, r->c, &t);
    if (status)
        return status;
    r->data = r->buffer;
    r->len = (size_t)snprintf(r->buffer, sizeof(r->buffer), "%u", t->id) + 1;
    return 0;
}

static int do_transaction_end(struct request *r)
{
    const char *word = one_string(r);
    if (!word || (strcmp(word, "T") != 0 && strcmp(word, "F") != 0))
        return -EINVAL;
    if (!r->txn)
        return -ENOENT;
    if (*word == 'T')
        return txn_commit(r->s, r->txn);
    txn_abort(r->s, r->txn);
    return 0;
}

/* ---- watches */

/* A watched path, or one of the words that begin with @, for which there may be no event ever. */
static bool fetch_watch(const struct request *r, const char *text, struct path *p)
{
    if (text[0] != '@')
        return fetch_path(r, text, p);
    p->base = 0;
    p->len = strlen(text);
    if (p->len > XENSTORE_REL_PATH_MAX)
        return false;
    memcpy(p->text, text, p->len + 1);
    return true;
}

static int do_watch(struct request *r)
{
    const char *arg[2] = {NULL, NULL};
    struct path p;
    if (wire_strings(r->payload, r->hdr->len, arg, 2) != 2 || !fetch_watch(r, arg[0], &p))
        return -EINVAL;
    return watch_add(r->s, r->c, p.text, p.len, p.base, arg[1], &r->watch);
}

static int do_unwatch(struct request *r)
{
    const char *arg[2] = {NULL, NULL};
    struct path p;
    if (wire_strings(r->payload, r->hdr->len, arg, 2) != 2 || !fetch_watch(r, arg[0], &p))
        return -EINVAL;
    return watch_remove(r->s, r->c, p.text, arg[1]);
}

/* What a guest says first, since the kernel before it may have left both behind. */
static int do_reset_watches(struct request *r)
{
    watch_remove_all(r->s, r->c);
    while (r->c->txns)
        txn_abort(r->s, r->c->txns);
    return 0;
}

/* ---- domains */

static int introduce(struct request *r, struct domain *d, uint64_t mfn, uint32_t port)
{
    struct store_hooks *h = &r->s->hooks;
    bool known = d->introduced && d->conn;
    int status = known ? 0 : watch_gather_special(r->s, "@introduceDomain", r->s->introduce_perms);
    if (status)
        return status;
    int id = h->introduce(h->arg, d->id, mfn, port, d->conn ? (int)d->conn->id : -1);
    if (id < 0)
        return id;
    if (!d->conn && !conn_new(r->s, (uint32_t)id, d, true)) {
        h->release(h->arg, (uint32_t)id);
        return -ENOMEM;
    }
    store_reset(r->s, d->conn);
    d->introduced = d->named = true;
    d->shutdown = false;
    d->mfn = mfn;
    d->port = port;
    return 0;
}

static int do_introduce(struct request *r)
{
    const char *arg[3] = {NULL, NULL, NULL};
    uint16_t domid;
    uint64_t mfn, port;
    if (wire_strings(r->payload, r->hdr->len, arg, 3) < 3 || !fetch_domid(arg[0], &domid) ||
        !fetch_number(arg[1], INT64_MAX, &mfn) || !fetch_number(arg[2], INT32_MAX, &port) || !port)
        return -EINVAL;
    struct domain *d = domain_lookup(r->s, domid);
    return d ? introduce(r, d, mfn, (uint32_t)port) : -ENOMEM;
}

static struct domain *introduced(const struct request *r, const char *text, int *error)
{
    uint16_t domid;
    *error = -EINVAL;
    if (!fetch_domid(text, &domid))
        return NULL;
    *error = -ENOENT;
    struct domain *d = r->s->domain[domid];
    return d && d->introduced ? d : NULL;
}

static int do_release(struct request *r)
{
    int error;
    const struct domain *d = introduced(r, one_string(r), &error);
    if (!d)
        return error;
    if (d->id == 0)
        return -EINVAL;
    return store_domain_dead(r->s, d->id);
}

static int do_resume(struct request *r)
{
    int error;
    struct domain *d = introduced(r, one_string(r), &error);
    if (!d)
        return error;
    if (d->id == 0)
        return -EINVAL;
    d->shutdown = false;
    return 0;
}

static int do_set_target(struct request *r)
{
    const char *arg[2] = {NULL, NULL};
    int error;
    if (wire_strings(r->payload, r->hdr->len, arg, 2) < 2)
        return -EINVAL;
    struct domain *d = introduced(r, arg[0], &error);
    const struct domain *target = d ? introduced(r, arg[1], &error) : NULL;
    if (!target)
        return error;
    d->has_target = true;
    d->target = target->id;
    d->target_birth = target->birth;
    return 0;
}

static int do_get_domain_path(struct request *r)
{
    uint16_t domid;
    if (!fetch_domid(one_string(r), &domid))
        return -EINVAL;
    r->data = r->buffer;
    r->len = (size_t)snprintf(r->buffer, sizeof(r->buffer), "/local/domain/%u", domid) + 1;
    return 0;
}

static int do_is_introduced(struct request *r)
{
    int error;
    bool is = introduced(r, one_string(r), &error) != NULL;
    if (error == -EINVAL)
        return error;
    r->data = is ? "T" : "F";
    r->len = 2;
    return 0;
}

static int do_control(struct request *r)
{
    r->data = r->buffer;
    return control_command(r->s, r->payload, r->hdr->len, r->buffer, &r->len);
}

/* ---- which request is what */

#define IN_TXN 1u /* looks at tx_id; the others are the same inside a transaction */
#define PRIV   2u /* for dom0 alone */

static const struct {
    int (*run)(struct request *r);
    unsigned flags;
} handlers[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {do_control, PRIV},
    [XS_DIRECTORY] = {do_directory, IN_TXN},
    [XS_READ] = {do_read, IN_TXN},
    [XS_GET_PERMS] = {do_get_perms, IN_TXN},
    [XS_WATCH] = {do_watch, 0},
    [XS_UNWATCH] = {do_unwatch, 0},
    [XS_TRANSACTION_START] = {do_transaction_start, IN_TXN},
    [XS_TRANSACTION_END] = {do_transaction_end, IN_TXN},
    [XS_INTRODUCE] = {do_introduce, PRIV},
    [XS_RELEASE] = {do_release, PRIV},
    [XS_GET_DOMAIN_PATH] = {do_get_domain_path, 0},
    [XS_WRITE] = {do_write, IN_TXN},
    [XS_MKDIR] = {do_mkdir_or_rm, IN_TXN},
    [XS_RM] = {do_mkdir_or_rm, IN_TXN},
    [XS_SET_PERMS] = {do_set_perms, IN_TXN},
    [XS_IS_DOMAIN_INTRODUCED] = {do_is_introduced, PRIV},
    [XS_RESUME] = {do_resume, PRIV},
    [XS_SET_TARGET] = {do_set_target, PRIV},
    [XS_RESET_WATCHES] = {do_reset_watches, 0},
    [XS_DIRECTORY_PART] = {do_directory_part, IN_TXN},
};

static int execute(struct request *r)
{
    uint32_t type = r->hdr->type;
    if (type >= XS_TYPE_COUNT || !handlers[type].run)
        return -ENOSYS;
    if ((handlers[type].flags & PRIV) && !conn_privileged(r->c))
        return -EACCES;
    if ((handlers[type].flags & IN_TXN) && r->hdr->tx_id) {
        r->txn = txn_find(r->c, r->hdr->tx_id);
        if (!r->txn)
            return -ENOENT;
    }
    return handlers[type].run(r);
}

static void reply(const struct request *r, int status)
{
    struct xsd_sockmsg hdr = *r->hdr;
    const char *data = r->data ? r->data : "OK";
    size_t len = r->data ? r->len : sizeof("OK");
    if (status) {
        hdr.type = XS_ERROR;
        data = wire_error_name(-status);
        len = strlen(data) + 1;
    }
    r->c->reserved += sizeof(hdr) + len;
    conn_put(r->c, &hdr, data, len, NULL, 0);
}

int store_request(struct store *s, struct conn *c, const struct xsd_sockmsg *hdr,
                  const char *payload)
{
    struct request r;
    r.s = s;
    r.c = c;
    r.hdr = hdr;
    r.payload = payload;
    r.txn = NULL;
    r.data = NULL;
    r.len = 0;
    r.watch = NULL;
    if (!conn_reserve(c, REPLY_MAX))
        return -ENOMEM;
    int status = execute(&r);
    c->reserved -= REPLY_MAX;
    txns_settle(s);
    if (status)
        watch_forget(s);
    if (status == -ENOMEM)
        return status;
    watch_send(s);
    reply(&r, status);
    if (r.watch)
        watch_fire_first(r.watch);
    txns_settle(s); /* after the answer, which may be in a tree that goes */
    return 0;
}

int store_refuse(struct conn *c, const struct xsd_sockmsg *hdr, int error)
{
    struct request r = {.c = c, .hdr = hdr};
    if (!conn_reserve(c, REPLY_MAX))
        return -ENOMEM;
    c->reserved -= REPLY_MAX;
    reply(&r, -error);
    return 0;
}
