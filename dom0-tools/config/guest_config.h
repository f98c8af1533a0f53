// SPDX-License-Identifier: GPL-2.0-only
/* What an xl.cfg asks for, each thing with its type and its default.
 *
 * The keys that are understood are listed in keys.def, with what becomes of the others.  Texts lie
 * in the arena of the syntax that the configuration was made from, so that has to live as long.
 */
#pragma once

#include <stdint.h>

#include "config/syntax.h"

#define CONFIG_MAX_VCPUS                                                                           \
    512 /* what Xen takes for a PV guest is less; the hypervisor has the word */
#define CONFIG_MAX_CPUS  512 /* physical ones that a mask can name */
#define CONFIG_MAX_DISKS 128
#define CONFIG_MAX_NICS  64
#define DISK_WEIGHT_MAX  65535 /* blkback's */
#define UUID_BYTES       16
#define MAC_BYTES        6

/* In the order of libxl's numbers, and with its names in action_name(). */
enum guest_action {
    ACTION_UNSET,
    ACTION_DESTROY,
    ACTION_RESTART,
    ACTION_RENAME_RESTART,
    ACTION_PRESERVE,
    ACTION_COREDUMP_DESTROY,
    ACTION_COREDUMP_RESTART,
    ACTION_SOFT_RESET,
};

enum disk_format { DISK_RAW, DISK_QCOW, DISK_QCOW2, DISK_VHD, DISK_QED, DISK_EMPTY };
/* phy is the kernel's; pvblk, ours, is not known to Xen's tools. */
enum disk_backend {
    DISK_BACKEND_ANY,
    DISK_BACKEND_PHY,
    DISK_BACKEND_TAP,
    DISK_BACKEND_QDISK,
    DISK_BACKEND_PVBLK,
};
/* Likewise vif and pvnet. */
enum nic_backend { NIC_BACKEND_ANY, NIC_BACKEND_VIF, NIC_BACKEND_PVNET };

struct guest_disk {
    struct config_place place;
    const char *path;    /* in dom0; NULL: an empty drive */
    const char *vdev;    /* as the guest's administrator knows it: xvda */
    unsigned number;     /* the same in the store and for the guest: 51712 */
    const char *script;  /* NULL: none */
    const char *backend; /* the domain that serves it; NULL: this one */
    const char *specification;
    enum disk_format format;
    enum disk_backend backend_type;
    bool writable, is_cdrom, removable, direct_io_safe, discard, has_discard;
    /* What only pvblk knows; 0: the default, no limit. */
    uint32_t weight, iops;
    uint64_t bytes_per_second;
};

struct guest_nic {
    struct config_place place;
    uint8_t mac[MAC_BYTES];
    bool has_mac, trusted;
    unsigned devid, mtu; /* mtu 0: the bridge's */
    const char *bridge, *ip, *script, *vifname, *gatewaydev, *model, *type, *backend;
    uint64_t rate_bytes; /* in each interval; 0: no limit */
    uint32_t rate_interval_us;
    enum nic_backend backend_type;
    const char
        *network;  /* without bridge: of pavis' own; beside it: netback's; NULL: the bridge's */
    unsigned vlan; /* 0: none; pvnet only */
};

struct cpu_mask {
    bool is_set;
    uint8_t bits[CONFIG_MAX_CPUS / 8];
};

struct guest_config {
    const char *name;
    uint8_t uuid[UUID_BYTES];
    bool has_uuid;
    uint64_t memory_mib, maxmem_mib; /* what it gets, and what it may grow to */
    unsigned vcpus, max_vcpus;       /* online at first, and at most */
    struct cpu_mask cpus, cpus_soft; /* where all its vCPUs may, and would rather, run */
    struct cpu_mask *vcpu_cpus;      /* or where each may: nr_vcpu_cpus masks */
    unsigned nr_vcpu_cpus;
    unsigned cpu_weight, cpu_cap; /* 0: the scheduler's default; no cap */
    const char *kernel, *ramdisk;
    const char *cmdline; /* never NULL */
    enum guest_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;
    uint32_t max_grant_frames, max_maptrack_frames, max_event_channels; /* 0: the default */
    unsigned tsc_mode; /* XEN_DOMCTL's numbers, 0: the default */
    struct guest_disk *disks;
    unsigned nr_disks;
    struct guest_nic *nics;
    unsigned nr_nics;
};

/* Fills @config from @syntax.  False: at least one error is in @report.  Needs no file of those
 * that are named; whether they exist is another's question.
 */
bool guest_config_make(struct guest_config *config, struct config_syntax *syntax,
                       struct config_report *report);

/* "rename-restart" and the like. */
const char *action_name(enum guest_action action);

/* The parts of guest_config_make() that have a subject of their own.  Each false: an error was
 * reported; @text and @place belong to one item of a list.
 */
bool disk_spec_parse(struct guest_disk *disk, struct arena *arena, const char *text,
                     const struct config_place *place, struct config_report *report);
bool nic_spec_parse(struct guest_nic *nic, struct arena *arena, const char *text,
                    const struct config_place *place, struct config_report *report);
bool cpu_mask_parse(struct cpu_mask *mask, const char *text, const struct config_place *place,
                    struct config_report *report);

/* The number of a virtual disk: "xvda1" or "d0p1" or "51713" is 51713; -1: no such name. */
int disk_number(const char *vdev);

/* Six bytes out of 00:16:3e:12:34:56. */
bool mac_parse(uint8_t mac[MAC_BYTES], const char *text);

/* A number in C's notation, without sign.  False: it is none, or above @most. */
bool number_parse(const char *text, uint64_t most, uint64_t *number);

/* Bytes, or with a suffix K, M, G or T of powers of 1024: "20M". */
bool size_parse(const char *text, uint64_t *bytes);

/* The configuration as libxl writes it, for a dry run; false: out of memory. */
bool guest_config_json(const struct guest_config *config, FILE *out);
