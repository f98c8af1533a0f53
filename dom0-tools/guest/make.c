// SPDX-License-Identifier: GPL-2.0-only
/* Makes a guest, in this order: the record, before there is anything to lose; what the devices
 * stand for in dom0, since most mistakes are there; the domain; its nodes; its back ends; its first
 * instruction.  Whatever fails, guest_unmake() removes what there is, here or in the next command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "build/build.h"
#include "guest/describe.h"
#include "guest/device.h"
#include "guest/hotplug.h"
#include "guest/ended.h"
#include "guest/make.h"
#include "guest/record.h"
#include "guest/unmake.h"

struct making {
    struct hypercalls *h;
    struct xs_handle *xs;
    const struct make_request *request;
    struct built_domain built;
    struct device_set devices;
    struct problem *why;
};

static long long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int note_domain(void *ctx, unsigned domid, struct problem *why)
{
    struct making *m = ctx;

    return record_set_domain(m->request->record, domid, why);
}

static int build(struct making *m)
{
    const struct guest_config *c = m->request->config;
    struct build_request r = BUILD_DEFAULTS;

    r.kernel = c->kernel;
    r.ramdisk = c->ramdisk;
    r.cmdline = c->cmdline;
    r.memory_kib = c->memory_mib << 10;
    r.max_memory_kib = c->maxmem_mib << 10;
    r.max_vcpus = c->max_vcpus;
    memcpy(r.handle, m->request->record->uuid, sizeof(r.handle));
    if (c->max_event_channels)
        r.max_event_channels = c->max_event_channels;
    if (c->max_grant_frames)
        r.max_grant_frames = (int)c->max_grant_frames;
    if (c->max_maptrack_frames)
        r.max_maptrack_frames = (int)c->max_maptrack_frames;
    r.tsc_mode = c->tsc_mode;
    r.weight = c->cpu_weight;
    r.cap = c->cpu_cap;
    /* A kernel that runs makes descriptor tables of frames that must not be mapped here any more.
     */
    r.program_ends = m->request->paused;
    r.created = note_domain;
    r.ctx = m;
    return build_domain(m->h, &r, &m->built, m->why);
}

/* Where its vCPUs may run; the hypervisor knows which of those processors there are. */
static int place_vcpus(struct making *m)
{
    const struct guest_config *c = m->request->config;

    for (unsigned v = 0; v < c->max_vcpus; v++) {
        const uint8_t *hard = c->cpus.is_set ? c->cpus.bits : NULL;
        const uint8_t *soft = c->cpus_soft.is_set ? c->cpus_soft.bits : NULL;

        if (v < c->nr_vcpu_cpus)
            hard = c->vcpu_cpus[v].bits;
        if ((hard || soft) && vcpu_set_affinity(m->h, m->built.domid, v, hard, soft, m->why) != 0)
            return -1;
    }
    return 0;
}

static int describe(struct making *m)
{
    struct guest_facts facts = {
        .config = m->request->config,
        .built = &m->built,
        .devices = &m->devices,
    };

    memcpy(facts.uuid, m->request->record->uuid, sizeof(facts.uuid));
    if (guest_describe(m->xs, &facts, m->why) != 0)
        return -1;
    if (!xs_introduce_domain(m->xs, m->built.domid, m->built.store_mfn, m->built.store_port))
        return problem_set(m->why, errno, "See the log of xenstored",
                           "the store does not serve domain %u", m->built.domid);
    return 0;
}

static int make(struct making *m, struct make_times *times)
{
    if (devices_open(&m->devices, m->request->config, m->request->record->uuid, true, m->why) != 0)
        return -1;
    times->devices_opened = now_us();
    if (build(m) != 0 || place_vcpus(m) != 0)
        return -1;
    times->built = now_us();
    if (describe(m) != 0)
        return -1;
    tell_xl(m->request->config, m->built.domid, m->request->record->uuid);
    times->described = now_us();
    if (devices_connect(m->xs, m->built.domid, &m->devices, m->why) != 0)
        return -1;
    times->connected = now_us();
    if (!m->request->paused && domain_unpause(m->h, m->built.domid, m->why) != 0)
        return -1;
    times->started = now_us();
    if (m->request->bound)
        return 0; /* if its maker is killed, it is as one that is half made */
    return record_set_state(m->request->record, RECORD_LIVE, m->why);
}

int guest_make(struct hypercalls *h, struct xs_handle *xs, const struct make_request *request,
               struct make_times *times, struct problem *why)
{
    struct making m = {.h = h, .xs = xs, .request = request, .why = why};
    long long begin = now_us();
    struct record *record = request->record;
    int taken = guest_name_taken(xs, XBT_NULL, request->config->name, why);
    int status = -1;

    *times = (struct make_times){0};
    if (taken > 0) /* guest_describe() looks again, when nobody can come between */
        problem_set(why, EEXIST, "Choose another name=, or end that guest: pavis destroy",
                    "a guest with the name %s exists", request->config->name);
    if (taken == 0) {
        ended_forget(request->config->name);
        status = make(&m, times);
    }
    devices_close(&m.devices);
    if (status != 0) {
        /* What cannot be removed now keeps its record, so that the next command tries again. */
        if (guest_unmake(h, xs, record->domid, record->uuid, NULL) == 0)
            record_remove(record);
        else
            record_close(record);
        return -1;
    }
    if (!request->bound)
        record_close(record);
    times->started -= times->connected;
    times->connected -= times->described;
    times->described -= times->built;
    times->built -= times->devices_opened;
    times->devices_opened -= begin;
    return (int)m.built.domid;
}
