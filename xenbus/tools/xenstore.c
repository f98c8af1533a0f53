// SPDX-License-Identifier: GPL-2.0-only
/* `xenstore` and its other names, xenstore-read and so on: the store from a shell.
 *
 * Options, output and status are those of Xen's programs of the same names, since scripts depend on
 * all three; tests/xenbus compares them.  Several paths at once are one transaction, tried until it
 * succeeds, and nothing is printed before it has.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/text.h"
#include "tools/tool.h"

static const char *const names[NR_MODES] = {
    [MODE_CHMOD] = "chmod", [MODE_EXISTS] = "exists", [MODE_LIST] = "list",
    [MODE_LS] = "ls",       [MODE_READ] = "read",     [MODE_RM] = "rm",
    [MODE_WATCH] = "watch", [MODE_WRITE] = "write",
};

static const char *const usages[NR_MODES] = {
    [MODE_CHMOD] = "[-h] [-u] [-r] [-s] key <mode [modes...]>",
    [MODE_EXISTS] = "[-h] [-p] [-s] key [...]",
    [MODE_LIST] = "[-h] [-p] [-s] key [...]",
    [MODE_LS] = "[-h] [-f] [-p] [-s] [path]",
    [MODE_READ] = "[-h] [-p] [-s] [-R] key [...]",
    [MODE_RM] = "[-h] [-s] [-t] key [...]",
    [MODE_WATCH] = "[-h] [-n NR] key",
    [MODE_WRITE] = "[-h] [-s] [-R] key value [...]",
};

static const char *program;
static bool mode_is_argument; /* `xenstore read`, not `xenstore-read` */

static __attribute__((noreturn)) void usage(enum mode mode)
{
    errx(1, "Usage: %s %s%s%s", program, mode_is_argument ? names[mode] : "",
         mode_is_argument ? " " : "", usages[mode]);
}

void output_add(struct output *out, const void *data, size_t size)
{
    if (out->room - out->size < size) {
        out->room = 2 * (out->size + size);
        out->text = realloc(out->text, out->room);
        if (!out->text)
            err(1, "out of memory");
    }
    memcpy(out->text + out->size, data, size);
    out->size += size;
}

void output_string(struct output *out, const char *s)
{
    output_add(out, s, strlen(s));
}

/* ---- one path.  False: it could not be done, and a message has said so */

static bool read_one(struct xs_handle *h, xs_transaction_t t, const char *path,
                     const struct options *options, struct output *out)
{
    unsigned len;
    char *value = xs_read(h, t, path, &len);
    if (!value) {
        warnx("couldn't read path %s", path);
        return false;
    }
    if (options->prefix) {
        output_string(out, path);
        output_string(out, ": ");
    }
    if (options->raw) {
        output_add(out, value, len);
    } else {
        char *text = malloc(TEXT_ESCAPED_SIZE(len));
        if (!text)
            err(1, "out of memory");
        output_add(out, text, text_escape(text, value, len));
        output_string(out, "\n");
        free(text);
    }
    free(value);
    return true;
}

static bool write_one(struct xs_handle *h, xs_transaction_t t, const char *path, const char *text,
                      const struct options *options)
{
    char *value = strdup(text);
    if (!value)
        err(1, "out of memory");
    size_t len = options->raw ? strlen(text) : text_unescape(value, text);
    bool ok = xs_write(h, t, path, value, (unsigned)len);
    if (!ok)
        warnx("could not write path %s", path);
    free(value);
    return ok;
}

/* Has this node neither value nor children? */
static bool is_bare(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    unsigned len;
    unsigned nr = 1;
    char *value = xs_read(h, t, path, &len);
    if (value && len == 0)
        free(xs_directory(h, t, path, &nr));
    free(value);
    return nr == 0;
}

static bool rm_one(struct xs_handle *h, xs_transaction_t t, const char *given,
                   const struct options *options)
{
    char *path = strdup(given);
    if (!path)
        err(1, "out of memory");
    bool ok;
    for (;;) {
        ok = xs_rm(h, t, path);
        if (!ok)
            warnx("could not remove path %s", path);
        char *slash = ok && options->tidy ? strrchr(path, '/') : NULL;
        if (!slash)
            break;
        *slash = '\0'; /* and now what held it, if that was all that it held */
        if (!is_bare(h, t, path))
            break;
    }
    free(path);
    return ok;
}

static bool exists_one(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    char *value = xs_read(h, t, path, NULL);
    bool ok = value != NULL;
    free(value);
    return ok;
}

static bool list_one(struct xs_handle *h, xs_transaction_t t, const char *path,
                     const struct options *options, struct output *out)
{
    unsigned nr;
    char **children = xs_directory(h, t, path, &nr);
    if (!children) {
        warnx("could not list path %s", path);
        return false;
    }
    for (unsigned i = 0; i < nr; i++) {
        if (options->prefix) {
            output_string(out, path);
            output_string(out, "/");
        }
        output_string(out, children[i]);
        output_string(out, "\n");
    }
    free(children);
    return true;
}

static void watch_all(struct xs_handle *h, char *paths[], int events)
{
    for (char **path = paths; *path; path++) {
        if (!xs_watch(h, *path, *path))
            errx(1, "Unable to add watch on %s\n", *path);
    }
    for (int i = 0; events < 0 || i < events; i++) {
        unsigned nr;
        char **event = xs_read_watch(h, &nr);
        if (!event)
            err(1, "the connection to the store is gone");
        puts(event[XS_WATCH_PATH]);
        fflush(stdout);
        free(event);
    }
}

