// SPDX-License-Identifier: GPL-2.0-only
/* pavis block-attach, block-detach, block-list, block-resize, block-set: the disks of a guest that
 * runs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/backend.h"
#include "pavis/hotplug.h"
#include "pavis/json.h"

#define SECTOR 512

int verb_block_attach(struct session *s, int argc, char **argv)
{
    return hot_attach(s, argc, argv, SORT_DISK);
}

int verb_block_detach(struct session *s, int argc, char **argv)
{
    return hot_detach(s, argc, argv, SORT_DISK);
}

/* ---- list */

static const char *const settings[] = {"weight", "iops", "bytes-per-second"};
#define NR_SETTINGS (sizeof(settings) / sizeof(*settings))

static void json_numeric(json j, struct xs_handle *xs, const struct device_entry *e,
                         const char *name, const char *node)
{
    long long number = device_number(xs, e->backend, node);

    if (number >= 0)
        json_number(j, name, (uint64_t)number);
}

static void json_disk(json j, struct xs_handle *xs, const struct device_entry *e)
{
    long sectors = device_number(xs, e->backend, "sectors");

    hot_json_node(j, xs, e, "dev");
    hot_json_node(j, xs, e, "params");
    hot_json_node(j, xs, e, "mode");
    if (sectors >= 0)
        json_number(j, "bytes", (uint64_t)sectors * SECTOR);
    for (unsigned i = 0; i < NR_SETTINGS; i++)
        json_numeric(j, xs, e, settings[i], settings[i]);
}

/* In xl's columns. */
static void heading(void)
{
    printf("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch",
           "ring-ref", "BE-path");
}

static void print_disk(struct xs_handle *xs, unsigned domid, const struct device_entry *e)
{
    printf("%-5u %-3u %-6u %-5ld %-6ld %-8ld %-30s\n", e->number, e->backend_domid, domid,
           device_number(xs, e->backend, "state"), device_number(xs, e->frontend, "event-channel"),
           device_number(xs, e->frontend, "ring-ref"), e->backend);
}

int verb_block_list(struct session *s, int argc, char **argv)
{
    return hot_list(s, argc, argv,
                    &(struct hot_listing){SORT_DISK, heading, print_disk, json_disk});
}

/* ---- resize */

/* Makes a file larger.  Smaller would cut off what the guest has there. */
static int grow(const char *path, uint64_t bytes, struct problem *why)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int status = 0;

    if (fd < 0 || fstat(fd, &st) != 0)
        status = problem_set(why, errno, NULL, "cannot open %s", path);
    else if (!S_ISREG(st.st_mode))
        status = problem_set(why, 0, "Make the device larger (lvextend, say), then name no size",
                             "%s is no file", path);
    else if (bytes < (uint64_t)st.st_size)
        status = problem_set(why, 0, "Detach it and shrink its file system first",
                             "%s has %lld bytes, and a disk in use does not get smaller", path,
                             (long long)st.st_size);
    else if (bytes % SECTOR)
        status = problem_set(why, 0, "Name a multiple", "a disk has sectors of %d bytes", SECTOR);
    else if (ftruncate(fd, (off_t)bytes) != 0)
        status = problem_set(why, errno, "See whether the file system has room for it",
                             "cannot make %s larger", path);
    if (fd >= 0)
        close(fd);
    return status;
}

/* A loop device goes on with the size that its file had. */
static void resize_loop(struct xs_handle *xs, const struct device_entry *e)
{
    char *node = device_read(xs, e, "node");
    int fd = node ? open(node, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        ioctl(fd, LOOP_SET_CAPACITY, 0);
        close(fd);
    }
    free(node);
}

static uint64_t size_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t bytes = 0;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (S_ISREG(st.st_mode))
            bytes = (uint64_t)st.st_size;
        else
            ioctl(fd, BLKGETSIZE64, &bytes);
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}

/* blkback looks when any node of the device is written, the kernel's at the guest's next request.
 */
static int tell_size(struct hot_guest *g, const struct device_entry *e, uint64_t bytes,
                     unsigned seconds, struct problem *why)
{
    char path[NODE_PATH], text[24];
    long long end = backend_clock() + seconds * 1000LL;

    snprintf(path, sizeof(path), "%.150s/sectors", e->backend);
    if (!xs_watch(g->xs, path, "size"))
        return problem_set(why, errno, NULL, "cannot watch %s", path);
    snprintf(path, sizeof(path), "%.150s/resize", e->backend);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes / SECTOR);
    if (!e->kind->kernel)
        xs_write(g->xs, XBT_NULL, path, text, (unsigned)strlen(text));
    while ((uint64_t)device_number(g->xs, e->backend, "sectors") != bytes / SECTOR) {
        if (backend_event(g->xs, end))
            continue;
        if (e->kind->kernel) {
            fprintf(stderr,
                    "pavis block-resize: the guest sees it with its next request to the disk\n");
            return 0;
        }
        return problem_set(why, ETIMEDOUT, e->kind->start, "%s did not see the new size",
                           e->kind->who);
    }
    return 0;
}

