// SPDX-License-Identifier: GPL-2.0-only
/* pavis vcpu-list: where virtual processors are, in the columns of `xl vcpu-list`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pavis/json.h"
#include "pavis/rows.h"
#include "pavis/verb.h"

#define RANGES_MAX 256

struct vcpu_listing {
    struct session *session;
    json json;
    unsigned nr_cpus; /* processors of the machine: more in a map mean all */
};

static void print_vcpu(const struct vcpu_listing *l, const char *name, unsigned domid,
                       const struct xen_domctl_getvcpuinfo *v, const uint8_t *hard,
                       const uint8_t *soft)
{
    char row[ROW_MAX], on[RANGES_MAX], rather[RANGES_MAX];

    cpu_ranges(hard, l->nr_cpus, on, sizeof(on));
    cpu_ranges(soft, l->nr_cpus, rather, sizeof(rather));
    if (!l->json) {
        printf("%s  %s / %s\n", vcpu_row(name, domid, v, row), on, rather);
        return;
    }
    json_object(l->json, NULL);
    json_string(l->json, "name", name);
    json_number(l->json, "domid", domid);
    json_number(l->json, "vcpu", v->vcpu);
    json_bool(l->json, "online", v->online);
    json_string(l->json, "state", v->running ? "running" : v->blocked ? "blocked" : "runnable");
    json_number(l->json, "cpu", v->cpu);
    json_seconds(l->json, "cpu_seconds", v->cpu_time);
    json_string(l->json, "hard_affinity", on);
    json_string(l->json, "soft_affinity", rather);
    json_close_object(l->json);
}

static int list_domain(const struct vcpu_listing *l, const struct domain_info *d,
                       struct problem *why)
{
    struct hypercalls *h = l->session->hypercalls;
    struct xs_handle *store = l->session->store;
    char name[DOMAIN_NAME_MAX] = "(null)";

    if (store)
        domains_name(store, d->domid, name, sizeof(name));
    for (unsigned i = 0; i <= d->max_vcpu_id; i++) {
        uint8_t hard[CONTROL_CPU_BYTES] = {0}, soft[CONTROL_CPU_BYTES] = {0};
        struct xen_domctl_getvcpuinfo v;

        if (vcpu_get_info(h, d->domid, i, &v, NULL) ||
            vcpu_get_affinity(h, d->domid, i, hard, soft, why)) {
            if (errno == ESRCH || errno == ENOENT)
                continue; /* it has no such vCPU, or is gone meanwhile */
            return -1;
        }
        print_vcpu(l, name, d->domid, &v, hard, soft);
    }
    return 0;
}

/* @nr words of the command line, or all domains if there are none. */
static int list_all(const struct vcpu_listing *l, char **names, int nr)
{
    struct hypercalls *h = l->session->hypercalls;
    struct domain_info *list = NULL, one;
    struct problem why;
    int status = 0;

    if (nr == 0) {
        nr = domains_list(h, &list, &why);
        if (nr < 0)
            return verb_failed(l->session, &why);
        for (int i = 0; i < nr && !status; i++)
            if (list_domain(l, &list[i], &why))
                status = verb_failed(l->session, &why);
        free(list);
        return status;
    }
    for (int i = 0; i < nr; i++) {
        int domid = session_domain(l->session, names[i]);

        if (domid < 0)
            status = 1;
        else if (domains_get(h, (unsigned)domid, &one, &why) || list_domain(l, &one, &why))
            status = verb_failed(l->session, &why);
    }
    return status;
}

int verb_vcpu_list(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct vcpu_listing l = {.session = s};
    struct xen_sysctl_physinfo info;
    struct problem why;
    int option, status;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        if (!l.json)
            l.json = json_begin();
    }
    if (!session_hypercalls(s))
        return 1;
    if (host_physinfo(s->hypercalls, &info, &why))
        return verb_failed(s, &why);
    if (!s->store)
        s->store = xs_open(0);
    l.nr_cpus = info.max_cpu_id + 1;
    if (l.nr_cpus > CONTROL_CPU_BYTES * 8)
        l.nr_cpus = CONTROL_CPU_BYTES * 8;
    if (l.json)
        json_array(l.json, NULL);
    else
        printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
               "Affinity (Hard / Soft)");
    status = list_all(&l, argv + optind, argc - optind);
    if (l.json) {
        json_close_array(l.json);
        json_end(l.json);
    }
    return status;
}
