/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the `xenstore` program share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xs/xenstore.h"

enum mode {
    MODE_CHMOD,
    MODE_EXISTS,
    MODE_LIST,
    MODE_LS,
    MODE_READ,
    MODE_RM,
    MODE_WATCH,
    MODE_WRITE,
    NR_MODES
};

struct options {
    enum mode mode;
    bool full_paths; /* ls -f */
    bool prefix;     /* list, ls, read -p */
    bool raw;        /* read, write -R */
    bool recurse;    /* chmod -r */
    bool tidy;       /* rm -t */
    bool upwards;    /* chmod -u */
    int events;      /* watch -n; -1: without end */
};

/* Output that waits for its transaction's success; a new attempt begins with an empty one. */
struct output {
    char *text;
    size_t size;
    size_t room;
};
void output_add(struct output *out, const void *data, size_t size);
void output_string(struct output *out, const char *s);

/* ls.c: prints the tree below @path, the permissions too where @options->prefix; exits on failure.
 */
void tool_ls(struct xs_handle *h, const char *path, const struct options *options);

/* chmod.c: @args is a path and then permissions up to a NULL; exits on failure. */
void tool_chmod(struct xs_handle *h, xs_transaction_t t, char *args[],
                const struct options *options);
