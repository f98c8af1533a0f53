// SPDX-License-Identifier: GPL-2.0-only
/* Differences of samples, and how they are shown: see rates.h. */
#include <stdlib.h>
#include <string.h>

#include "pavis/rates.h"
#include "pavis/rows.h"

#define KIB           1024
#define PAGES_PER_MIB 256
#define NS_PER_S      1e9
#define NS_PER_MS     1e6

/* ---- differences */

static const struct domain_sample *find_domain(const struct sample *s, const struct domain_info *d)
{
    for (unsigned i = 0; i < s->nr_domains; i++)
        if (s->domains[i].info.domid == d->domid &&
            memcmp(s->domains[i].info.handle, d->handle, sizeof(d->handle)) == 0)
            return &s->domains[i];
    return NULL;
}

static const struct disk_sample *find_disk(const struct sample *s, const struct disk_sample *d)
{
    for (unsigned i = 0; i < s->nr_disks; i++)
        if (s->disks[i].domid == d->domid && s->disks[i].device == d->device &&
            strcmp(s->disks[i].who, d->who) == 0)
            return &s->disks[i];
    return NULL;
}

static const struct nic_sample *find_nic(const struct sample *s, const struct nic_sample *n)
{
    for (unsigned i = 0; i < s->nr_nics; i++)
        if (s->nics[i].domid == n->domid && s->nics[i].device == n->device &&
            strcmp(s->nics[i].who, n->who) == 0)
            return &s->nics[i];
    return NULL;
}

static double grown(uint64_t before, uint64_t now)
{
    return now > before ? (double)(now - before) : 0;
}

static void add_disks(struct rates *r, const struct sample *before, const struct sample *now,
                      double seconds)
{
    static const struct disk_sample none;
    double ns = 0, requests = 0;

    for (unsigned i = 0; i < now->nr_disks; i++) {
        const struct disk_sample *d = &now->disks[i], *old = find_disk(before, d);

        if (d->domid != r->domid)
            continue;
        old = old ? old : &none;
        r->reads += grown(old->reads, d->reads) / seconds;
        r->writes += grown(old->writes, d->writes) / seconds;
        r->read_bytes += grown(old->bytes_read, d->bytes_read) / seconds;
        r->written_bytes += grown(old->bytes_written, d->bytes_written) / seconds;
        r->throttled += grown(old->throttled, d->throttled) / seconds;
        ns += grown(old->ns, d->ns);
        requests += grown(old->reads + old->writes + old->flushes + old->discards,
                          d->reads + d->writes + d->flushes + d->discards);
    }
    r->wait_ms = requests > 0 ? ns / requests / NS_PER_MS : 0;
}

static void add_nics(struct rates *r, const struct sample *before, const struct sample *now,
                     double seconds)
{
    static const struct nic_sample none;

    for (unsigned i = 0; i < now->nr_nics; i++) {
        const struct nic_sample *n = &now->nics[i], *old = find_nic(before, n);

        if (n->domid != r->domid)
            continue;
        old = old ? old : &none;
        r->sent_bytes += grown(old->tx_bytes, n->tx_bytes) / seconds;
        r->received_bytes += grown(old->rx_bytes, n->rx_bytes) / seconds;
        r->sent_packets += grown(old->tx_packets, n->tx_packets) / seconds;
        r->received_packets += grown(old->rx_packets, n->rx_packets) / seconds;
    }
}

static double key_of(const struct rates *r, enum rates_order order)
{
    switch (order) {
    case BY_MEMORY: return r->memory;
    case BY_DISK: return r->read_bytes + r->written_bytes;
    case BY_NETWORK: return r->sent_bytes + r->received_bytes;
    default: return r->cpu;
    }
}

static int compare(const void *a, const void *b, void *order)
{
    const struct rates *x = a, *y = b;
    enum rates_order by = *(enum rates_order *)order;
    double kx = key_of(x, by), ky = key_of(y, by);

    if (by == BY_NAME && strcmp(x->domain->name, y->domain->name) != 0)
        return strcmp(x->domain->name, y->domain->name);
    if (by != BY_NAME && kx != ky)
        return kx < ky ? 1 : -1;
    return (x->domid > y->domid) - (x->domid < y->domid);
}

struct rates *rates_between(const struct sample *before, const struct sample *now,
                            enum rates_order order)
{
    struct rates *all = calloc(now->nr_domains + 1, sizeof(*all));
    double seconds = grown(before->ns, now->ns) / NS_PER_S;

    if (!all)
        return NULL;
    if (seconds <= 0)
        seconds = 1;
    for (unsigned i = 0; i < now->nr_domains; i++) {
        const struct domain_sample *d = &now->domains[i], *old = find_domain(before, &d->info);
        struct rates *r = &all[i];

        r->domid = d->info.domid;
        r->domain = d;
        r->cpu = grown(old ? old->info.cpu_ns : 0, d->info.cpu_ns) / NS_PER_S / seconds * 100;
        if (now->host.total_pages)
            r->memory = (double)d->info.pages * 100 / (double)now->host.total_pages;
        add_disks(r, before, now, seconds);
        add_nics(r, before, now, seconds);
    }
    qsort_r(all, now->nr_domains, sizeof(*all), compare, &order);
    return all;
}

/* ---- text */

void plain_text(char *to, size_t size, const char *text)
{
    size_t len = 0;

    for (; *text && len + 1 < size; text++)
        to[len++] = *text >= ' ' && *text < 0x7f ? *text : '?';
    to[len] = 0;
}

const char *rates_title(void)
{
    return "NAME              STATE   CPU(s)  CPU%  MEM(M) MEM% VCPU   RD/s   WR/s  RDK/s  WRK/s "
           "WAIT(ms)  TXK/s  RXK/s";
}

const char *rates_row(const struct rates *r, char text[RATES_ROW])
{
    const struct domain_info *d = &r->domain->info;
    char name[17], state[STATE_TEXT];

    plain_text(name, sizeof(name), r->domain->name);
    snprintf(text, RATES_ROW,
             "%-16s %s %8.0f %5.1f %7llu %4.1f %4u %6.0f %6.0f %6.0f %6.0f %8.2f %6.0f %6.0f", name,
             state_letters(d, state), (double)d->cpu_ns / NS_PER_S, r->cpu,
             (unsigned long long)d->pages / PAGES_PER_MIB, r->memory, d->online_vcpus, r->reads,
             r->writes, r->read_bytes / KIB, r->written_bytes / KIB, r->wait_ms,
             r->sent_bytes / KIB, r->received_bytes / KIB);
    return text;
}

/* The length of the UTF-8 sequence at @at, 0 where there is none. */
static size_t utf8(const unsigned char *at)
{
    size_t len = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : (*at & 0xf0) == 0xe0 ? 3 : 4;

    if ((len == 4 && (*at < 0xf0 || *at > 0xf4)) || (*at == 0xe0 && at[1] < 0xa0) ||
        (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf0 && at[1] < 0x90) ||
        (*at == 0xf4 && at[1] >= 0x90))
        return 0; /* longer than needed, half of a pair, or beyond the last character */
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

void put_label(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t len = utf8(at);

        if (*at == '\n')
            fputs("\\n", out);
        else if (*at == '\\' || *at == '"')
            fprintf(out, "\\%c", *at);
        else if (len == 0 || *at < ' ' || *at == 0x7f)
            fputc('?', out);
        else
            fwrite(at, 1, len, out);
        at += len ? len : 1;
    }
}
