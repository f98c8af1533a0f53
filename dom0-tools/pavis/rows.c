// SPDX-License-Identifier: GPL-2.0-only
/* Lines of text as xl prints them: see rows.h. */
#include "pavis/rows.h"

#include <stdio.h>
#include <string.h>

#include "abi/sched.h"

#define NS_PER_SECOND 1e9
#define PAGES_PER_MIB 256

const char *state_letters(const struct domain_info *d, char text[STATE_TEXT])
{
    memcpy(text, "------", STATE_TEXT);
    if (d->flags & XEN_DOMINF_running)
        text[0] = 'r';
    if (d->flags & XEN_DOMINF_blocked)
        text[1] = 'b';
    if (d->flags & XEN_DOMINF_paused)
        text[2] = 'p';
    if (d->flags & XEN_DOMINF_shutdown)
        text[3] = 's';
    if (domain_shutdown_reason(d) == SHUTDOWN_crash)
        text[4] = 'c';
    if (domain_is_dying(d))
        text[5] = 'd';
    return text;
}

const char *state_word(const struct domain_info *d)
{
    if (domain_is_dying(d))
        return "dying";
    if (d->flags & XEN_DOMINF_shutdown)
        return domain_shutdown_reason(d) == SHUTDOWN_crash ? "crashed" : "shutdown";
    if (d->flags & XEN_DOMINF_paused)
        return "paused";
    return d->flags & XEN_DOMINF_blocked ? "blocked" : "running";
}

const char *list_row(const struct domain_info *d, const char *name, char text[ROW_MAX])
{
    char state[STATE_TEXT];

    snprintf(text, ROW_MAX, "%-40s %5u %5llu %5u     %s  %8.1f", name, d->domid,
             (unsigned long long)((d->pages + d->claimed_pages) / PAGES_PER_MIB), d->online_vcpus,
             state_letters(d, state), (double)d->cpu_ns / NS_PER_SECOND);
    return text;
}

static bool bit(const uint8_t *map, unsigned n)
{
    return map[n / 8] >> n % 8 & 1;
}

const char *cpu_ranges(const uint8_t *map, unsigned nr, char *text, size_t size)
{
    size_t len = 0;
    unsigned set = 0;

    text[0] = 0;
    for (unsigned i = 0; i < nr; i++) {
        unsigned first = i;

        if (!bit(map, i))
            continue;
        while (i + 1 < nr && bit(map, i + 1))
            i++;
        set += i - first + 1;
        if (len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%u", len ? "," : "", first);
        if (i > first && len < size)
            len += (size_t)snprintf(text + len, size - len, "-%u", i);
    }
    if (set == 0 || set == nr)
        snprintf(text, size, "%s", set ? "all" : "none");
    return text;
}

const char *vcpu_row(const char *name, unsigned domid, const struct xen_domctl_getvcpuinfo *v,
                     char text[ROW_MAX])
{
    char place[24];

    /* Where it is, and whether it runs there, is blocked, or is off. */
    if (v->online)
        snprintf(place, sizeof(place), "%5u   %c%c-", v->cpu, v->running ? 'r' : '-',
                 v->blocked ? 'b' : '-');
    else
        snprintf(place, sizeof(place), "%5s   --p", "-");
    snprintf(text, ROW_MAX, "%-32s %5u %5u%s %9.1f", name, domid, v->vcpu, place,
             (double)v->cpu_time / NS_PER_SECOND);
    return text;
}

const char *virt_caps(uint32_t capabilities, char *text, size_t size)
{
    static const struct {
        uint32_t bits;
        const char *name;
    } caps[] = {
        {XEN_SYSCTL_PHYSCAP_pv, "pv"},
        {XEN_SYSCTL_PHYSCAP_hvm, "hvm"},
        {XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_directio, "hvm_directio"},
        {XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_directio, "pv_directio"},
        {XEN_SYSCTL_PHYSCAP_hap, "hap"},
        {XEN_SYSCTL_PHYSCAP_shadow, "shadow"},
        {XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, "iommu_hap_pt_share"},
        {XEN_SYSCTL_PHYSCAP_vmtrace, "vmtrace"},
        {XEN_SYSCTL_PHYSCAP_vpmu, "vpmu"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v1, "gnttab-v1"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v2, "gnttab-v2"},
    };
    size_t len = 0;

    text[0] = 0;
    for (size_t i = 0; i < sizeof(caps) / sizeof(*caps) && len < size; i++)
        if ((capabilities & caps[i].bits) == caps[i].bits)
            len += (size_t)snprintf(text + len, size - len, "%s%s", len ? " " : "", caps[i].name);
    return text;
}
