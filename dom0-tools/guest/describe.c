// SPDX-License-Identifier: GPL-2.0-only
/* Writes a guest's nodes.
 *
 * Who may write where matters: whatever the guest owns it can change at any time, so nothing that
 * dom0 acts on is read back from there.  What dom0 has to know of a device later (where its back
 * end is) has a copy below /libxl, which the guest can neither read nor write.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/backend.h"
#include "guest/describe.h"
#include "guest/nic.h"
#include "lib/domains.h"

/* Of a guest's console: how many bytes its daemon may keep. */
#define CONSOLE_LIMIT "1048576"

void backend_path(char path[NODE_PATH], const char *kind, unsigned domid, unsigned device)
{
    snprintf(path, NODE_PATH, "/local/domain/0/backend/%s/%u/%u", kind, domid, device);
}

int guest_name_taken(struct xs_handle *xs, xs_transaction_t t, const char *name,
                     struct problem *why)
{
    unsigned nr = 0;
    char **domains = xs_directory(xs, t, "/local/domain", &nr);
    int taken = 0;

    if (!domains && errno != ENOENT)
        return problem_set(why, errno, "See whether xenstored runs", "the store does not answer");
    for (unsigned i = 0; domains && i < nr && !taken; i++) {
        char path[NODE_PATH];
        char *other;

        snprintf(path, sizeof(path), "/local/domain/%.16s/name", domains[i]);
        other = xs_read(xs, t, path, NULL);
        taken = other && strcmp(other, name) == 0;
        free(other);
    }
    free(domains);
    return taken;
}

/* ---- the guest itself */

static void describe_home(struct nodes *n, const struct guest_facts *f, const char *uuid)
{
    static const char *const of_the_guest[] = {
        "control/shutdown",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "device/suspend/event-channel",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };
    const struct guest_config *c = f->config;
    unsigned domid = f->built->domid;

    nodes_base(n, "/local/domain/%u", domid);
    nodes_own(n, "", 0, domid);
    nodes_write(n, "vm", "/vm/%s", uuid);
    nodes_write(n, "name", "%s", c->name);
    nodes_write(n, "domid", "%u", domid);
    nodes_write(n, "memory/static-max", "%llu", (unsigned long long)c->maxmem_mib << 10);
    nodes_write(n, "memory/target", "%llu", (unsigned long long)c->memory_mib << 10);
    nodes_write(n, "memory/videoram", "0");
    for (unsigned i = 0; i < c->max_vcpus; i++) {
        char path[40];

        snprintf(path, sizeof(path), "cpu/%u/availability", i);
        nodes_write(n, path, i < c->vcpus ? "online" : "offline");
    }
    nodes_write(n, "control/platform-feature-multiprocessor-suspend", "1");
    nodes_write(n, "control/platform-feature-xs_reset_watches", "1");
    for (unsigned i = 0; i < sizeof(of_the_guest) / sizeof(*of_the_guest); i++)
        nodes_own(n, of_the_guest[i], domid, domid);
    nodes_write(n, "store/ring-ref", "%llu", (unsigned long long)f->built->store_mfn);
    nodes_write(n, "store/port", "%u", f->built->store_port);
}

static void describe_vm(struct nodes *n, const struct guest_facts *f, const char *uuid)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    nodes_base(n, "/vm/%s", uuid);
    nodes_own(n, "", 0, f->built->domid);
    nodes_write(n, "uuid", "%s", uuid);
    nodes_write(n, "name", "%s", f->config->name);
    nodes_write(n, "image/ostype", "linux");
    nodes_write(n, "image/kernel", "%s", f->config->kernel);
    if (f->config->ramdisk)
        nodes_write(n, "image/ramdisk", "%s", f->config->ramdisk);
    nodes_write(n, "image/cmdline", "%s", f->config->cmdline);
    nodes_write(n, "start_time", "%lld.%02ld", (long long)now.tv_sec, now.tv_nsec / 10000000);
    nodes_base(n, "/libxl/%u", f->built->domid);
    nodes_own(n, "", 0, 0);
    nodes_write(n, "type", "pv");
    nodes_write(n, "dm-version", "qemu_xen");
}

/* ---- devices */

/* The two ends of a device, and the copy of the back end's nodes. */
struct device {
    const char *kind;
    unsigned domid, number;
    char frontend[NODE_PATH], backend[NODE_PATH], copy[NODE_PATH];
};

