/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls libxenstore at random and prints every result: usage probe SEED COUNT.  The same seed on
 * equal stores prints the same with any libxenstore that behaves alike; test-library.py compares
 * ours with Debian's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const paths[] = {
    "/p",
    "/p/a",
    "/p/a/b",
    "/p/a/b/c",
    "/p/x",
    "/p/x/y",
    "/",
    "",
    "/p/",
    "//",
    "p",
    "/p//a",
    "@releaseDomain",
    "@introduceDomain",
    "/p/none/such",
    "/p a",

    "/many",
};
static const char *const tokens[] = {"t", "token", "", "another"};
static unsigned seed;
static struct xs_handle *h;
static xs_transaction_t transaction;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static const char *path(void)
{
    return paths[any(COUNT(paths))];
}

static xs_transaction_t in(void)
{
    unsigned choice = any(8);
    return choice == 0 ? 4711 : choice < 4 ? transaction : XBT_NULL; /* no such; the one; none */
}

static void said(const char *call, bool ok)
{
    printf("%s %s\n", call, ok ? "ok" : strerror(errno));
}

static void show_bytes(const char *value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        printf("%02x", (unsigned char)value[i]);
    printf(" ends %d\n", value[len]);
}

static void show_names(char **names, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++) {
        for (const char *c = names[i]; *c; c++)
            sum = sum * 31 + (unsigned char)*c;
        if (i < 5)
            printf(" %s", names[i]);
    }
    printf(" %u names %u\n", n, sum);
}

static void show_event(char **event)
{
    said("check_watch", event);
    if (event)
        printf(" %s %s\n", event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
    free(event);
}

static void nodes(void)
{
    struct xs_permissions perms[3];
    unsigned n = 0;
    char value[64];
    switch (any(7)) {
    case 0: {
        char *got = xs_read(h, in(), path(), &n);
        said("read", got);
        if (got)
            show_bytes(got, n);
        free(got);
        break;
    }
    case 1:
        for (unsigned i = 0; i < sizeof(value); i++)
            value[i] = (char)rand_r(&seed);
        said("write", xs_write(h, in(), path(), value, any(sizeof(value))));
        break;
    case 2: said("mkdir", xs_mkdir(h, in(), path())); break;
    case 3: said("rm", xs_rm(h, in(), path())); break;
    case 4: {
        char **names = xs_directory(h, in(), path(), &n);
        said("directory", names);
        if (names)
            show_names(names, n);
        free(names);
        break;
    }
    case 5: {
        struct xs_permissions *got = xs_get_permissions(h, in(), path(), &n);
        said("get_permissions", got);
        for (unsigned i = 0; got && i < n; i++)
            printf(" %u:%u", got[i].id, got[i].perms);
        free(got);
        break;
    }
    default:
        for (unsigned i = 0; i < COUNT(perms); i++)
            perms[i] = (struct xs_permissions){
                0, any(12) == 0 ? 4u : any(4) | (any(8) ? 0 : XS_PERM_IGNORE)};
        said("set_permissions", xs_set_permissions(h, in(), path(), perms, any(COUNT(perms) + 1)));
        break;
    }
}

/* After an answer all events that were sent before it have been queued, so both libraries agree on
 * what waits. */
static void watches(void)
{
    const char *token = tokens[any(COUNT(tokens))];
    switch (any(4)) {
    case 0: said("watch", xs_watch(h, path(), token)); break;
    case 1: said("unwatch", xs_unwatch(h, path(), token)); break;
    default:
        free(xs_read(h, XBT_NULL, "/", NULL));
        show_event(xs_check_watch(h));
        break;
    }
}

static void domains(void)
{
    unsigned domid = any(3) ? any(3) : 0xffffffff;
    char *text = NULL;
    switch (any(6)) {
    case 0: printf("is_domain_introduced %d\n", xs_is_domain_introduced(h, domid)); break;
    case 1: said("get_domain_path", (text = xs_get_domain_path(h, domid)) != NULL); break;
    case 2: said("release_domain", domid == 0 ? false : xs_release_domain(h, domid)); break;
    case 3: said("resume_domain", xs_resume_domain(h, domid)); break;
    case 4: said("set_target", xs_set_target(h, domid, any(2))); break;
    default:
        said("control",
             (text = xs_control_command(h, any(2) ? "print" : "what", "x", any(3))) != NULL);
        break;
    }
    if (text)
        puts(text);
    free(text);
}

static void transactions(void)
{
    if (any(3) == 0) {
        said("transaction_end", xs_transaction_end(h, in(), any(3) == 0));
    } else if (transaction == XBT_NULL) {
        transaction = xs_transaction_start(h);
        said("transaction_start", transaction != XBT_NULL);
        return;
    } else {
        said("transaction_end", xs_transaction_end(h, transaction, any(3) == 0));
    }
    transaction = XBT_NULL;
}

static void pure(void)
{
    static const char *const perms_text[] = {"n0",  "r5",  "w0x1f", "b010",         "x1", "r",
                                             "r-1", "b1 ", "",      "n99999999999", "r 1"};
    struct xs_permissions perm = {7, 7};
    const char *text = perms_text[any(COUNT(perms_text))];
    bool ok = xs_strings_to_perms(&perm, 1, text);
    printf("strings_to_perms %s %d", text, ok);
    printf(ok ? " %u:%u\n" : "\n", perm.id, perm.perms);
    const char *parent = path();
    const char *child = path();
    printf("subpath '%s' '%s' %d\n", parent, child, xs_path_is_subpath(parent, child));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    seed = (unsigned)atoi(argv[1]);
    h = xs_open(any(2) ? XS_UNWATCH_FILTER : 0);
    if (!h)
        return 1;
    for (int i = 0; i < 300; i++) { /* more names than a message holds */
        char name[64];
        snprintf(name, sizeof(name), "/many/a-name-of-some-length-%d", i);
        if (!xs_write(h, XBT_NULL, name, "", 0))
            return 1;
    }
    for (int left = atoi(argv[2]); left > 0; left--) {
        errno = 0;
        switch (any(8)) {
        case 0: domains(); break;
        case 1: transactions(); break;
        case 2:
        case 3: watches(); break;
        case 4: pure(); break;
        default: nodes(); break;
        }
    }
    xs_close(h);
    return 0;
}
