// SPDX-License-Identifier: GPL-2.0-only
/* pavis metrics: what there is to be measured, in the text format of Prometheus, for its
 * node_exporter's textfile collector or whoever reads it.  Counters are in base units and grow as
 * long as their domain lives. */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/device.h"
#include "pavis/rates.h"
#include "pavis/rows.h"
#include "pavis/verb.h"

#define PAGE_BYTES 4096
#define NS_PER_S   1e9

static void family(const char *name, const char *type, const char *help)
{
    printf("# HELP pavis_%s %s\n# TYPE pavis_%s %s\n", name, help, name, type);
}

static void number(const char *name, uint64_t value)
{
    printf("pavis_%s %llu\n", name, (unsigned long long)value);
}

/* ---- the machine */

static void put_host(const struct sample *s)
{
    family("host_memory_bytes", "gauge", "Memory of the machine that domains may have.");
    number("host_memory_bytes", s->host.total_pages * PAGE_BYTES);
    family("host_memory_free_bytes", "gauge", "What no domain has.");
    number("host_memory_free_bytes", s->host.free_pages * PAGE_BYTES);
    family("host_memory_claimed_bytes", "gauge", "Free, but promised to domains.");
    number("host_memory_claimed_bytes", s->host.outstanding_pages * PAGE_BYTES);
    family("host_cpu_idle_seconds_total", "counter", "Time in which a processor ran nothing.");
    for (unsigned i = 0; i < s->nr_cpus; i++)
        printf("pavis_host_cpu_idle_seconds_total{cpu=\"%u\"} %.6f\n", i,
               (double)s->cpu_idle_ns[i] / NS_PER_S);
}

static void put_services(bool store)
{
    static const struct device_kind *const kinds[] = {&kind_pvblk, &kind_pvnet, &kind_vbd,
                                                      &kind_vif, NULL};

    family("up", "gauge", "1 if it serves.");
    printf("pavis_up{service=\"xenstored\"} %d\n", store);
    for (unsigned i = 0; kinds[i]; i++)
        printf("pavis_up{service=\"%s\"} %d\n", kinds[i]->who, kind_runs(kinds[i]));
}

/* Lines "name number" of our xenstored's report; Debian's says something else. */
static void put_store(struct xs_handle *xs)
{
    static const struct {
        const char *line, *name, *help;
    } known[] = {
        {"nodes", "nodes", "Nodes of the store."},
        {"node bytes", "node_bytes", "Memory of its nodes."},
        {"bytes of transactions", "transaction_bytes", "Memory of transactions."},
        {"bytes of old versions", "old_version_bytes", "Memory that transactions keep."},
        {"watched paths", "watched_paths", "Paths that somebody watches."},
        {"connections", "connections", "Clients and guests."},
        {"unacknowledged bytes", "unacknowledged_bytes", "Kept until clients have taken them."},
    };
    char command[] = "memreport";
    char *report = xs ? xs_control_command(xs, command, NULL, 0) : NULL;

    for (char *line = report, *next; line && *line; line = next) {
        size_t len = strcspn(line, "\n");

        next = line + len + (line[len] == '\n');
        line[len] = 0;
        for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
            char name[64];
            size_t name_len = strlen(known[i].line);

            if (strncmp(line, known[i].line, name_len) != 0 || line[name_len] != ' ' ||
                line[name_len + 1] < '0' || line[name_len + 1] > '9')
                continue;
            snprintf(name, sizeof(name), "xenstored_%s", known[i].name);
            family(name, "gauge", known[i].help);
            number(name, strtoull(line + name_len + 1, NULL, 10));
        }
    }
    free(report);
}

/* ---- domains */

static void domain_label(const struct domain_sample *d)
{
    printf("{domid=\"%u\",name=\"", d->info.domid);
    put_label(stdout, d->name);
    fputs("\"}", stdout);
}

static uint64_t memory_of(const struct domain_info *d)
{
    return d->pages * PAGE_BYTES;
}
static uint64_t memory_max_of(const struct domain_info *d)
{
    return d->max_pages * PAGE_BYTES;
}
static uint64_t vcpus_of(const struct domain_info *d)
{
    return d->online_vcpus;
}
static uint64_t crashed_of(const struct domain_info *d)
{
    return strcmp(state_word(d), "crashed") == 0;
}

static void put_domains(const struct sample *s)
{
    static const struct {
        const char *name, *help;
        uint64_t (*get)(const struct domain_info *d);
    } gauges[] = {
        {"domain_memory_bytes", "Memory that a domain has.", memory_of},
        {"domain_memory_max_bytes", "What it may have at most.", memory_max_of},
        {"domain_vcpus", "Its virtual processors that are online.", vcpus_of},
        {"domain_crashed", "1 if it has crashed.", crashed_of},
    };

    for (unsigned g = 0; g < sizeof(gauges) / sizeof(*gauges); g++) {
        family(gauges[g].name, "gauge", gauges[g].help);
        for (unsigned i = 0; i < s->nr_domains; i++) {
            printf("pavis_%s", gauges[g].name);
            domain_label(&s->domains[i]);
            printf(" %llu\n", (unsigned long long)gauges[g].get(&s->domains[i].info));
        }
    }
}

static void put_vcpus(const struct sample *s, struct hypercalls *h)
{
    family("domain_vcpu_seconds_total", "counter", "Processor time of a virtual processor.");
    for (unsigned i = 0; i < s->nr_domains; i++) {
        const struct domain_sample *d = &s->domains[i];

        for (unsigned v = 0; v <= d->info.max_vcpu_id; v++) {
            struct xen_domctl_getvcpuinfo info;

            if (vcpu_get_info(h, d->info.domid, v, &info, NULL) != 0)
                continue;
            printf("pavis_domain_vcpu_seconds_total{domid=\"%u\",name=\"", d->info.domid);
            put_label(stdout, d->name);
            printf("\",vcpu=\"%u\"} %.6f\n", v, (double)info.cpu_time / NS_PER_S);
        }
    }
}

