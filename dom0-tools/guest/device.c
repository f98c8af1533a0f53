// SPDX-License-Identifier: GPL-2.0-only
/* Who serves a guest's devices, and what both ends of one say in the store: see device.h.
 *
 * The nodes are those that xl writes for the same device, so that xl lists guests of ours; kinds of
 * our own have a few more.  What the guest owns it can change at any time, so nothing that dom0
 * acts on is read back from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/alone.h"
#include "guest/backend.h"
#include "guest/device.h"
#include "guest/nic.h"
#include "lib/domains.h"

#define DAEMON_FOLDER "/run/pavis/" /* below it each daemon has its own */

const struct device_kind kind_vbd = {.sort = SORT_DISK,
                                     .front = "vbd",
                                     .back = "vbd",
                                     .who = "xen-blkback",
                                     .start = "modprobe xen-blkback",
                                     .kernel = true};
const struct device_kind kind_vif = {.sort = SORT_NIC,
                                     .front = "vif",
                                     .back = "vif",
                                     .who = "xen-netback",
                                     .start = "modprobe xen-netback",
                                     .kernel = true};
const struct device_kind kind_pvblk = {.sort = SORT_DISK,
                                       .front = "vbd",
                                       .back = "pvblk",
                                       .who = "blkback",
                                       .start = "Start the daemon: blkback"};
const struct device_kind kind_pvnet = {.sort = SORT_NIC,
                                       .front = "vif",
                                       .back = "pvnet",
                                       .who = "netback",
                                       .start = "Start the daemon: netback"};

const struct device_kind *kind_named(const char *back)
{
    static const struct device_kind *const all[] = {&kind_vbd, &kind_vif, &kind_pvblk, &kind_pvnet,
                                                    NULL};

    for (unsigned i = 0; all[i]; i++)
        if (strcmp(back, all[i]->back) == 0)
            return all[i];
    return NULL;
}

bool kind_runs(const struct device_kind *kind)
{
    char path[80];

    if (kind->kernel)
        snprintf(path, sizeof(path), "/sys/bus/xen-backend/drivers/%s", kind->back);
    else
        snprintf(path, sizeof(path), DAEMON_FOLDER "%s", kind->who);
    return kind->kernel ? access(path, F_OK) == 0 : backend_daemon(path) > 0;
}

/* The kernel's driver may just not be loaded. */
static bool load_driver(const struct device_kind *kind)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        execlp("modprobe", "modprobe", "-q", kind->who, NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && kind_runs(kind);
}

/* Ours if it runs, else the kernel's: NULL with the reason if there is neither. */
static const struct device_kind *choose(const struct device_kind *ours,
                                        const struct device_kind *kernels, bool want_ours,
                                        struct problem *why)
{
    const char *what = ours->sort == SORT_DISK ? "disks" : "network cards";
    char remedy[96];

    if (want_ours && kind_runs(ours))
        return ours;
    if (kind_runs(kernels) || load_driver(kernels))
        return kernels;
    snprintf(remedy, sizeof(remedy), "%s; or %s", ours->start, kernels->start);
    problem_set(why, 0, remedy, "nothing serves guests' %s: neither %s nor the kernel's %s", what,
                ours->who, kernels->who);
    return NULL;
}

/* One that the configuration names must be there. */
static const struct device_kind *named(const struct device_kind *kind, struct problem *why)
{
    if (kind_runs(kind) || (kind->kernel && load_driver(kind)))
        return kind;
    problem_set(why, 0, kind->start, "backendtype= wants %s, which does not run", kind->who);
    return NULL;
}

static const struct device_kind *disk_kind(const struct guest_disk *disk, bool ours,
                                           struct problem *why)
{
    if (disk->backend_type == DISK_BACKEND_PVBLK)
        return named(&kind_pvblk, why);
    if (disk->backend_type == DISK_BACKEND_PHY)
        return named(&kind_vbd, why);
    return choose(&kind_pvblk, &kind_vbd, ours, why);
}

