// SPDX-License-Identifier: GPL-2.0-only
/* Which domains there are: see domains.h. */
#include "lib/domains.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 128

static void take(struct domain_info *to, const struct xen_domctl_getdomaininfo *from)
{
    *to = (struct domain_info){.domid = from->domain,
                               .flags = from->flags,
                               .pages = from->tot_pages,
                               .max_pages = from->max_pages,
                               .claimed_pages = from->outstanding_pages,
                               .shared_info_mfn = from->shared_info_frame,
                               .cpu_ns = from->cpu_time,
                               .online_vcpus = from->nr_online_vcpus,
                               .max_vcpu_id = from->max_vcpu_id,
                               .cpupool = from->cpupool};
    memcpy(to->handle, from->handle, sizeof(to->handle));
}

/* Up to AT_ONCE domains from @first on. */
static int some(struct hypercalls *h, unsigned first, struct xen_domctl_getdomaininfo *buffer,
                unsigned max, struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_getdomaininfolist};

    op.u.getdomaininfolist.first_domain = (domid_t)first;
    op.u.getdomaininfolist.max_domains = max;
    op.u.getdomaininfolist.buffer = (uintptr_t)buffer;
    if (control_sysctl(h, &op, "list the domains", why))
        return -1;
    return (int)(op.u.getdomaininfolist.num_domains < max ? op.u.getdomaininfolist.num_domains
                                                          : max);
}

int domains_list(struct hypercalls *h, struct domain_info **list, struct problem *why)
{
    struct xen_domctl_getdomaininfo *buffer = hypercall_alloc(h, AT_ONCE * sizeof(*buffer));
    struct domain_info *all = NULL;
    unsigned first = 0;
    int nr = 0, got;

    if (!buffer)
        return problem_set(why, ENOMEM, NULL, "no memory for a hypercall");
    do {
        got = some(h, first, buffer, AT_ONCE, why);
        if (got <= 0)
            break;
        struct domain_info *more =
            reallocarray(all, (size_t)nr + (size_t)got, sizeof(struct domain_info));
        if (!more) {
            got = problem_set(why, ENOMEM, NULL, "no memory");
            break;
        }
        all = more;
        for (int i = 0; i < got; i++)
            take(&all[nr++], &buffer[i]);
        first = all[nr - 1].domid + 1;
    } while (got == AT_ONCE);
    hypercall_free(h, buffer);
    if (got < 0) {
        free(all);
        return -1;
    }
    *list = all;
    return nr;
}

int domains_get(struct hypercalls *h, unsigned domid, struct domain_info *info, struct problem *why)
{
    struct xen_domctl_getdomaininfo *buffer = hypercall_alloc(h, sizeof(*buffer));
    int got;

    if (!buffer)
        return problem_set(why, ENOMEM, NULL, "no memory for a hypercall");
    got = some(h, domid, buffer, 1, why);
    if (got == 1 && buffer->domain == domid)
        take(info, buffer);
    else if (got >= 0)
        got = problem_set(why, ESRCH, "`pavis list` shows those that there are",
                          "there is no domain %u", domid);
    hypercall_free(h, buffer);
    return got < 0 ? -1 : 0;
}

bool domains_name(struct xs_handle *store, unsigned domid, char *name, unsigned size)
{
    char path[64], *value;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    value = xs_read(store, XBT_NULL, path, NULL);
    if (!value)
        return false;
    snprintf(name, size, "%s", value);
    free(value);
    return true;
}

void uuid_text(const uint8_t handle[16], char text[UUID_TEXT])
{
    char *at = text;

    for (unsigned i = 0; i < 16; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", handle[i]);
}

bool uuid_parse(const char *text, uint8_t handle[16])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned n = 0; n < 32; n++) {
        const char *digit;

        if ((n == 8 || n == 12 || n == 16 || n == 20) && *text++ != '-')
            return false;
        digit = *text ? strchr(digits, tolower((unsigned char)*text)) : NULL;
        if (!digit)
            return false;
        handle[n / 2] = (uint8_t)(handle[n / 2] << 4 | (digit - digits));
        text++;
    }
    return *text == 0;
}

static int find_uuid(struct hypercalls *h, const uint8_t handle[16], struct problem *why)
{
    struct domain_info *list = NULL;
    int nr = domains_list(h, &list, why), found = -1;

    if (nr < 0)
        return -1;
    for (int i = 0; list && i < nr && found < 0; i++)
        if (memcmp(list[i].handle, handle, sizeof(list[i].handle)) == 0)
            found = (int)list[i].domid;
    free(list);
    return found < 0 ? problem_set(why, ESRCH, "`pavis list -v` shows those that there are",
                                   "there is no domain with this uuid")
                     : found;
}

/* Through the store, whose names are those of live domains; a number in the store that the
 * hypervisor does not know any more is passed over. */
static int find_name(struct hypercalls *h, struct xs_handle *store, const char *text,
                     struct problem *why)
{
    unsigned nr = 0;
    char **domids = store ? xs_directory(store, XBT_NULL, "/local/domain", &nr) : NULL;
    int found = -1;

    for (unsigned i = 0; i < nr && found < 0; i++) {
        unsigned domid = (unsigned)strtoul(domids[i], NULL, 10);
        char name[DOMAIN_NAME_MAX];
        struct domain_info info;

        if (domains_name(store, domid, name, sizeof(name)) && strcmp(name, text) == 0 &&
            domains_get(h, domid, &info, NULL) == 0)
            found = (int)domid;
    }
    free(domids);
    if (found >= 0)
        return found;
    return problem_set(why, ESRCH,
                       store ? "`pavis list` shows those that there are"
                             : "The store does not answer, so names are not known: is xenstored "
                               "running?",
                       "there is no domain with the name \"%s\"", text);
}

int domains_find(struct hypercalls *h, struct xs_handle *store, const char *text,
                 struct problem *why)
{
    uint8_t handle[16] = {0};
    struct domain_info info;
    char *end;
    unsigned long domid = strtoul(text, &end, 10);

    if (isdigit((unsigned char)text[0]) && *end == 0) {
        if (domid >= DOMID_FIRST_RESERVED)
            return problem_set(why, ESRCH, "`pavis list` shows those that there are",
                               "there is no domain %s", text);
        return domains_get(h, (unsigned)domid, &info, why) ? -1 : (int)domid;
    }
    if (uuid_parse(text, handle))
        return find_uuid(h, handle, why);
    return find_name(h, store, text, why);
}