/* ---- all of them */

static bool perform(struct xs_handle *h, xs_transaction_t t, char *args[],
                    const struct options *options, struct output *out)
{
    bool ok = true;
    switch (options->mode) {
    case MODE_CHMOD: tool_chmod(h, t, args, options); return true;
    case MODE_WATCH: watch_all(h, args, options->events); return true;
    case MODE_WRITE:
        for (; *args && ok; args += 2)
            ok = write_one(h, t, args[0], args[1], options);
        return ok;
    default: break;
    }
    for (; *args && ok; args++) {
        switch (options->mode) {
        case MODE_EXISTS: ok = exists_one(h, t, *args); break;
        case MODE_LIST: ok = list_one(h, t, *args, options, out); break;
        case MODE_LS: tool_ls(h, *args, options); break;
        case MODE_READ: ok = read_one(h, t, *args, options, out); break;
        case MODE_RM: ok = rm_one(h, t, *args, options); break;
        default: break;
        }
    }
    return ok;
}

/* Is the work so much that it must be one transaction? */
static bool wants_transaction(enum mode mode, int nr_args)
{
    switch (mode) {
    case MODE_LS:
    case MODE_WATCH: return false;
    case MODE_READ: return nr_args > 1;
    case MODE_WRITE: return nr_args > 2;
    default: return true;
    }
}

static bool run(struct xs_handle *h, char *args[], int nr_args, const struct options *options,
                struct output *out)
{
    if (!wants_transaction(options->mode, nr_args))
        return perform(h, XBT_NULL, args, options, out);
    for (;;) {
        xs_transaction_t t = xs_transaction_start(h);
        if (t == XBT_NULL)
            errx(1, "couldn't start transaction");
        out->size = 0;
        bool ok = perform(h, t, args, options, out);
        if (xs_transaction_end(h, t, !ok))
            return ok;
        if (!ok || errno != EAGAIN)
            errx(1, "couldn't end transaction");
    }
}

/* ---- the command line */

static enum mode mode_named(const char *name)
{
    for (unsigned i = 0; i < NR_MODES; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    errx(1, "unknown mode %s\n", name);
}

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"flat", no_argument, NULL, 'f'},
    {"prefix", no_argument, NULL, 'p'},
    {"tidy", no_argument, NULL, 't'},
    {"upto", no_argument, NULL, 'u'},
    {"recurse", no_argument, NULL, 'r'},
    {"number", required_argument, NULL, 'n'},
    {"raw", no_argument, NULL, 'R'},
    {NULL, 0, NULL, 0},
};

/* Sets @flag if the option is one of this mode's. */
static void allow(bool *flag, enum mode mode, unsigned modes)
{
    if (!(modes & 1u << mode))
        usage(mode);
    *flag = true;
}

static struct options parse(enum mode mode, int argc, char *argv[])
{
    struct options o = {.mode = mode, .events = -1};
    bool number = false;
    int c;
    /* -s once chose the socket and means nothing now; of what is unknown getopt complains, no more.
     */
    while ((c = getopt_long(argc, argv, "hfspturn:R", long_options, NULL)) != -1) {
        switch (c) {
        case 'h': usage(mode);
        case 'f': allow(&o.full_paths, mode, 1u << MODE_LS); break;
        case 'p': allow(&o.prefix, mode, 1u << MODE_LIST | 1u << MODE_LS | 1u << MODE_READ); break;
        case 't': allow(&o.tidy, mode, 1u << MODE_RM); break;
        case 'u': allow(&o.upwards, mode, 1u << MODE_CHMOD); break;
        case 'r': allow(&o.recurse, mode, 1u << MODE_CHMOD); break;
        case 'R': allow(&o.raw, mode, 1u << MODE_READ | 1u << MODE_WRITE); break;
        case 'n':
            allow(&number, mode, 1u << MODE_WATCH);
            o.events = (int)strtol(optarg, NULL, 10);
            break;
        default: break;
        }
    }
    return o;
}

int main(int argc, char *argv[])
{
    static const char prefix[] = "xenstore-";
    program = argv[0];
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    enum mode mode;
    if (strncmp(name, prefix, sizeof(prefix) - 1) == 0) {
        mode = mode_named(name + sizeof(prefix) - 1);
    } else {
        if (argc < 2)
            errx(1, "Usage: %s <mode> [-h] [...]", program);
        mode_is_argument = true;
        mode = mode_named(argv[1]);
        argc--;
        argv++;
    }

    struct options options = parse(mode, argc, argv);
    char *root[] = {"/", NULL};
    char **args = argv + optind;
    int nr_args = argc - optind;
    if (nr_args == 0 && mode == MODE_LS)
        args = root;
    else if (nr_args == 0 || (mode == MODE_WRITE && nr_args % 2 != 0))
        usage(mode);

    struct xs_handle *h = xs_open(0);
    if (!h)
        err(1, "xs_open");
    struct output out = {0};
    bool ok = run(h, args, nr_args, &options, &out);
    fwrite(out.text, 1, out.size, stdout);
    free(out.text);
    xs_close(h);
    if (fflush(stdout) != 0)
        err(1, "cannot write the output");
    return ok ? 0 : 1;
}
