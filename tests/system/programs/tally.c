/* SPDX-License-Identifier: GPL-2.0-only */
/* What dom0 and the hypervisor have in use, as one line: domains, free pages of the machine, dom0's
 * event channels.  Two of them are equal if nothing was left behind in between.
 *
 * Arguments are numbers of domains to make and destroy first: the hypervisor keeps a page for each
 * 512 numbers (domain/registry.c) from the first use of one, and many lives get as far as the next
 * page.
 */
#include <stdio.h>
#include <stdlib.h>

#include "abi/event_channel.h"
#include "abi/xen.h"
#include "lib/control.h"
#include "lib/domains.h"

static unsigned count_ports(struct hypercalls *h)
{
    struct evtchn_status *s = hypercall_alloc(h, sizeof(*s));
    unsigned nr = 0;

    for (unsigned port = 1; s && port < 4096; port++) {
        *s = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
        if (hypercall(h, __HYPERVISOR_event_channel_op, EVTCHNOP_status, (uintptr_t)s, 0, 0) != 0)
            break;
        nr += s->status != EVTCHNSTAT_closed;
    }
    hypercall_free(h, s);
    return nr;
}

static int use_number(struct hypercalls *h, unsigned domid, struct problem *why)
{
    const struct xen_domctl_createdomain what = {.max_vcpus = 1,
                                                 .max_evtchn_port = 127,
                                                 .max_grant_frames = 4,
                                                 .max_maptrack_frames = 4,
                                                 .grant_opts = XEN_DOMCTL_GRANT_version(1)};

    return domain_create(h, domid, &what, why) < 0 ? -1 : domain_destroy(h, domid, why);
}

int main(int argc, char **argv)
{
    struct problem why;
    struct hypercalls *h = hypercalls_open(&why);
    struct xen_sysctl_physinfo info;
    struct domain_info *list = NULL;
    int nr = 0;

    for (int i = 1; h && i < argc && nr == 0; i++)
        nr = use_number(h, (unsigned)atoi(argv[i]), &why);
    nr = h && nr == 0 ? domains_list(h, &list, &why) : -1;
    if (nr < 0 || host_physinfo(h, &info, &why) != 0) {
        problem_print(&why, "tally");
        return 1;
    }
    printf("domains %d pages %llu ports %u\n", nr,
           (unsigned long long)(info.free_pages + info.scrub_pages), count_ports(h));
    free(list);
    return 0;
}
