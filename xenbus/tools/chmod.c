// SPDX-License-Identifier: GPL-2.0-only
/* `xenstore-chmod`: one list of permissions for a node, those below it, those above it. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

struct change {
    struct xs_handle *h;
    xs_transaction_t t;
    struct xs_permissions *perms;
    unsigned nr;
};

static void apply(const struct change *change, const char *path)
{
    if (!xs_set_permissions(change->h, change->t, path, change->perms, change->nr))
        err(1, "Error occurred setting permissions on '%s'", path);
}

/* Every node above @path but the root, nearest first. */
static void apply_upwards(const struct change *change, const char *path)
{
    char *above = strdup(path);
    if (!above)
        err(1, "out of memory");
    for (;;) {
        char *slash = strrchr(above, '/');
        if (!slash)
            errx(1, "Unable to locate path separator '%c' in '%s'", '/', above);
        *slash = '\0';
        if (!*above)
            break;
        apply(change, above);
    }
    free(above);
}

static void apply_below(const struct change *change, const char *path)
{
    unsigned nr;
    char **names = xs_directory(change->h, change->t, path, &nr);
    if (!names)
        return;
    const char *between = path[strlen(path) - 1] == '/' ? "" : "/";
    for (unsigned i = 0; i < nr; i++) {
        char *child;
        if (asprintf(&child, "%s%s%s", path, between, names[i]) < 0)
            err(1, "out of memory");
        apply(change, child);
        apply_below(change, child);
        free(child);
    }
    free(names);
}

static void parse(struct xs_permissions *perm, const char *text)
{
    switch (text[0]) {
    case 'n': perm->perms = XS_PERM_NONE; break;
    case 'r': perm->perms = XS_PERM_READ; break;
    case 'w': perm->perms = XS_PERM_WRITE; break;
    case 'b': perm->perms = XS_PERM_READ | XS_PERM_WRITE; break;
    default: errx(1, "Invalid permission specification: '%c'", text[0]);
    }
    perm->id = (unsigned)strtol(text + 1, NULL, 10);
}

void tool_chmod(struct xs_handle *h, xs_transaction_t t, char *args[],
                const struct options *options)
{
    const char *path = args[0];
    struct change change = {.h = h, .t = t};
    while (args[change.nr + 1])
        change.nr++;
    change.perms = calloc(change.nr + 1, sizeof(*change.perms));
    if (!change.perms)
        err(1, "out of memory");
    for (unsigned i = 0; i < change.nr; i++)
        parse(&change.perms[i], args[i + 1]);
    if (*path) {
        apply(&change, path);
        if (options->upwards)
            apply_upwards(&change, path);
        if (options->recurse)
            apply_below(&change, path);
    }
    free(change.perms);
}
