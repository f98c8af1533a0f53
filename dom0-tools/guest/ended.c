// SPDX-License-Identifier: GPL-2.0-only
/* The ends of guests: see ended.h.  What is kept was written by a guest, so it is kept only if it
 * is an exit code, and as a number. */
#include "guest/ended.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/sched.h"
#include "guest/backend.h"
#include "guest/nodes.h"
#include "guest/record.h"
#include "run/job.h"

#define FOLDER  RECORD_FOLDER "/ended"
#define LOOK_MS 1000 /* where no event may come: a guest that is preserved */

/* Not another that has its number by now, nor one that has shut down and is kept. */
static bool lives(struct hypercalls *h, const struct domain_info *d)
{
    struct domain_info now;
    int reason;

    if (domains_get(h, d->domid, &now, NULL) != 0 ||
        memcmp(now.handle, d->handle, sizeof(now.handle)) != 0)
        return false;
    reason = domain_shutdown_reason(&now);
    if (reason < 0 || reason == SHUTDOWN_suspend)
        return true;
    /* While there is a record the supervisor will remove it; else it is xl's, or kept.  The record
     * is not opened: that would lock it against the supervisor, who looks at the same event. */
    return record_find(d->handle) >= 0 || domain_is_dying(&now);
}

void ended_wait(struct hypercalls *h, struct xs_handle *xs, const struct domain_info *domain)
{
    while (lives(h, domain))
        backend_event(xs, backend_clock() + LOOK_MS);
}

static bool file_of(char path[NODE_PATH], const char *name)
{
    snprintf(path, NODE_PATH, FOLDER "/%.128s", name);
    return *name && *name != '.' && !strchr(name, '/');
}

void ended_note(struct xs_handle *xs, unsigned domid, const char *name)
{
    char path[NODE_PATH];
    unsigned len = 0;
    char *text;
    int code;
    FILE *f;

    snprintf(path, sizeof(path), "/local/domain/%u/" NODE_EXIT, domid);
    text = xs_read(xs, XBT_NULL, path, &len);
    code = text ? exit_parse(text, len) : -1;
    free(text);
    if (code < 0 || !file_of(path, name))
        return;
    mkdir(FOLDER, 0700);
    f = fopen(path, "we");
    if (f) {
        fprintf(f, "%d\n", code);
        fclose(f);
    }
}

int ended_code(const char *name)
{
    char path[NODE_PATH];
    FILE *f = file_of(path, name) ? fopen(path, "re") : NULL;
    int code = -1;

    if (!f)
        return -1;
    if (fscanf(f, "%d", &code) != 1)
        code = -1;
    fclose(f);
    return code;
}

void ended_forget(const char *name)
{
    char path[NODE_PATH];

    if (file_of(path, name))
        unlink(path);
}
