// SPDX-License-Identifier: GPL-2.0-only
/* pavis info: the machine and its hypervisor, in the keys and the order of `xl info`. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "abi/memory.h"
#include "abi/version.h"
#include "pavis/json.h"
#include "pavis/rows.h"
#include "pavis/verb.h"

#define PAGES_PER_MIB 256
#define CPU_BYTES     64
#define BUILD_ID_MAX  128

struct report {
    struct hypercalls *h;
    json json; /* NULL: text */
};

static void words(struct report *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void words(struct report *r, const char *key, const char *format, ...)
{
    char value[1100];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (r->json)
        json_string(r->json, key, value);
    else
        printf("%-23s: %s\n", key, value);
}

static void number(struct report *r, const char *key, uint64_t value)
{
    if (r->json)
        json_number(r->json, key, value);
    else
        printf("%-23s: %llu\n", key, (unsigned long long)value);
}

static void say_dom0(struct report *r)
{
    struct utsname uts;

    uname(&uts);
    words(r, "host", "%s", uts.nodename);
    words(r, "release", "%s", uts.release);
    words(r, "version", "%s", uts.version);
    words(r, "machine", "%s", uts.machine);
}

/* Pages that guests share; a hypervisor without sharing says so by an error. */
static uint64_t shared_mib(struct report *r, unsigned op)
{
    long pages = hypercall(r->h, __HYPERVISOR_memory_op, op, 0, 0, 0);

    return pages < 0 ? 0 : (uint64_t)pages / PAGES_PER_MIB;
}

/* Processors that belong to no pool. */
static int free_cpus(struct report *r, unsigned *nr, struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op};
    uint8_t *map = hypercall_alloc(r->h, CPU_BYTES);
    int status;

    if (!map)
        return problem_set(why, ENOMEM, NULL, "no memory for a hypercall");
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    op.u.cpupool_op.cpumap.bitmap = (uintptr_t)map;
    op.u.cpupool_op.cpumap.nr_bits = CPU_BYTES * 8;
    status = control_sysctl(r->h, &op, "ask for free processors", why);
    *nr = 0;
    for (unsigned i = 0; i < CPU_BYTES; i++)
        *nr += (unsigned)__builtin_popcount(map[i]);
    hypercall_free(r->h, map);
    return status;
}

static int say_machine(struct report *r, struct problem *why)
{
    struct xen_sysctl_physinfo info;
    const uint32_t *cap = info.hw_cap;
    unsigned idle_cpus = 0;
    char caps[160];

    if (host_physinfo(r->h, &info, why) || free_cpus(r, &idle_cpus, why))
        return -1;
    number(r, "nr_cpus", info.nr_cpus);
    number(r, "max_cpu_id", info.max_cpu_id);
    number(r, "nr_nodes", info.nr_nodes);
    number(r, "cores_per_socket", info.cores_per_socket);
    number(r, "threads_per_core", info.threads_per_core);
    words(r, "cpu_mhz", "%u.%03u", info.cpu_khz / 1000, info.cpu_khz % 1000);
    words(r, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", cap[0], cap[1], cap[2], cap[3],
          cap[4], cap[5], cap[6], cap[7]);
    words(r, "virt_caps", "%s", virt_caps(info.capabilities, caps, sizeof(caps)));
    number(r, "total_memory", info.total_pages / PAGES_PER_MIB);
    number(r, "free_memory", (info.free_pages - info.outstanding_pages) / PAGES_PER_MIB);
    number(r, "sharing_freed_memory", shared_mib(r, XENMEM_get_sharing_freed_pages));
    number(r, "sharing_used_memory", shared_mib(r, XENMEM_get_sharing_shared_pages));
    number(r, "outstanding_claims", info.outstanding_pages / PAGES_PER_MIB);
    number(r, "free_cpus", idle_cpus);
    return 0;
}