/* Frames of grant tables. */
static void put_grants(const struct sample *s, struct hypercalls *h)
{
    family("domain_grant_frames", "gauge", "Pages of a domain's grant table.");
    for (unsigned i = 0; i < s->nr_domains; i++) {
        uint32_t now, max;

        if (domain_grant_frames(h, s->domains[i].info.domid, &now, &max, NULL) != 0)
            continue;
        fputs("pavis_domain_grant_frames", stdout);
        domain_label(&s->domains[i]);
        printf(" %u\n", now);
    }
}

/* ---- devices */

static const char *name_of(const struct sample *s, unsigned domid)
{
    for (unsigned i = 0; i < s->nr_domains; i++)
        if (s->domains[i].info.domid == domid)
            return s->domains[i].name;
    return "(null)";
}

static void device_label(const struct sample *s, unsigned domid, unsigned device, const char *who)
{
    printf("{domid=\"%u\",name=\"", domid);
    put_label(stdout, name_of(s, domid));
    printf("\",device=\"%u\",served_by=\"%s\"}", device, who);
}

#define DISK(name, field, help)                                                                    \
    {                                                                                              \
        name, help, offsetof(struct disk_sample, field)                                            \
    }
#define NIC(name, field, help)                                                                     \
    {                                                                                              \
        name, help, offsetof(struct nic_sample, field)                                             \
    }

struct column {
    const char *name, *help;
    size_t offset;
};

static uint64_t field_of(const void *sample, size_t offset)
{
    uint64_t value;

    memcpy(&value, (const char *)sample + offset, sizeof(value));
    return value;
}

static void put_disks(const struct sample *s)
{
    static const struct column columns[] = {
        DISK("disk_reads_total", reads, "Requests to read."),
        DISK("disk_writes_total", writes, "Requests to write."),
        DISK("disk_flushes_total", flushes, "Requests to flush, and barriers."),
        DISK("disk_discards_total", discards, "Requests to discard."),
        DISK("disk_read_bytes_total", bytes_read, "Bytes read."),
        DISK("disk_written_bytes_total", bytes_written, "Bytes written."),
        DISK("disk_refused_total", refused, "Requests that made no sense or were not allowed."),
        DISK("disk_failed_total", failed, "Requests that the device failed."),
        DISK("disk_throttled_total", throttled, "Times that a request waited for the limit."),
        DISK("disk_in_line_total", in_line, "Times that a request waited for its share."),
    };

    for (unsigned c = 0; c < sizeof(columns) / sizeof(*columns); c++) {
        family(columns[c].name, "counter", columns[c].help);
        for (unsigned i = 0; i < s->nr_disks; i++) {
            const struct disk_sample *d = &s->disks[i];

            printf("pavis_%s", columns[c].name);
            device_label(s, d->domid, d->device, d->who);
            printf(" %llu\n", (unsigned long long)field_of(d, columns[c].offset));
        }
    }
    family("disk_request_seconds_total", "counter", "Time from taking requests to answering them.");
    for (unsigned i = 0; i < s->nr_disks; i++) {
        fputs("pavis_disk_request_seconds_total", stdout);
        device_label(s, s->disks[i].domid, s->disks[i].device, s->disks[i].who);
        printf(" %.9f\n", (double)s->disks[i].ns / NS_PER_S);
    }
    family("disk_request_seconds_max", "gauge", "The longest that a request took.");
    for (unsigned i = 0; i < s->nr_disks; i++) {
        fputs("pavis_disk_request_seconds_max", stdout);
        device_label(s, s->disks[i].domid, s->disks[i].device, s->disks[i].who);
        printf(" %.9f\n", (double)s->disks[i].worst_ns / NS_PER_S);
    }
}

static void put_nics(const struct sample *s)
{
    static const struct column columns[] = {
        NIC("network_sent_packets_total", tx_packets, "Packets that the guest sent."),
        NIC("network_sent_bytes_total", tx_bytes, "Bytes that the guest sent."),
        NIC("network_sent_dropped_total", tx_dropped, "Sent besides, but not delivered."),
        NIC("network_received_packets_total", rx_packets, "Packets that the guest got."),
        NIC("network_received_bytes_total", rx_bytes, "Bytes that the guest got."),
        NIC("network_received_dropped_total", rx_dropped, "For the guest, but not delivered."),
    };

    for (unsigned c = 0; c < sizeof(columns) / sizeof(*columns); c++) {
        family(columns[c].name, "counter", columns[c].help);
        for (unsigned i = 0; i < s->nr_nics; i++) {
            const struct nic_sample *n = &s->nics[i];

            printf("pavis_%s", columns[c].name);
            device_label(s, n->domid, n->device, n->who);
            printf(" %llu\n", (unsigned long long)field_of(n, columns[c].offset));
        }
    }
}

int verb_metrics(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    struct hypercalls *h;
    struct sample sample;
    struct problem why = {0};

    if (getopt_long(argc, argv, "", options, NULL) != -1 || optind != argc)
        return verb_usage(s, "it takes no arguments");
    h = session_hypercalls(s);
    if (!h)
        return 1;
    s->store = xs_open(0); /* without it there are no names */
    if (sample_take(&sample, h, s->store, &why) != 0)
        return verb_failed(s, &why);
    put_services(s->store);
    put_host(&sample);
    put_domains(&sample);
    put_vcpus(&sample, h);
    put_grants(&sample, h);
    put_disks(&sample);
    put_nics(&sample);
    put_store(s->store);
    sample_free(&sample);
    return 0;
}
