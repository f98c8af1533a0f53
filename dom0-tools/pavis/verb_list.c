// SPDX-License-Identifier: GPL-2.0-only
/* pavis list: the domains, in the columns of `xl list`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "pavis/json.h"
#include "pavis/rows.h"
#include "pavis/verb.h"

#define KIB_PER_PAGE 4

struct listing {
    bool details; /* uuid and reason */
    bool pool;
    struct xs_handle *store; /* may be NULL: then there are no names */
};

static const char *name_of(const struct listing *l, unsigned domid, char name[DOMAIN_NAME_MAX])
{
    if (!l->store || !domains_name(l->store, domid, name, DOMAIN_NAME_MAX))
        snprintf(name, DOMAIN_NAME_MAX, "(null)");
    return name;
}

/* CPU pools have names in the store only. */
static void print_pool(const struct listing *l, unsigned pool)
{
    char path[64];
    char *name = NULL;

    snprintf(path, sizeof(path), "/local/pool/%u/name", pool);
    if (l->store)
        name = xs_read(l->store, XBT_NULL, path, NULL);
    printf("%16s", name ? name : "-");
    free(name);
}

static void print_row(const struct listing *l, const struct domain_info *d)
{
    char name[DOMAIN_NAME_MAX], row[ROW_MAX], uuid[UUID_TEXT];

    fputs(list_row(d, name_of(l, d->domid, name), row), stdout);
    if (l->details) {
        int reason = domain_shutdown_reason(d);

        uuid_text(d->handle, uuid);
        /* The last column is a security label, which no domain has without Flask. */
        if (reason < 0)
            printf(" %s %8s %16s", uuid, "-", "-");
        else
            printf(" %s %8x %16s", uuid, (unsigned)reason, "-");
    }
    if (l->pool)
        print_pool(l, d->cpupool);
    putchar('\n');
}

/* What `xl list -l` has at these places, and what it has not. */
static void json_domain(json j, const struct listing *l, const struct domain_info *d)
{
    char name[DOMAIN_NAME_MAX], uuid[UUID_TEXT], state[STATE_TEXT];
    int reason = domain_shutdown_reason(d);

    name_of(l, d->domid, name);
    uuid_text(d->handle, uuid);
    json_object(j, NULL);
    json_number(j, "domid", d->domid);
    json_string(j, "name", name);
    json_string(j, "uuid", uuid);
    json_string(j, "state", state_word(d));
    json_string(j, "flags", state_letters(d, state));
    if (reason >= 0)
        json_number(j, "shutdown_reason", (unsigned)reason);
    else
        json_string(j, "shutdown_reason", NULL);
    json_number(j, "memory_kib", (d->pages + d->claimed_pages) * KIB_PER_PAGE);
    json_number(j, "max_memory_kib", d->max_pages * KIB_PER_PAGE);
    json_number(j, "vcpus", d->online_vcpus);
    json_number(j, "max_vcpus", d->max_vcpu_id + 1);
    json_seconds(j, "cpu_seconds", d->cpu_ns);
    json_object(j, "config");
    json_object(j, "c_info");
    json_string(j, "type", "pv");
    json_string(j, "name", name);
    json_string(j, "uuid", uuid);
    json_close_object(j);
    json_object(j, "b_info");
    json_number(j, "max_vcpus", d->max_vcpu_id + 1);
    json_number(j, "target_memkb", d->pages * KIB_PER_PAGE);
    json_close_object(j);
    json_close_object(j);
    json_close_object(j);
}

static int print_json(const struct listing *l, const struct domain_info *list, int nr)
{
    json j = json_begin();

    json_array(j, NULL);
    for (int i = 0; i < nr; i++)
        json_domain(j, l, &list[i]);
    json_close_array(j);
    return json_end(j);
}

static int print_table(const struct listing *l, const struct domain_info *list, int nr)
{
    printf("%-40s %5s %5s %5s\tState\tTime(s)%s%s\n", "Name", "ID", "Mem", "VCPUs",
           l->details ? "   UUID                            Reason-Code\tSecurity Label" : "",
           l->pool ? "         Cpupool" : "");
    for (int i = 0; i < nr; i++)
        print_row(l, &list[i]);
    return 0;
}

/* All domains, or the one that @text names: the count, -1 after having said why. */
static int find(struct session *s, const char *text, struct domain_info **list)
{
    struct hypercalls *h = session_hypercalls(s);
    struct problem why;
    int nr;

    if (!h)
        return -1;
    if (!text) {
        nr = domains_list(h, list, &why);
    } else {
        int domid = session_domain(s, text);

        if (domid < 0)
            return -1;
        *list = malloc(sizeof(**list));
        nr = !*list ? problem_set(&why, ENOMEM, NULL, "no memory")
             : domains_get(h, (unsigned)domid, *list, &why) ? -1
                                                            : 1;
    }
    if (nr < 0)
        verb_failed(s, &why);
    return nr;
}

int verb_list(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"long", no_argument, NULL, 'j'},
        {"json", no_argument, NULL, 'j'},
        {"verbose", no_argument, NULL, 'v'},
        {"cpupool", no_argument, NULL, 'c'},
        {0},
    };
    struct listing l = {0};
    struct domain_info *list = NULL;
    bool as_json = false;
    int option, nr, status;

    while ((option = getopt_long(argc, argv, "lvc", options, NULL)) != -1) {
        switch (option) {
        case 'l':
        case 'j': as_json = true; break;
        case 'v': l.details = true; break;
        case 'c': l.pool = true; break;
        default: return verb_usage(s, "unknown option");
        }
    }
    if (argc - optind > 1)
        return verb_usage(s, "one domain, or none for all");
    nr = find(s, argv[optind], &list);
    if (nr < 0) {
        free(list);
        return 1;
    }
    if (!s->store)
        s->store = xs_open(0);
    l.store = s->store;
    if (!l.store)
        fputs("pavis list: the store does not answer, so there are no names.  Start xenstored.\n",
              stderr);
    status = as_json ? print_json(&l, list, nr) : print_table(&l, list, nr);
    free(list);
    return status;
}