static const struct device_kind *nic_kind(const struct guest_nic *nic, bool ours,
                                          struct problem *why)
{
    if (nic->backend_type == NIC_BACKEND_PVNET)
        return named(&kind_pvnet, why);
    if (nic->backend_type == NIC_BACKEND_VIF)
        return named(&kind_vif, why);
    return choose(&kind_pvnet, &kind_vif, ours, why);
}

int devices_open(struct device_set *set, const struct guest_config *config,
                 const uint8_t uuid[UUID_BYTES], bool ours, struct problem *why)
{
    *set = (struct device_set){
        .disks = calloc(config->nr_disks + 1, sizeof(*set->disks)),
        .nics = calloc(config->nr_nics + 1, sizeof(*set->nics)),
    };
    if (!set->disks || !set->nics) {
        problem_set(why, ENOMEM, NULL, "no memory");
        goto fail;
    }
    for (; set->nr_nics < config->nr_nics; set->nr_nics++) {
        struct nic_device *nic = &set->nics[set->nr_nics];

        nic->spec = &config->nics[set->nr_nics];
        nic->kind = nic_kind(nic->spec, ours, why);
        if (!nic->kind || nic_join(nic, uuid, config->name, why) != 0 ||
            nic_check(nic->spec, nic->kind, why) != 0)
            goto fail;
    }
    for (; set->nr_disks < config->nr_disks; set->nr_disks++) {
        const struct guest_disk *spec = &config->disks[set->nr_disks];
        const struct device_kind *kind = disk_kind(spec, ours, why);

        if (!kind || disk_device_open(&set->disks[set->nr_disks], spec, kind, why) != 0)
            goto fail;
    }
    return 0;
fail:
    devices_close(set);
    return -1;
}

void devices_close(struct device_set *set)
{
    for (unsigned i = 0; i < set->nr_disks; i++)
        disk_device_close(&set->disks[i]);
    free(set->disks);
    free(set->nics);
    *set = (struct device_set){0};
}

/* ---- nodes */

void backend_path(char path[NODE_PATH], const char *kind, unsigned domid, unsigned device)
{
    snprintf(path, NODE_PATH, "/local/domain/0/backend/%s/%u/%u", kind, domid, device);
}

void device_back(struct nodes *n, const struct device_ends *d, const char *name, const char *value)
{
    nodes_base(n, "%s", d->backend);
    nodes_write(n, name, "%s", value);
    nodes_base(n, "%s", d->copy);
    nodes_write(n, name, "%s", value);
}

static void back_number(struct nodes *n, const struct device_ends *d, const char *name,
                        unsigned long long value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", value);
    device_back(n, d, name, text);
}

void device_ends_write(struct nodes *n, struct device_ends *d, const char *front, const char *back,
                       const char *home)
{
    backend_path(d->backend, back, d->domid, d->number);
    snprintf(d->copy, NODE_PATH, "/libxl/%u/device/%s/%u", d->domid, front, d->number);
    if (home)
        snprintf(d->frontend, NODE_PATH, "/local/domain/%u/%s", d->domid, home);
    else
        snprintf(d->frontend, NODE_PATH, "/local/domain/%u/device/%s/%u", d->domid, front,
                 d->number);
    nodes_own(n, d->backend, 0, d->domid);
    nodes_base(n, "%s", d->copy);
    nodes_write(n, "frontend", "%s", d->frontend);
    nodes_write(n, "backend", "%s", d->backend);
    device_back(n, d, "frontend", d->frontend);
    back_number(n, d, "frontend-id", d->domid);
    device_back(n, d, "online", "1");
    back_number(n, d, "state", DEVICE_INITIALISING);
}

/* The front end's side, which belongs to the guest. */
static void write_frontend(struct nodes *n, const struct device_ends *d)
{
    nodes_own(n, d->frontend, d->domid, 0);
    nodes_base(n, "%s", d->frontend);
    nodes_write(n, "backend", "%s", d->backend);
    nodes_write(n, "backend-id", "0");
    nodes_write(n, "state", "%d", DEVICE_INITIALISING);
}

/* Whose a device of ours is, since domains' numbers are given again (unmake.c). */
static void write_owner(struct nodes *n, const struct device_ends *d,
                        const uint8_t uuid[UUID_BYTES])
{
    char text[UUID_TEXT];

    uuid_text(uuid, text);
    nodes_base(n, "%s", d->backend);
    nodes_write(n, "uuid", "%s", text);
}

