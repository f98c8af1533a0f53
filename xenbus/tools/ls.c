// SPDX-License-Identifier: GPL-2.0-only
/* `xenstore-ls`: the tree, a line for each node.  The layout is the one that people's scripts
 * parse. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/text.h"
#include "tools/tool.h"

#define FILE_WIDTH         80 /* where the output is no terminal */
#define TERMINAL_MARGIN    2
#define DECORATION         8 /* what stands around a shortened value:  ` = "` and `\..."` */
#define PERMISSIONS_COLUMN 60

struct listing {
    struct xs_handle *h;
    bool full_paths;
    bool permissions;
    int width;
    int column; /* of the permissions */
};

static void *allocate(size_t size)
{
    void *p = malloc(size);
    if (!p)
        err(1, "out of memory");
    return p;
}

static void print_permissions(const struct listing *ls, const char *path, const char *name)
{
    static const char letters[] = "nrwb";
    unsigned nr;
    struct xs_permissions *perms = xs_get_permissions(ls->h, XBT_NULL, path, &nr);
    if (!perms) {
        warn("\ncould not access permissions for %s", name);
        return;
    }
    fputs("  (", stdout);
    for (unsigned i = 0; i < nr; i++)
        printf("%s%c%d", i ? "," : "", letters[perms[i].perms & 3], (int)perms[i].id);
    putchar(')');
    free(perms);
}

/* The value behind a name that ends at @column. */
static void print_value(const struct listing *ls, const char *value, unsigned len, int column)
{
    char *text = allocate(TEXT_ESCAPED_SIZE(len));
    text_escape(text, value, len);
    if ((size_t)ls->width < (size_t)column + len + DECORATION) {
        printf(" = \"%.*s\\...\"", ls->width - DECORATION - column, text);
    } else {
        column += printf(" = \"%s\"", text);
        if (ls->permissions) { /* dots lead the eye to them */
            putchar(' ');
            int end = ls->column < ls->width ? ls->column : ls->width;
            for (column++; column < end; column++)
                putchar(column & 1 ? '.' : ' ');
        }
    }
    free(text);
}

static void print_node(const struct listing *ls, const char *path, const char *name, int depth)
{
    int column = 0;
    unsigned len;
    if (ls->full_paths)
        fputs(path, stdout);
    else
        column = printf("%*s%.*s", depth, "", ls->width - DECORATION - depth, name);
    char *value = xs_read(ls->h, XBT_NULL, path, &len);
    if (value)
        print_value(ls, value, len, column);
    else
        puts(":");
    free(value);
    if (ls->permissions)
        print_permissions(ls, path, name);
    putchar('\n');
}

static void list(const struct listing *ls, const char *path, int depth)
{
    unsigned nr;
    char **names = xs_directory(ls->h, XBT_NULL, path, &nr);
    if (!names) {
        if (depth > 0 && errno == ENOENT) /* it went away while we looked */
            return;
        err(1, "xs_directory (%s)", path);
    }
    size_t len = strlen(path);
    for (unsigned i = 0; i < nr; i++) {
        char *child = allocate(len + strlen(names[i]) + 2);
        sprintf(child, "%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", names[i]);
        print_node(ls, child, names[i], depth);
        list(ls, child, depth + 1); /* a path has at most 3072 characters, so this ends */
        free(child);
    }
    free(names);
}

void tool_ls(struct xs_handle *h, const char *path, const struct options *options)
{
    struct listing ls = {
        .h = h,
        .full_paths = options->full_paths,
        .permissions = options->prefix,
        .width = options->full_paths ? INT_MAX / 2 : FILE_WIDTH,
        .column = options->full_paths ? 0 : PERMISSIONS_COLUMN,
    };
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        ls.width = size.ws_col - TERMINAL_MARGIN;
    list(&ls, path, 0);
}
