/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds a guest with dom0-tools/build and nothing else: no devices, no supervisor.
 *
 *   build_guest [-u] [-c CACHE-FOLDER] [-r RAMDISK] [-v VCPUS] KERNEL KIB [COMMAND-LINE]
 *
 * Prints "domid=N store=MFN,PORT console=MFN,PORT pages=N cached=0|1" and leaves it paused; -u
 * introduces it to the store, with a console that xenconsoled serves, and lets it run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/build.h"
#include "lib/control.h"
#include "xs/xenstore.h"

static bool put(struct xs_handle *store, unsigned domid, const char *name, const char *value,
                bool guest_writes)
{
    struct xs_permissions perms[] = {{.id = guest_writes ? domid : 0, .perms = XS_PERM_NONE},
                                     {.id = domid, .perms = XS_PERM_READ}};
    char path[100];

    snprintf(path, sizeof(path), "/local/domain/%u%s", domid, name);
    return xs_write(store, XBT_NULL, path, value, (unsigned)strlen(value)) &&
           xs_set_permissions(store, XBT_NULL, path, perms, 2);
}

static int run(struct hypercalls *h, const struct built_domain *d, const char *name,
               struct problem *why)
{
    struct xs_handle *store = xs_open(0);
    char ring[32], port[16], id[16];

    snprintf(ring, sizeof(ring), "%llu", (unsigned long long)d->console_mfn);
    snprintf(port, sizeof(port), "%u", d->console_port);
    snprintf(id, sizeof(id), "%u", d->domid);
    if (!store || !put(store, d->domid, "", "", false) ||
        !put(store, d->domid, "/name", name, false) || !put(store, d->domid, "/domid", id, false) ||
        !put(store, d->domid, "/console", "", false) ||
        !put(store, d->domid, "/console/ring-ref", ring, false) ||
        !put(store, d->domid, "/console/port", port, false) ||
        !put(store, d->domid, "/console/type", "xenconsoled", false) ||
        !put(store, d->domid, "/console/limit", "1048576", false) ||
        !put(store, d->domid, "/control", "", false) ||
        !put(store, d->domid, "/control/shutdown", "", true) ||
        !put(store, d->domid, "/device", "", true) || !put(store, d->domid, "/data", "", true) ||
        !xs_introduce_domain(store, d->domid, d->store_mfn, d->store_port))
        return problem_set(why, 0, NULL, "the store refuses");
    xs_close(store);
    return domain_unpause(h, d->domid, why);
}

int main(int argc, char **argv)
{
    struct build_request req = BUILD_DEFAULTS;
    struct built_domain d;
    struct problem why;
    struct hypercalls *h;
    bool unpause = false;
    int option;

    while ((option = getopt(argc, argv, "uc:r:v:")) != -1)
        switch (option) {
        case 'u': unpause = true; break;
        case 'c': req.cache = *optarg ? optarg : NULL; break;
        case 'r': req.ramdisk = optarg; break;
        case 'v': req.max_vcpus = (unsigned)atoi(optarg); break;
        default: return 2;
        }
    if (argc - optind < 2)
        return 2;
    req.kernel = argv[optind];
    req.memory_kib = strtoull(argv[optind + 1], NULL, 10);
    req.cmdline = argv[optind + 2];
    req.handle[15] = (uint8_t)getpid();
    req.program_ends = !unpause;
    h = hypercalls_open(&why);
    if (!h || build_domain(h, &req, &d, &why) || (unpause && run(h, &d, "built", &why))) {
        problem_print(&why, "build_guest");
        return 1;
    }
    printf("domid=%u store=%llu,%u console=%llu,%u pages=%llu cached=%d\n", d.domid,
           (unsigned long long)d.store_mfn, d.store_port, (unsigned long long)d.console_mfn,
           d.console_port, (unsigned long long)d.nr_pages, d.from_cache);
    return 0;
}
