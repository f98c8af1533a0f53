// SPDX-License-Identifier: GPL-2.0-only
/* A configuration in the shape and with the names of libxl's JSON, for programs that read that of
 * `xl -N create`.  What has its default is left out, as there.
 */
#include <string.h>
#include <yajl/yajl_gen.h>

#include "config/guest_config.h"

static void text(yajl_gen g, const char *t)
{
    yajl_gen_string(g, (const unsigned char *)t, strlen(t));
}

static void put_text(yajl_gen g, const char *key, const char *value)
{
    if (!value)
        return;
    text(g, key);
    text(g, value);
}

static void put_number(yajl_gen g, const char *key, uint64_t value)
{
    text(g, key);
    yajl_gen_integer(g, (long long)value);
}

/* libxl's three-valued booleans are strings. */
static void put_flag(yajl_gen g, const char *key, bool value)
{
    put_text(g, key, value ? "True" : "False");
}

static void open_map(yajl_gen g, const char *key)
{
    text(g, key);
    yajl_gen_map_open(g);
}

static void put_mask(yajl_gen g, const struct cpu_mask *mask)
{
    yajl_gen_array_open(g);
    for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
        if (mask->bits[cpu / 8] >> cpu % 8 & 1)
            yajl_gen_integer(g, cpu);
    yajl_gen_array_close(g);
}

/* libxl's names have an underscore where xl.cfg's have a hyphen. */
static void put_action(yajl_gen g, const char *key, enum guest_action action)
{
    char name[24] = "";

    strncpy(name, action_name(action), sizeof(name) - 1);
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
    if (action != ACTION_DESTROY) /* which is the first of libxl's, and left out */
        put_text(g, key, name);
}

