// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls that are one request each, and xs_directory(), which becomes several when a directory
 * does not fit into a message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"

static char *talk_string(struct xs_handle *h, xs_transaction_t t, enum xsd_sockmsg_type type,
                         const char *text, unsigned *len)
{
    struct part part = part_string(text);
    return talk(h, t, type, &part, 1, len);
}

/* A request of up to three numbers, each a string in decimal. */
static char *talk_numbers(struct xs_handle *h, enum xsd_sockmsg_type type, unsigned nr,
                          const unsigned long numbers[])
{
    char text[3][MAX_STRLEN(unsigned long)];
    struct part parts[3];
    for (unsigned i = 0; i < nr; i++) {
        snprintf(text[i], sizeof(text[i]), "%lu", numbers[i]);
        parts[i] = part_string(text[i]);
    }
    return talk(h, XBT_NULL, type, parts, nr, NULL);
}

static char *talk_domain(struct xs_handle *h, enum xsd_sockmsg_type type, unsigned domid)
{
    return talk_numbers(h, type, 1, (const unsigned long[]){domid});
}

/* ---- nodes */

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    return talk_string(h, t, XS_READ, path, len);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int len)
{
    struct part parts[] = {part_string(path), {data, len}};
    return talk_done(talk(h, t, XS_WRITE, parts, 2, NULL));
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    return talk_done(talk_string(h, t, XS_MKDIR, path, NULL));
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    return talk_done(talk_string(h, t, XS_RM, path, NULL));
}

/* A directory that comes in parts. */
struct listing {
    char *generation; /* of the directory, as it was when the first part was made */
    char *names;
    unsigned size; /* bytes at names */
};

/* Adds the reply to DIRECTORY_PART: the directory's generation, then names from the asked offset
 * on, and behind the last name of all an empty one.  False with errno.
 */
static bool listing_add(struct listing *list, const char *reply, unsigned len)
{
    size_t skip = strlen(reply) + 1;
    if (skip >= len) { /* neither a name nor the end: this would go on for ever */
        errno = EIO;
        return false;
    }
    if (list->size > 0 && strcmp(list->generation, reply) != 0) {
        list->size = 0; /* it has changed: from the beginning */
        return true;
    }
    unsigned added = len - (unsigned)skip;
    char *names =
        added > INT_MAX - list->size ? NULL : realloc(list->names, list->size + added + 1);
    if (!names) {
        errno = ENOMEM;
        return false;
    }
    list->names = names;
    if (list->size == 0) {
        free(list->generation);
        list->generation = strdup(reply);
        if (!list->generation)
            return false;
    }
    memcpy(names + list->size, reply + skip, added);
    list->size += added;
    names[list->size] = '\0';
    return true;
}

/* The end is an empty name: nothing at all, or a NUL behind the last name's. */
static bool listing_complete(const struct listing *list)
{
    const char *end = list->names + list->size;
    return list->size > 0 && end[-1] == '\0' && (list->size == 1 || end[-2] == '\0');
}

static char **directory_in_parts(struct xs_handle *h, xs_transaction_t t, const char *path,
                                 unsigned *num)
{
    struct listing list = {0};
    char **names = NULL;
    bool ok = true;
    while (ok && !listing_complete(&list)) {
        char offset[MAX_STRLEN(unsigned)];
        snprintf(offset, sizeof(offset), "%u", list.size);
        struct part parts[] = {part_string(path), part_string(offset)};
        unsigned len;
        char *reply = talk(h, t, XS_DIRECTORY_PART, parts, 2, &len);
        ok = reply && listing_add(&list, reply, len);
        if (!reply && errno == ENOSYS)
            errno = E2BIG; /* a daemon without parts: then the answer is DIRECTORY's */
        talk_done(reply);
    }
    if (ok) /* all but the empty name */
        names = strings_split(list.names, list.size - 1, num);
    int saved = errno;
    free(list.generation);
    free(list.names);
    errno = saved;
    return names;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    unsigned len;
    char *reply = talk_string(h, t, XS_DIRECTORY, path, &len);
    if (!reply)
        return errno == E2BIG ? directory_in_parts(h, t, path, num) : NULL;
    char **names = strings_split(reply, len, num);
    free(reply);
    return names;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                                          unsigned int *num)
{
    unsigned len;
    unsigned count = 0;
    char *reply = talk_string(h, t, XS_GET_PERMS, path, &len);
    if (!reply)
        return NULL;
    for (unsigned i = 0; i < len; i++)
        count += reply[i] == '\0';
    struct xs_permissions *perms = malloc((count ? count : 1) * sizeof(*perms));
    if (perms && !xs_strings_to_perms(perms, count, reply)) {
        free(perms);
        perms = NULL;
    }
    if (perms)
        *num = count;
    talk_done(reply);
    return perms;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int num_perms)
{
    /* Path and permissions in one string after the other, as long as a message can be. */
    char text[XENSTORE_PAYLOAD_MAX + PERM_TEXT];
    size_t len = 0;
    for (unsigned i = 0; i < num_perms && len < XENSTORE_PAYLOAD_MAX; i++) {
        if (!perm_print(text + len, &perms[i]))
            return false;
        len += strlen(text + len) + 1;
    }
    struct part parts[] = {part_string(path), {text, len}};
    return talk_done(talk(h, t, XS_SET_PERMS, parts, 2, NULL));
}

/* ---- transactions */

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    char *reply = talk_string(h, XBT_NULL, XS_TRANSACTION_START, "", NULL);
    if (!reply)
        return XBT_NULL;
    xs_transaction_t t = (xs_transaction_t)strtoul(reply, NULL, 0);
    free(reply);
    return t;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    return talk_done(talk_string(h, t, XS_TRANSACTION_END, abort ? "F" : "T", NULL));
}

/* ---- domains */

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn,
                         unsigned int eventchn)
{
    return talk_done(
        talk_numbers(h, XS_INTRODUCE, 3, (const unsigned long[]){domid, mfn, eventchn}));
}

bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target)
{
    return talk_done(talk_numbers(h, XS_SET_TARGET, 2, (const unsigned long[]){domid, target}));
}

bool xs_release_domain(struct xs_handle *h, unsigned int domid)
{
    return talk_done(talk_domain(h, XS_RELEASE, domid));
}

bool xs_resume_domain(struct xs_handle *h, unsigned int domid)
{
    return talk_done(talk_domain(h, XS_RESUME, domid));
}

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
    char *reply = talk_domain(h, XS_IS_DOMAIN_INTRODUCED, domid);
    bool yes = reply && strcmp(reply, "F") != 0;
    free(reply);
    return yes;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
    return talk_domain(h, XS_GET_DOMAIN_PATH, domid);
}

int xs_suspend_evtchn_port(int domid)
{
    char path[sizeof("/local/domain//device/suspend/event-channel") + MAX_STRLEN(int)];
    unsigned len = 0;
    struct xs_handle *h = xs_open(0);
    if (!h)
        return -1;
    snprintf(path, sizeof(path), "/local/domain/%d/device/suspend/event-channel", domid);
    char *value = xs_read(h, XBT_NULL, path, &len);
    int saved = errno;
    xs_close(h);
    int port = value && len > 0 ? (int)strtol(value, NULL, 10) : -1;
    free(value);
    errno = saved;
    return port;
}

/* ---- the daemon itself */

char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
    struct part parts[] = {part_string(cmd), {data, len}};
    return talk(h, XBT_NULL, XS_CONTROL, parts, 2, NULL);
}

char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
    return xs_control_command(h, cmd, data, len);
}