/* What only blkback knows. */
static void write_pvblk(struct nodes *n, const struct device_ends *d,
                        const struct disk_device *disk)
{
    const struct guest_disk *spec = disk->spec;

    if (spec->weight)
        back_number(n, d, "weight", spec->weight);
    if (spec->iops)
        back_number(n, d, "iops", spec->iops);
    if (spec->bytes_per_second)
        back_number(n, d, "bytes-per-second", spec->bytes_per_second);
}

/* What the kernel's has from xl's script. */
static void write_vbd(struct nodes *n, const struct device_ends *d, const struct disk_device *disk)
{
    device_back(n, d, "script", "/etc/xen/scripts/block");
    nodes_base(n, "%s", d->backend);
    nodes_write(n, "hotplug-status", "connected");
    nodes_write(n, "physical-device-path", "%s", *disk->node ? disk->node : disk->spec->path);
    if (*disk->node)
        nodes_write(n, "node", "%s", disk->node);
}

static void write_disk(struct nodes *n, unsigned domid, const uint8_t uuid[UUID_BYTES],
                       const struct disk_device *disk)
{
    const struct guest_disk *spec = disk->spec;
    struct device_ends d = {.domid = domid, .number = spec->number};
    bool discard = spec->has_discard ? spec->discard : spec->writable;
    const char *type = spec->is_cdrom ? "cdrom" : "disk";

    device_ends_write(n, &d, disk->kind->front, disk->kind->back, NULL);
    device_back(n, &d, "params", disk->kind->kernel ? spec->path : disk->path);
    device_back(n, &d, "type", "phy"); /* for xl, whatever it is */
    device_back(n, &d, "dev", spec->vdev);
    device_back(n, &d, "mode", spec->writable ? "w" : "r");
    device_back(n, &d, "device-type", type);
    device_back(n, &d, "specification", "xen");
    back_number(n, &d, "bootable", 1);
    back_number(n, &d, "removable", spec->removable);
    back_number(n, &d, "discard-enable", discard);
    if (spec->direct_io_safe)
        back_number(n, &d, "direct-io-safe", 1);
    if (disk->kind->kernel) {
        write_vbd(n, &d, disk);
    } else {
        write_pvblk(n, &d, disk);
        write_owner(n, &d, uuid);
    }
    nodes_base(n, "%s", d.backend);
    if (disk->major)
        nodes_write(n, "physical-device", "%x:%x", disk->major, disk->minor);
    write_frontend(n, &d);
    nodes_write(n, "virtual-device", "%u", spec->number);
    nodes_write(n, "device-type", "%s", type);
    nodes_write(n, "protocol", "x86_64-abi");
    nodes_write(n, "trusted", "1");
}

/* What only netback knows: it connects by itself, to the bridge of its network. */
static void write_pvnet(struct nodes *n, const struct device_ends *d, const struct guest_nic *nic)
{
    device_back(n, d, "network", nic->network ? nic->network : nic_bridge(nic));
    if (nic->vlan)
        back_number(n, d, "vlan", nic->vlan);
    if (nic->mtu)
        back_number(n, d, "mtu", nic->mtu);
    back_number(n, d, "trusted", nic->trusted);
    if (nic->script)
        device_back(n, d, "script", nic->script);
}