/* One node of the back end, and its copy. */
static void back(struct nodes *n, const struct device *d, const char *name, const char *value)
{
    nodes_base(n, "%s", d->backend);
    nodes_write(n, name, "%s", value);
    nodes_base(n, "%s", d->copy);
    nodes_write(n, name, "%s", value);
}

static void back_number(struct nodes *n, const struct device *d, const char *name, unsigned value)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", value);
    back(n, d, name, text);
}

/* What devices of all kinds have.  @home: the front end is in a place of its own. */
static void describe_device(struct nodes *n, struct device *d, const char *home)
{
    backend_path(d->backend, d->kind, d->domid, d->number);
    snprintf(d->copy, NODE_PATH, "/libxl/%u/device/%s/%u", d->domid, d->kind, d->number);
    if (home)
        snprintf(d->frontend, NODE_PATH, "/local/domain/%u/%s", d->domid, home);
    else
        snprintf(d->frontend, NODE_PATH, "/local/domain/%u/device/%s/%u", d->domid, d->kind,
                 d->number);
    nodes_own(n, d->backend, 0, d->domid);
    nodes_base(n, "%s", d->copy);
    nodes_write(n, "frontend", "%s", d->frontend);
    nodes_write(n, "backend", "%s", d->backend);
    back(n, d, "frontend", d->frontend);
    back_number(n, d, "frontend-id", d->domid);
    back(n, d, "online", "1");
    back_number(n, d, "state", DEVICE_INITIALISING);
}

/* The front end's side, which belongs to the guest. */
static void describe_frontend(struct nodes *n, const struct device *d)
{
    nodes_own(n, d->frontend, d->domid, 0);
    nodes_base(n, "%s", d->frontend);
    nodes_write(n, "backend", "%s", d->backend);
    nodes_write(n, "backend-id", "0");
    nodes_write(n, "state", "%d", DEVICE_INITIALISING);
}

static void describe_console(struct nodes *n, const struct guest_facts *f)
{
    struct device d = {.kind = "console", .domid = f->built->domid};

    describe_device(n, &d, "console");
    back(n, &d, "protocol", "vt100");
    nodes_base(n, "%s", d.frontend);
    nodes_write(n, "backend", "%s", d.backend);
    nodes_own(n, "backend-id", d.domid, 0);
    nodes_write(n, "backend-id", "0");
    nodes_write(n, "limit", CONSOLE_LIMIT);
    nodes_write(n, "type", "xenconsoled");
    nodes_write(n, "output", "pty");
    nodes_own(n, "tty", 0, d.domid);
    nodes_write(n, "port", "%u", f->built->console_port);
    nodes_write(n, "ring-ref", "%llu", (unsigned long long)f->built->console_mfn);
}

static void describe_disk(struct nodes *n, const struct guest_facts *f,
                          const struct disk_device *disk)
{
    const struct guest_disk *spec = disk->spec;
    struct device d = {.kind = "vbd", .domid = f->built->domid, .number = spec->number};
    bool discard = spec->has_discard ? spec->discard : spec->writable;

    describe_device(n, &d, NULL);
    back(n, &d, "params", spec->path);
    back(n, &d, "script", "/etc/xen/scripts/block");
    back(n, &d, "type", "phy");
    back(n, &d, "dev", spec->vdev);
    back(n, &d, "mode", spec->writable ? "w" : "r");
    back(n, &d, "device-type", spec->is_cdrom ? "cdrom" : "disk");
    back(n, &d, "specification", "xen");
    back_number(n, &d, "bootable", 1);
    back_number(n, &d, "removable", spec->removable);
    back_number(n, &d, "discard-enable", discard);
    if (spec->direct_io_safe)
        back_number(n, &d, "direct-io-safe", 1);
    nodes_base(n, "%s", d.backend);
    nodes_write(n, "hotplug-status", "connected");
    nodes_write(n, "physical-device-path", "%s", *disk->node ? disk->node : spec->path);
    if (*disk->node)
        nodes_write(n, "node", "%s", disk->node);
    nodes_write(n, "physical-device", "%x:%x", disk->major, disk->minor);
    describe_frontend(n, &d);
    nodes_write(n, "virtual-device", "%u", spec->number);
    nodes_write(n, "device-type", spec->is_cdrom ? "cdrom" : "disk");
    nodes_write(n, "protocol", "x86_64-abi");
    nodes_write(n, "trusted", "1");
}

