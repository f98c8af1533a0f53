// SPDX-License-Identifier: GPL-2.0-only
/* The order of modules: see modules.h.  A line of modules.dep is "path: path path...", a line of
 * modules.builtin a path.
 */
#include "run/modules.h"

#include <string.h>

/* The module's own name in a path is what stands between the last slash and the next full stop. */
static bool is_named(const char *path, size_t len, const char *name)
{
    const char *own = memrchr(path, '/', len);
    const char *end = path + len;

    for (own = own ? own + 1 : path; own < end && *own != '.'; own++, name++)
        if (*own != *name && !((*own == '-' || *own == '_') && (*name == '-' || *name == '_')))
            return false;
    return !*name;
}

/* The line of the module with this name, or with this path; NULL: none. */
static const char *find(const char *dep, const char *name, const char *path, size_t len)
{
    for (const char *line = dep; line; line = strchr(line, '\n')) {
        size_t own;

        line += *line == '\n';
        own = strcspn(line, ":\n");
        if (line[own] != ':')
            continue;
        if (name ? is_named(line, own, name) : path && own == len && memcmp(line, path, len) == 0)
            return line;
    }
    return NULL;
}

/* What is needed first.  A module that is in the list, or on the way into it, is not looked at
 * again, so a circle ends; @depth bounds a chain. */
static bool add_line(struct module_list *list, const char *dep, const char *line, unsigned depth)
{
    size_t len = strcspn(line, ":\n"), needed;

    for (unsigned i = 0; i < list->nr; i++)
        if (strncmp(list->paths[i], line, len) == 0 && !list->paths[i][len])
            return true;
    if (depth == MODULES_MAX || len >= MODULE_PATH)
        return false;
    for (const char *at = line + len + 1;; at += needed) {
        const char *other;

        at += strspn(at, " ");
        needed = strcspn(at, " \n");
        if (!needed)
            break;
        other = find(dep, NULL, at, needed);
        if (!other || !add_line(list, dep, other, depth + 1))
            return false;
    }
    if (list->nr == MODULES_MAX)
        return false;
    memcpy(list->paths[list->nr], line, len);
    list->paths[list->nr++][len] = 0;
    return true;
}

bool modules_add(struct module_list *list, const char *dep, const char *name)
{
    const char *line = find(dep, name, NULL, 0);

    return line && add_line(list, dep, line, 0);
}

bool modules_builtin(const char *builtin, const char *name)
{
    for (const char *line = builtin; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (is_named(line, strcspn(line, "\n"), name))
            return true;
    }
    return false;
}