/* A text of the hypervisor's, cut at its first NUL. */
static int text(struct report *r, const char *key, unsigned what, unsigned size,
                struct problem *why)
{
    char value[1025] = {0};

    if (host_version(r->h, what, value, size, why))
        return -1;
    words(r, key, "%s", value);
    return 0;
}

static int say_scheduler(struct report *r, struct problem *why)
{
    static const char *const names[] = {[4] = "sedf",     [5] = "credit", [6] = "credit2",
                                        [7] = "arinc653", [8] = "rtds",   [9] = "null"};
    uint32_t id;

    if (host_scheduler(r->h, &id, why))
        return -1;
    words(r, "xen_scheduler", "%s",
          id < sizeof(names) / sizeof(*names) && names[id] ? names[id] : "unknown");
    return 0;
}

static void say_build_id(struct report *r)
{
    struct {
        uint32_t len;
        unsigned char id[BUILD_ID_MAX];
    } build = {.len = BUILD_ID_MAX};
    char hex[2 * BUILD_ID_MAX + 1] = "";
    int len = host_version(r->h, XENVER_build_id, &build, sizeof(build), NULL);

    for (int i = 0; i < len && i < BUILD_ID_MAX; i++)
        sprintf(hex + 2 * (size_t)i, "%02x", build.id[i]);
    words(r, "build_id", "%s", hex);
}

static int say_hypervisor(struct report *r, struct problem *why)
{
    int version = host_version(r->h, XENVER_version, NULL, 0, why);
    int page = host_version(r->h, XENVER_pagesize, NULL, 0, why);
    xen_extraversion_t extra = {0};
    struct xen_platform_parameters platform = {0};
    struct xen_compile_info compiled = {0};

    if (version < 0 || page < 0 ||
        host_version(r->h, XENVER_extraversion, extra, sizeof(extra), why) ||
        host_version(r->h, XENVER_platform_parameters, &platform, sizeof(platform), why) ||
        host_version(r->h, XENVER_compile_info, &compiled, sizeof(compiled), why))
        return -1;
    number(r, "xen_major", (unsigned)version >> 16);
    number(r, "xen_minor", (unsigned)version & 0xffff);
    words(r, "xen_extra", "%.16s", extra);
    words(r, "xen_version", "%d.%d%.16s", version >> 16, version & 0xffff, extra);
    if (text(r, "xen_caps", XENVER_capabilities, XEN_CAPABILITIES_INFO_LEN, why) ||
        say_scheduler(r, why))
        return -1;
    number(r, "xen_pagesize", (unsigned)page);
    words(r, "platform_params", "virt_start=0x%llx", (unsigned long long)platform.virt_start);
    if (text(r, "xen_changeset", XENVER_changeset, XEN_CHANGESET_INFO_LEN, why) ||
        text(r, "xen_commandline", XENVER_commandline, sizeof(xen_commandline_t), why))
        return -1;
    words(r, "cc_compiler", "%.64s", compiled.compiler);
    words(r, "cc_compile_by", "%.16s", compiled.compile_by);
    words(r, "cc_compile_domain", "%.32s", compiled.compile_domain);
    words(r, "cc_compile_date", "%.32s", compiled.compile_date);
    say_build_id(r);
    number(r, "xend_config_format", 4); /* of domain configurations: xl's, since Xen 4.1 */
    return 0;
}

int verb_info(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct report r = {0};
    struct problem why;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        if (!r.json)
            r.json = json_begin();
    }
    if (optind != argc)
        return verb_usage(s, "it takes no domain");
    r.h = session_hypercalls(s);
    if (!r.h)
        return 1;
    if (r.json)
        json_object(r.json, NULL);
    say_dom0(&r);
    if (say_machine(&r, &why) || say_hypervisor(&r, &why))
        return verb_failed(s, &why);
    if (r.json) {
        json_close_object(r.json);
        return json_end(r.json);
    }
    return 0;
}
