// SPDX-License-Identifier: GPL-2.0-only
/* The disk that a guest's command sees as its root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"

#define BASE    "/root-base"
#define CHANGES "/root-changes"

/* Each kind of file system that needs a device is tried; the kernel knows them by their marks. */
static bool mount_any(const char *device, const char *at, unsigned long flags)
{
    FILE *kinds = fopen("/proc/filesystems", "re");
    char line[64], kind[60];
    bool done = false;

    while (kinds && !done && fgets(line, sizeof(line), kinds))
        if (strncmp(line, "nodev", 5) != 0 && sscanf(line, "%59s", kind) == 1)
            done = mount(device, at, kind, flags, NULL) == 0;
    if (kinds)
        fclose(kinds);
    return done;
}

static bool has_programs(const char *at)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/bin", at);
    return access(path, F_OK) == 0;
}

/* The disk itself, or the first of its partitions with a system on it. */
static bool mount_disk(const char *name, const char *at, unsigned long flags)
{
    char device[64];

    snprintf(device, sizeof(device), "/dev/%s", name);
    if (mount_any(device, at, flags))
        return true;
    for (unsigned partition = 1; partition < 16; partition++) {
        snprintf(device, sizeof(device), "/dev/%s%u", name, partition);
        if (access(device, F_OK) == 0 && mount_any(device, at, flags)) {
            if (has_programs(at))
                return true;
            umount(at);
        }
    }
    complain("there is no file system with programs on %s", name);
    return false;
}

/* What is written goes to a file system in memory, and ends with the guest. */
static bool mount_overlay(const char *name)
{
    mkdir(BASE, 0755);
    mkdir(CHANGES, 0755);
    if (!mount_disk(name, BASE, MS_RDONLY))
        return false;
    if (mount("tmpfs", CHANGES, "tmpfs", 0, "size=100%,mode=0755") != 0)
        return false;
    mkdir(CHANGES "/upper", 0755);
    mkdir(CHANGES "/work", 0755);
    if (mount("overlay", ROOT, "overlay", 0,
              "lowerdir=" BASE ",upperdir=" CHANGES "/upper,workdir=" CHANGES "/work") == 0)
        return true;
    complain("cannot lay an overlay over the disk:");
    return false;
}

/* The same file systems in the new root, where it has the folders. */
static void carry_over(bool move)
{
    static const char *const those[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};
    char to[64];

    for (unsigned i = 0; i < sizeof(those) / sizeof(*those); i++) {
        snprintf(to, sizeof(to), ROOT "%s", those[i]);
        if (mount(those[i], to, NULL, move ? MS_MOVE : MS_BIND | MS_REC, NULL) != 0)
            complain("cannot mount %s on the disk:", those[i]);
    }
}

bool mount_root(const struct job *job)
{
    bool done;

    mkdir(ROOT, 0755);
    if (job->root == ROOT_OVERLAY)
        done = mount_overlay(job->root_device);
    else
        done = mount_disk(job->root_device, ROOT, job->root == ROOT_READ_ONLY ? MS_RDONLY : 0);
    if (!done || job->boot)
        return done;
    carry_over(false);
    /* Names are found where the guest's network says, without a trace on the disk. */
    if (access("/etc/resolv.conf", F_OK) == 0 && access(ROOT "/etc/resolv.conf", F_OK) == 0)
        mount("/etc/resolv.conf", ROOT "/etc/resolv.conf", NULL, MS_BIND, NULL);
    return true;
}

/* Nothing runs any more, so that what was written is on the disk afterwards and the file system is
 * as after an orderly shutdown. */
void umount_root(void)
{
    sync();
    umount2(ROOT "/etc/resolv.conf", MNT_DETACH);
    umount2(ROOT "/dev", MNT_DETACH);
    umount2(ROOT "/proc", MNT_DETACH);
    umount2(ROOT "/sys", MNT_DETACH);
    umount2(ROOT "/run", MNT_DETACH);
    umount2(ROOT "/tmp", MNT_DETACH);
    if (umount(ROOT) != 0)
        mount(NULL, ROOT, NULL, MS_REMOUNT | MS_RDONLY, NULL);
    sync();
}

void boot_root(const struct job *job)
{
    static char *const program[] = {"/sbin/init", NULL};
    char **args = job->nr_args ? (char **)job->args : (char **)program;

    carry_over(true);
    if (chdir(ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 ||
        chdir("/") != 0) {
        complain("cannot change the root:");
        return;
    }
    execve(args[0], args, (char **)job->env);
    complain("cannot run %s of the disk:", args[0]);
}