static void write_nic(struct nodes *n, unsigned domid, const uint8_t uuid[UUID_BYTES],
                      const struct nic_device *device)
{
    const struct guest_nic *nic = device->spec;
    struct device_ends d = {.domid = domid, .number = nic->devid};
    char text[40];
    uint8_t m[MAC_BYTES];

    device_ends_write(n, &d, device->kind->front, device->kind->back, NULL);
    nic_address(nic, uuid, m);
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
             m[5]);
    device_back(n, &d, "mac", text);
    device_back(n, &d, "type", "vif");
    device_back(n, &d, "bridge", nic_bridge(nic));
    back_number(n, &d, "handle", nic->devid);
    if (device->kind->kernel) {
        device_back(n, &d, "script", "/etc/xen/scripts/vif-bridge");
        device_back(n, &d, "hotplug-status", ""); /* it does not connect before this changes */
    } else {
        write_pvnet(n, &d, nic);
        write_owner(n, &d, uuid);
    }
    if (nic->ip)
        device_back(n, &d, "ip", nic->ip);
    if (nic->vifname)
        device_back(n, &d, "vifname", nic->vifname);
    write_frontend(n, &d);
    nodes_write(n, "mac", "%s", text);
    nodes_write(n, "handle", "%u", nic->devid);
    nodes_write(n, "trusted", "%d", nic->trusted);
    if (nic->mtu)
        nodes_write(n, "mtu", "%u", nic->mtu);
    if (nic->rate_bytes) {
        snprintf(text, sizeof(text), "%llu,%u", (unsigned long long)nic->rate_bytes,
                 nic->rate_interval_us);
        device_back(n, &d, "rate", text);
    }
}

/* ---- disks that two guests have */

/* By the file or device itself: a name may have links in it.  What is none has a name only. */
static bool same_file(const char *params, const char *path)
{
    char *real = realpath(params, NULL);
    bool same = strcmp(real ? real : params, path) == 0;

    free(real);
    return same;
}

/* Whether the device that another guest's back end has is this one's too, and one of them writes.
 */
static bool is_shared(struct nodes *n, const char *other, const struct disk_device *disk)
{
    char device[24];
    char *physical, *params, *mode;
    bool same;

    nodes_base(n, "%s", other);
    physical = nodes_read(n, "physical-device");
    params = nodes_read(n, "params");
    mode = nodes_read(n, "mode");
    snprintf(device, sizeof(device), "%x:%x", disk->major, disk->minor);
    same = (disk->major && physical && strcmp(physical, device) == 0) ||
           (params && same_file(params, disk->path));
    same = same && (disk->spec->writable || (mode && *mode == 'w'));
    free(physical);
    free(params);
    free(mode);
    return same;
}

/* The devices of one guest: the number of the disk of @set that one is, from 1; else 0. */
static unsigned look_in_guest(struct nodes *n, const char *guest, const struct device_set *set)
{
    char path[NODE_PATH];
    unsigned nr = 0, shared = 0;
    char **disks = xs_directory(n->xs, n->t, guest, &nr);

    for (unsigned i = 0; disks && i < nr; i++) {
        snprintf(path, sizeof(path), "%.150s/%.16s", guest, disks[i]);
        for (unsigned own = 0; own < set->nr_disks && !shared; own++)
            if (is_shared(n, path, &set->disks[own]))
                shared = own + 1;
    }
    free(disks);
    return shared;
}

/* Two guests that write to one disk, not knowing of each other, destroy what is on it. */
static int look_for_sharing(struct nodes *n, const struct device_set *set, struct problem *why)
{
    static const struct device_kind *const kinds[] = {&kind_vbd, &kind_pvblk};
    char path[NODE_PATH];
    unsigned shared = 0;

    for (unsigned k = 0; set->nr_disks && k < 2 && !shared; k++) {
        unsigned nr = 0;
        char **domains;

        snprintf(path, sizeof(path), "/local/domain/0/backend/%s", kinds[k]->back);
        domains = xs_directory(n->xs, n->t, path, &nr);
        for (unsigned i = 0; domains && i < nr && !shared; i++) {
            snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%.16s", kinds[k]->back,
                     domains[i]);
            shared = look_in_guest(n, path, set);
        }
        free(domains);
    }
    if (!shared)
        return 0;
    return problem_set(why, EBUSY, "End that guest, or give the disk to both read-only",
                       "%s is a disk of another guest (%s)", set->disks[shared - 1].spec->path,
                       path);
}

int devices_write(struct nodes *n, unsigned domid, const uint8_t uuid[UUID_BYTES],
                  const struct device_set *set, struct problem *why)
{
    if (look_for_sharing(n, set, why) != 0)
        return -1;
    for (unsigned i = 0; i < set->nr_disks; i++)
        write_disk(n, domid, uuid, &set->disks[i]);
    for (unsigned i = 0; i < set->nr_nics; i++)
        write_nic(n, domid, uuid, &set->nics[i]);
    return 0;
}