static void describe_nic(struct nodes *n, const struct guest_facts *f, const struct guest_nic *nic)
{
    struct device d = {.kind = "vif", .domid = f->built->domid, .number = nic->devid};
    char text[40];
    uint8_t m[MAC_BYTES];

    describe_device(n, &d, NULL);
    nic_address(nic, f->uuid, m);
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
             m[5]);
    back(n, &d, "mac", text);
    back(n, &d, "type", "vif");
    back(n, &d, "bridge", nic_bridge(nic));
    back_number(n, &d, "handle", nic->devid);
    back(n, &d, "script", "/etc/xen/scripts/vif-bridge");
    back(n, &d, "hotplug-status", ""); /* the back end does not connect before this changes */
    if (nic->ip)
        back(n, &d, "ip", nic->ip);
    if (nic->vifname)
        back(n, &d, "vifname", nic->vifname);
    describe_frontend(n, &d);
    nodes_write(n, "mac", "%s", text);
    nodes_write(n, "handle", "%u", nic->devid);
    nodes_write(n, "trusted", "%d", nic->trusted);
    if (nic->mtu)
        nodes_write(n, "mtu", "%u", nic->mtu);
    if (nic->rate_bytes) {
        snprintf(text, sizeof(text), "%llu,%u", (unsigned long long)nic->rate_bytes,
                 nic->rate_interval_us);
        back(n, &d, "rate", text);
    }
}

/* Whether the device that another guest's back end has is this one's too, and one of them writes.
 */
static bool is_shared(struct nodes *n, const char *other, const struct disk_device *disk)
{
    char path[NODE_PATH], device[24];
    char *physical, *params, *mode;
    bool same;

    nodes_base(n, "%s", other);
    physical = nodes_read(n, "physical-device");
    params = nodes_read(n, "params");
    mode = nodes_read(n, "mode");
    snprintf(device, sizeof(device), "%x:%x", disk->major, disk->minor);
    snprintf(path, sizeof(path), "%s", disk->spec->path);
    same = (physical && strcmp(physical, device) == 0) || (params && strcmp(params, path) == 0);
    same = same && (disk->spec->writable || (mode && *mode == 'w'));
    free(physical);
    free(params);
    free(mode);
    return same;
}

/* Two guests that write to one disk, not knowing of each other, destroy what is on it. */
static int look_for_sharing(struct nodes *n, const struct guest_facts *f, struct problem *why)
{
    static const char all[] = "/local/domain/0/backend/vbd";
    unsigned nr_domains = 0, nr = 0, shared = 0;
    char **domains = f->config->nr_disks ? xs_directory(n->xs, n->t, all, &nr_domains) : NULL;
    char path[NODE_PATH];

    for (unsigned d = 0; domains && d < nr_domains && !shared; d++) {
        char **disks;

        snprintf(path, sizeof(path), "%s/%.16s", all, domains[d]);
        disks = xs_directory(n->xs, n->t, path, &nr);
        for (unsigned i = 0; disks && i < nr && !shared; i++)
            for (unsigned own = 0; own < f->config->nr_disks && !shared; own++) {
                snprintf(path, sizeof(path), "%s/%.16s/%.16s", all, domains[d], disks[i]);
                if (is_shared(n, path, &f->disks[own]))
                    shared = own + 1;
            }
        free(disks);
    }
    free(domains);
    if (!shared)
        return 0;
    return problem_set(why, EBUSY, "End that guest, or give the disk to both read-only",
                       "%s is a disk of another guest (%s)", f->disks[shared - 1].spec->path, path);
}

static int describe(struct nodes *n, void *ctx, struct problem *why)
{
    const struct guest_facts *f = ctx;
    char uuid[UUID_TEXT];
    int taken = guest_name_taken(n->xs, n->t, f->config->name, why);

    if (taken < 0)
        return -1;
    if (taken)
        return problem_set(why, EEXIST, "Choose another name=", "a guest with the name %s exists",
                           f->config->name);
    if (look_for_sharing(n, f, why) != 0)
        return -1;
    uuid_text(f->uuid, uuid);
    describe_home(n, f, uuid);
    describe_vm(n, f, uuid);
    describe_console(n, f);
    for (unsigned i = 0; i < f->config->nr_disks; i++)
        describe_disk(n, f, &f->disks[i]);
    for (unsigned i = 0; i < f->config->nr_nics; i++)
        describe_nic(n, f, &f->config->nics[i]);
    return 0;
}

int guest_describe(struct xs_handle *xs, const struct guest_facts *facts, struct problem *why)
{
    return nodes_transaction(xs, describe, (void *)facts, why);
}
