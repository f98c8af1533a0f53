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
#include "guest/backend.h"
#include "guest/describe.h"
#include "guest/make.h"
#include "guest/nic.h"
#include "guest/record.h"
#include "guest/unmake.h"

struct making {
    struct hypercalls *h;
    struct xs_handle *xs;
    const struct make_request *request;
    struct built_domain built;
    struct disk_device *disks;
    unsigned nr_open;
    struct problem *why;
};

static long long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int open_devices(struct making *m)
{
    const struct guest_config *c = m->request->config;

    for (unsigned i = 0; i < c->nr_nics; i++)
        if (nic_check(&c->nics[i], m->why) != 0)
            return -1;
    m->disks = calloc(c->nr_disks + 1, sizeof(*m->disks));
    if (!m->disks)
        return problem_set(m->why, ENOMEM, NULL, "no memory");
    for (; m->nr_open < c->nr_disks; m->nr_open++)
        if (disk_device_open(&m->disks[m->nr_open], &c->disks[m->nr_open], m->why) != 0)
            return -1;
    return 0;
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
        .disks = m->disks,
    };

    memcpy(facts.uuid, m->request->record->uuid, sizeof(facts.uuid));
    if (guest_describe(m->xs, &facts, m->why) != 0)
        return -1;
    if (!xs_introduce_domain(m->xs, m->built.domid, m->built.store_mfn, m->built.store_port))
        return problem_set(m->why, errno, "See the log of xenstored",
                           "the store does not serve domain %u", m->built.domid);
    return 0;
}

/* What libxl keeps of a guest, without which xl's verbs that change devices refuse.  Who has no xl
 * misses nothing. */
static void tell_xl(const struct making *m)
{
    char path[128], uuid[UUID_TEXT];
    FILE *out;

    uuid_text(m->request->record->uuid, uuid);
    snprintf(path, sizeof(path), XL_USERDATA, m->built.domid, uuid);
    out = fopen(path, "we");
    if (!out)
        return;
    guest_config_json(m->request->config, out);
    fclose(out);
}

/* The back ends have seen their devices when their state says so; they open a disk a moment later,
 * and until then a loop device needs somebody who has it open. */
static int wait_for_disk(struct making *m, const struct disk_device *disk)
{
    struct timespec pause = {.tv_nsec = 1000000};
    char path[NODE_PATH];
    char *paths[] = {path};
    long long end = backend_clock() + BACKEND_START_S * 1000LL;

    backend_path(path, "vbd", m->built.domid, disk->spec->number);
    while (!disk_device_taken(disk, m->built.domid)) {
        if (backends_wait(m->xs, paths, 1, DEVICE_INIT_WAIT, BACKEND_START_S, m->why) != 0)
            return -1;
        if (backend_clock() > end)
            return problem_set(m->why, ETIMEDOUT, "See `dmesg` in dom0",
                               "the back end does not open %s", disk->spec->path);
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int plug_nic(struct making *m, const struct guest_nic *nic)
{
    char backend[NODE_PATH], path[NODE_PATH + 16];

    if (nic_plug(nic, m->built.domid, m->why) != 0)
        return -1;
    backend_path(backend, "vif", m->built.domid, nic->devid);
    snprintf(path, sizeof(path), "%s/hotplug-status", backend);
    if (!xs_write(m->xs, XBT_NULL, path, "connected", 9))
        return problem_set(m->why, errno, NULL, "the store does not take %s", path);
    return 0;
}

/* All back ends start at once; only then each is looked at. */
static int connect_devices(struct making *m)
{
    const struct guest_config *c = m->request->config;
    unsigned nr = c->nr_disks + c->nr_nics;
    char(*texts)[NODE_PATH] = calloc(nr + 1, sizeof(*texts));
    char **paths = calloc(nr + 1, sizeof(*paths));
    int status = -1;

    if (!texts || !paths) {
        problem_set(m->why, ENOMEM, NULL, "no memory");
        goto out;
    }
    for (unsigned i = 0; i < nr; i++) {
        if (i < c->nr_disks)
            backend_path(texts[i], "vbd", m->built.domid, c->disks[i].number);
        else
            backend_path(texts[i], "vif", m->built.domid, c->nics[i - c->nr_disks].devid);
        paths[i] = texts[i];
    }
    if (nr && backends_wait(m->xs, paths, nr, DEVICE_INIT_WAIT, BACKEND_START_S, m->why) != 0)
        goto out;
    status = 0;
    for (unsigned i = 0; i < c->nr_nics && status == 0; i++)
        status = plug_nic(m, &c->nics[i]);
    for (unsigned i = 0; i < c->nr_disks && status == 0; i++)
        status = wait_for_disk(m, &m->disks[i]);
out:
    free(texts);
    free(paths);
    return status;
}

static int make(struct making *m, struct make_times *times)
{
    if (open_devices(m) != 0)
        return -1;
    times->devices_opened = now_us();
    if (build(m) != 0 || place_vcpus(m) != 0)
        return -1;
    times->built = now_us();
    if (describe(m) != 0)
        return -1;
    tell_xl(m);
    times->described = now_us();
    if (connect_devices(m) != 0)
        return -1;
    times->connected = now_us();
    if (!m->request->paused && domain_unpause(m->h, m->built.domid, m->why) != 0)
        return -1;
    times->started = now_us();
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
    if (taken == 0)
        status = make(&m, times);
    while (m.nr_open > 0)
        disk_device_close(&m.disks[--m.nr_open]);
    free(m.disks);
    if (status != 0) {
        /* What cannot be removed now keeps its record, so that the next command tries again. */
        if (guest_unmake(h, xs, record->domid, record->uuid, NULL) == 0)
            record_remove(record);
        else
            record_close(record);
        return -1;
    }
    record_close(record);
    times->started -= times->connected;
    times->connected -= times->described;
    times->described -= times->built;
    times->built -= times->devices_opened;
    times->devices_opened -= begin;
    return (int)m.built.domid;
}
