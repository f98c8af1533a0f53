// SPDX-License-Identifier: GPL-2.0-only
/* The machine and its domains at one moment: see sample.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pavis/sample.h"

static int take_domains(struct sample *s, struct hypercalls *h, struct xs_handle *store,
                        struct problem *why)
{
    struct domain_info *list = NULL;
    int nr = domains_list(h, &list, why);

    if (nr < 0)
        return -1;
    s->domains = calloc((size_t)nr + 1, sizeof(*s->domains));
    for (int i = 0; s->domains && i < nr; i++) {
        struct domain_sample *d = &s->domains[i];

        d->info = list[i];
        if (!store || !domains_name(store, d->info.domid, d->name, sizeof(d->name)))
            snprintf(d->name, sizeof(d->name), "(null)");
    }
    free(list);
    s->nr_domains = s->domains ? (unsigned)nr : 0;
    return s->domains ? 0 : problem_set(why, ENOMEM, NULL, "no memory");
}

static int take_cpus(struct sample *s, struct hypercalls *h, struct problem *why)
{
    unsigned max = s->host.max_cpu_id + 1;
    struct xen_sysctl_cpuinfo *info = calloc(max, sizeof(*info));
    int nr = -1;

    s->cpu_idle_ns = calloc(max, sizeof(*s->cpu_idle_ns));
    if (info && s->cpu_idle_ns)
        nr = host_cpu_idle(h, info, max, why);
    else
        problem_set(why, ENOMEM, NULL, "no memory");
    for (int i = 0; i < nr; i++)
        s->cpu_idle_ns[i] = info[i].idletime;
    s->nr_cpus = nr > 0 ? (unsigned)nr : 0;
    free(info);
    return nr < 0 ? -1 : 0;
}

int sample_take(struct sample *s, struct hypercalls *h, struct xs_handle *store,
                struct problem *why)
{
    struct timespec now;

    *s = (struct sample){0};
    if (host_physinfo(h, &s->host, why) != 0 || take_cpus(s, h, why) != 0 ||
        take_domains(s, h, store, why) != 0) {
        sample_free(s);
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    s->ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    sample_devices(s);
    return 0;
}

void sample_free(struct sample *s)
{
    free(s->cpu_idle_ns);
    free(s->domains);
    free(s->disks);
    free(s->nics);
    *s = (struct sample){0};
}

struct disk_sample *sample_add_disk(struct sample *s, unsigned domid, unsigned device,
                                    const char *who)
{
    struct disk_sample *more = realloc(s->disks, (s->nr_disks + 1) * sizeof(*more));

    if (!more)
        return NULL;
    s->disks = more;
    more[s->nr_disks] = (struct disk_sample){.domid = domid, .device = device, .who = who};
    return &more[s->nr_disks++];
}

struct nic_sample *sample_add_nic(struct sample *s, unsigned domid, unsigned device,
                                  const char *who)
{
    struct nic_sample *more = realloc(s->nics, (s->nr_nics + 1) * sizeof(*more));

    if (!more)
        return NULL;
    s->nics = more;
    more[s->nr_nics] = (struct nic_sample){.domid = domid, .device = device, .who = who};
    return &more[s->nr_nics++];
}