static void put_creation(yajl_gen g, const struct guest_config *c)
{
    char uuid[2 * UUID_BYTES + 5], *at = uuid;

    open_map(g, "c_info");
    put_text(g, "type", "pv");
    put_text(g, "name", c->name);
    for (unsigned i = 0; i < UUID_BYTES; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", c->uuid[i]);
    if (c->has_uuid)
        put_text(g, "uuid", uuid);
    yajl_gen_map_close(g);
}

static void put_masks(yajl_gen g, const struct guest_config *c)
{
    if (c->cpus.is_set || c->nr_vcpu_cpus) {
        text(g, "vcpu_hard_affinity");
        yajl_gen_array_open(g);
        for (unsigned v = 0; v < (c->nr_vcpu_cpus ? c->nr_vcpu_cpus : c->max_vcpus); v++)
            put_mask(g, c->nr_vcpu_cpus ? &c->vcpu_cpus[v] : &c->cpus);
        yajl_gen_array_close(g);
    }
    if (c->cpus_soft.is_set) {
        text(g, "vcpu_soft_affinity");
        yajl_gen_array_open(g);
        for (unsigned v = 0; v < c->max_vcpus; v++)
            put_mask(g, &c->cpus_soft);
        yajl_gen_array_close(g);
    }
}

static void put_build(yajl_gen g, const struct guest_config *c)
{
    static const char *const modes[] = {"default", "always_emulate", "native", "native_paravirt"};

    open_map(g, "b_info");
    put_number(g, "max_vcpus", c->max_vcpus);
    text(g, "avail_vcpus");
    yajl_gen_array_open(g);
    for (unsigned v = 0; v < c->vcpus; v++)
        yajl_gen_integer(g, v);
    yajl_gen_array_close(g);
    put_masks(g, c);
    if (c->tsc_mode)
        put_text(g, "tsc_mode", modes[c->tsc_mode]);
    put_number(g, "max_memkb", c->maxmem_mib << 10);
    put_number(g, "target_memkb", c->memory_mib << 10);
    open_map(g, "sched_params");
    if (c->cpu_weight)
        put_number(g, "weight", c->cpu_weight);
    if (c->cpu_cap)
        put_number(g, "cap", c->cpu_cap);
    yajl_gen_map_close(g);
    put_text(g, "kernel", c->kernel);
    put_text(g, "cmdline", *c->cmdline ? c->cmdline : NULL);
    put_text(g, "ramdisk", c->ramdisk);
    if (c->max_grant_frames)
        put_number(g, "max_grant_frames", c->max_grant_frames);
    if (c->max_maptrack_frames)
        put_number(g, "max_maptrack_frames", c->max_maptrack_frames);
    if (c->max_event_channels)
        put_number(g, "event_channels", c->max_event_channels);
    open_map(g, "type.pv");
    yajl_gen_map_close(g);
    yajl_gen_map_close(g);
}

static void put_disk(yajl_gen g, const struct guest_disk *d)
{
    static const char *const formats[] = {"raw", "qcow", "qcow2", "vhd", "qed", "empty"};
    static const char *const backends[] = {NULL, "phy", "tap", "qdisk", NULL};

    yajl_gen_map_open(g);
    put_text(g, "backend_domname", d->backend);
    put_text(g, "pdev_path", d->path);
    put_text(g, "vdev", d->vdev);
    put_text(g, "backend", backends[d->backend_type]);
    put_text(g, "format", formats[d->format]);
    put_text(g, "script", d->script);
    if (d->removable)
        put_number(g, "removable", 1);
    if (d->writable)
        put_number(g, "readwrite", 1);
    if (d->is_cdrom)
        put_number(g, "is_cdrom", 1);
    if (d->direct_io_safe) {
        text(g, "direct_io_safe");
        yajl_gen_bool(g, true);
    }
    if (d->has_discard)
        put_flag(g, "discard_enable", d->discard);
    yajl_gen_map_close(g);
}

static void put_nic(yajl_gen g, const struct guest_nic *n)
{
    char mac[3 * MAC_BYTES];

    yajl_gen_map_open(g);
    put_text(g, "backend_domname", n->backend);
    put_number(g, "devid", n->devid);
    if (n->mtu)
        put_number(g, "mtu", n->mtu);
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2],
             n->mac[3], n->mac[4], n->mac[5]);
    if (n->has_mac)
        put_text(g, "mac", mac);
    put_text(g, "ip", n->ip);
    put_text(g, "bridge", n->bridge);
    put_text(g, "ifname", n->vifname);
    put_text(g, "script", n->script);
    if (n->rate_bytes) {
        put_number(g, "rate_bytes_per_interval", n->rate_bytes);
        put_number(g, "rate_interval_usecs", n->rate_interval_us);
    }
    put_text(g, "gatewaydev", n->gatewaydev);
    yajl_gen_map_close(g);
}

bool guest_config_json(const struct guest_config *c, FILE *out)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    const unsigned char *json;
    size_t len;
    bool done = false;

    if (!g)
        return false;
    yajl_gen_config(g, yajl_gen_beautify, 1);
    yajl_gen_config(g, yajl_gen_indent_string, "    ");
    yajl_gen_map_open(g);
    put_creation(g, c);
    put_build(g, c);
    text(g, "disks");
    yajl_gen_array_open(g);
    for (unsigned i = 0; i < c->nr_disks; i++)
        put_disk(g, &c->disks[i]);
    yajl_gen_array_close(g);
    text(g, "nics");
    yajl_gen_array_open(g);
    for (unsigned i = 0; i < c->nr_nics; i++)
        put_nic(g, &c->nics[i]);
    yajl_gen_array_close(g);
    put_action(g, "on_poweroff", c->on_poweroff);
    put_action(g, "on_reboot", c->on_reboot);
    put_action(g, "on_watchdog", c->on_watchdog);
    put_action(g, "on_crash", c->on_crash);
    put_action(g, "on_soft_reset", c->on_soft_reset);
    yajl_gen_map_close(g);
    if (yajl_gen_get_buf(g, &json, &len) == yajl_gen_status_ok)
        done = fwrite(json, 1, len, out) == len &&
               (len == 0 || json[len - 1] == '\n' || fputc('\n', out) != EOF);
    yajl_gen_free(g);
    return done;
}