static int resize(struct hot_guest *g, const char *name, const char *size, unsigned seconds,
                  struct problem *why)
{
    struct device_entry e;
    uint64_t bytes = 0;
    char *params;
    int status;

    if (device_find(g->xs, g->domid, SORT_DISK, name, &e, why) != 0)
        return -1;
    params = e.kind ? device_read(g->xs, &e, "params") : NULL;
    if (!params)
        return problem_set(why, 0, NULL, "%s is no disk whose size pavis can change", e.backend);
    status = !size ? 0
             : !size_parse(size, &bytes)
                 ? problem_set(why, 0, "Write it in bytes, or as in 20G", "'%s' is no size", size)
                 : grow(params, bytes, why);
    if (status == 0) {
        resize_loop(g->xs, &e);
        bytes = size_of(params);
        status = tell_size(g, &e, bytes, e.kind->kernel && seconds > 1 ? 1 : seconds, why);
    }
    free(params);
    return status;
}

int verb_block_resize(struct session *s, int argc, char **argv)
{
    struct hot_options o;
    struct hot_guest g;
    struct problem why;
    int status = hot_options(s, argc, argv, "t", 2, 3, &o);

    if (status)
        return status;
    if (hot_guest(s, argv[optind], &g) != 0)
        return 1;
    if (resize(&g, argv[optind + 1], argc - optind > 2 ? argv[optind + 2] : NULL, o.seconds,
               &why) != 0)
        status = verb_failed(s, &why);
    hot_close(&g);
    return status;
}

/* ---- shares and limits */

struct setting {
    bool given;
    char value[24];
};

/* In the back end, in dom0's copy, and in what the guest is made from again. */
static int change(struct hot_guest *g, const struct device_entry *e, const char *name,
                  const char *value, struct problem *why)
{
    char path[NODE_PATH];

    snprintf(path, sizeof(path), "%.150s/%.32s", e->backend, name);
    if (!xs_write(g->xs, XBT_NULL, path, value, (unsigned)strlen(value)))
        return problem_set(why, errno, NULL, "the store does not take %s", path);
    snprintf(path, sizeof(path), "/libxl/%u/device/%s/%u/%s", g->domid, e->front, e->number, name);
    xs_write(g->xs, XBT_NULL, path, value, (unsigned)strlen(value));
    return device_remember(g, e, name, value, why);
}

static int set_all(struct hot_guest *g, const char *name, const struct setting *given,
                   struct problem *why)
{
    struct device_entry e;

    if (device_find(g->xs, g->domid, SORT_DISK, name, &e, why) != 0)
        return -1;
    if (e.kind != &kind_pvblk)
        return problem_set(why, ENOTSUP, "Attach the disk with backendtype=pvblk",
                           "%s is served by %s, which knows no shares and limits", e.backend,
                           e.kind ? e.kind->who : "another program");
    for (unsigned i = 0; i < NR_SETTINGS; i++)
        if (given[i].given && change(g, &e, settings[i], given[i].value, why) != 0)
            return -1;
    return 0;
}

/* A number, or where bytes are meant an amount; as the back end reads it. */
static bool read_setting(unsigned which, const char *text, struct setting *to)
{
    const uint64_t most[NR_SETTINGS] = {DISK_WEIGHT_MAX, UINT32_MAX, UINT64_MAX};
    uint64_t number;

    if (!(which == 2 ? size_parse(text, &number) : number_parse(text, most[which], &number)))
        return false;
    to->given = true;
    snprintf(to->value, sizeof(to->value), "%llu", (unsigned long long)number);
    return true;
}

int verb_block_set(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"weight", required_argument, NULL, 0},
                                            {"iops", required_argument, NULL, 1},
                                            {"bytes-per-second", required_argument, NULL, 2},
                                            {0}};
    struct setting given[NR_SETTINGS] = {{0}};
    struct hot_guest g;
    struct problem why;
    int option, status = 0;
    bool any = false;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return verb_usage(s, "unknown option, or its argument is missing");
        if (!read_setting((unsigned)option, optarg, &given[option]))
            return verb_usage(s, "--%s takes a number, not \"%s\"", settings[option], optarg);
        any = true;
    }
    if (argc - optind != 2 || !any)
        return verb_usage(s, "a domain, a disk and what to set are needed");
    if (hot_guest(s, argv[optind], &g) != 0)
        return 1;
    if (set_all(&g, argv[optind + 1], given, &why) != 0)
        status = verb_failed(s, &why);
    hot_close(&g);
    return status;
}
