// SPDX-License-Identifier: GPL-2.0-only
/* Writes a guest's nodes.
 *
 * Who may write where matters: whatever the guest owns it can change at any time, so nothing that
 * dom0 acts on is read back from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/describe.h"
#include "lib/domains.h"

/* Of a guest's console: how many bytes its daemon may keep. */
#define CONSOLE_LIMIT "1048576"

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

static void describe_console(struct nodes *n, const struct guest_facts *f)
{
    struct device_ends d = {.domid = f->built->domid};

    device_ends_write(n, &d, "console", "console", "console");
    device_back(n, &d, "protocol", "vt100");
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
    uuid_text(f->uuid, uuid);
    describe_home(n, f, uuid);
    describe_vm(n, f, uuid);
    describe_console(n, f);
    return devices_write(n, f->built->domid, f->uuid, f->devices, why);
}

int guest_describe(struct xs_handle *xs, const struct guest_facts *facts, struct problem *why)
{
    return nodes_transaction(xs, describe, (void *)facts, why);
}
