// SPDX-License-Identifier: GPL-2.0-only
/* Puts the guest's first file system together: pavis-init, busybox where it is installed, the
 * kernel modules that the guest's devices need, and its orders.  It is made anew each time, from
 * files that dom0 has in its page cache, in a file that has no name and so needs no cleaning up.
 */
#include "run/ramdisk.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/cpio.h"
#include "run/modules.h"

#define INIT_PROGRAM "/usr/lib/pavis/pavis-init"
#define BUSYBOX      "/bin/busybox"

/* Called by udhcpc with what the server said in variables. */
static const char dhcp_script[] =
    "#!/bin/busybox sh\n"
    "case $1 in bound | renew) ;; *) exit 0 ;; esac\n"
    "busybox ip addr flush dev $interface\n"
    "busybox ip addr add $ip/${mask:-24} dev $interface\n"
    "for r in $router; do busybox ip route add default via $r && break; done\n"
    "{ [ -z \"$domain\" ] || echo search $domain; for d in $dns; do echo nameserver $d; done; }"
    " >/etc/resolv.conf\n";

/* ---- files */

struct bytes {
    const char *data;
    size_t len;
};

/* Stays mapped until the end of the program. */
static bool map_file(const char *path, struct bytes *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *data = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (data == MAP_FAILED)
        return false;
    *b = (struct bytes){data, (size_t)st.st_size};
    return true;
}

/* As a string; NULL: it is not there. */
static char *read_text(const char *folder, const char *name)
{
    char path[256], *text;
    struct bytes b;

    snprintf(path, sizeof(path), "%.160s/%.64s", folder, name);
    if (!map_file(path, &b))
        return NULL;
    text = strndup(b.data, b.len);
    munmap((void *)b.data, b.len);
    return text;
}

/* A program that needs no library of a root which the guest may not have. */
static bool is_static(const struct bytes *program)
{
    const Elf64_Ehdr *e = (const void *)program->data;
    const Elf64_Phdr *p = (const void *)(program->data + sizeof(*e));

    if (program->len < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
        e->e_phoff != sizeof(*e) || program->len < sizeof(*e) + e->e_phnum * sizeof(*p))
        return false;
    for (unsigned i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_INTERP)
            return false;
    return true;
}

/* ---- which modules */

/* The version of a bzImage (Linux: Documentation/x86/boot.rst, kernel_version); "": it is none. */
static void kernel_release(const char *path, char release[128])
{
    uint8_t offset[2];
    char mark[4], text[128] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    release[0] = 0;
    if (fd < 0)
        return;
    if (pread(fd, mark, 4, 0x202) == 4 && memcmp(mark, "HdrS", 4) == 0 &&
        pread(fd, offset, 2, 0x20e) == 2 &&
        pread(fd, text, sizeof(text) - 1, 0x200 + offset[0] + (offset[1] << 8)) > 0)
        snprintf(release, 128, "%.*s", (int)strcspn(text, " "), text);
    close(fd);
}

/* The module of the file system on a disk, by its mark. */
static const char *file_system(const char *path)
{
    static const struct {
        unsigned offset;
        const char *mark, *module;
    } known[] = {{0x438, "\x53\xef", "ext4"},         {0, "XFSB", "xfs"},
                 {0x10040, "_BHRfS_M", "btrfs"},      {0, "hsqs", "squashfs"},
                 {0x8001, "CD001", "isofs"},          {0x400, "\x10\x20\xf5\xf2", "f2fs"},
                 {0x400, "\xe2\xe1\xf5\xe0", "erofs"}};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *module = "ext4"; /* perhaps in a partition */

    for (unsigned i = 0; fd >= 0 && i < sizeof(known) / sizeof(*known); i++) {
        char text[8];
        size_t len = strlen(known[i].mark);

        if (pread(fd, text, len, known[i].offset) == (ssize_t)len &&
            memcmp(text, known[i].mark, len) == 0)
            module = known[i].module;
    }
    if (fd >= 0)
        close(fd);
    return module;
}

static unsigned wanted_modules(const struct run_options *o, const char **names)
{
    unsigned nr = 0;

    if (!o->job.boot && !o->job.console) {
        names[nr++] = "xen-evtchn";
        names[nr++] = "xen-gntalloc";
    }
    if (o->nr_disks)
        names[nr++] = "xen-blkfront";
    if (o->network)
        names[nr++] = "xen-netfront";
    for (unsigned i = 0; i < o->nr_disks; i++)
        if (!o->disks[i].data) {
            names[nr++] = file_system(o->disks[i].path);
            names[nr++] = "crc32c_generic"; /* which ext4 asks for by a name of its own */
        }
    if (o->job.root == ROOT_OVERLAY)
        names[nr++] = "overlay";
    return nr;
}

/* False: one is missing that the guest cannot do without. */
static bool find_modules(const struct run_options *o, const char *folder, struct module_list *list,
                         struct problem *why)
{
    char *dep = read_text(folder, "modules.dep"), *builtin = read_text(folder, "modules.builtin");
    const char *names[RUN_MAX_DISKS * 2 + 8];
    unsigned nr = wanted_modules(o, names);
    bool done = true;

    for (unsigned i = 0; i < nr && done; i++) {
        done = (dep && modules_add(list, dep, names[i])) ||
               (builtin && modules_builtin(builtin, names[i])) ||
               strcmp(names[i], "crc32c_generic") == 0;
        if (!done)
            problem_set(why, ENOENT,
                        "Install the package of this kernel, or name another with --kernel; its "
                        "modules are looked for below /lib/modules",
                        "%s has no module %s of the kernel %s", folder, names[i], o->kernel);
    }
    free(dep);
    free(builtin);
    return done;
}

static bool add_modules(struct cpio *c, struct run_options *o, struct problem *why)
{
    static struct module_list list;
    char release[128], folder[192], path[MODULE_PATH + 192];
    struct bytes b;

    kernel_release(o->kernel, release);
    if (!*release) {
        problem_set(why, access(o->kernel, R_OK) != 0 ? errno : 0,
                    "Name one with --kernel: a bzImage with its modules in /lib/modules",
                    "%s is no kernel that can be used here", o->kernel);
        return false;
    }
    snprintf(folder, sizeof(folder), "/lib/modules/%s", release);
    if (!find_modules(o, folder, &list, why))
        return false;
    o->job.modules = calloc(list.nr + 1, sizeof(char *));
    for (unsigned i = 0; o->job.modules && i < list.nr; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, list.paths[i]);
        if (!map_file(path, &b)) {
            problem_set(why, errno, NULL, "cannot read %s", path);
            return false;
        }
        cpio_file(c, path + 1, 0644, b.data, b.len);
        munmap((void *)b.data, b.len);
        o->job.modules[o->job.nr_modules++] = strdup(path);
    }
    return o->job.modules;
}

/* ---- the archive */

static bool add_programs(struct cpio *c, const struct run_options *o, struct problem *why)
{
    struct bytes b;

    if (!map_file(INIT_PROGRAM, &b)) {
        problem_set(why, errno, "It is installed with pavis", "cannot read " INIT_PROGRAM);
        return false;
    }
    cpio_file(c, "init", 0755, b.data, b.len);
    cpio_link(c, "sbin/poweroff", "/init");
    cpio_link(c, "sbin/reboot", "/init");
    if (map_file(BUSYBOX, &b) && is_static(&b)) {
        cpio_file(c, "bin/busybox", 0755, b.data, b.len);
        cpio_file(c, "etc/dhcp-script", 0755, dhcp_script, sizeof(dhcp_script) - 1);
        return true;
    }
    if (o->job.root != ROOT_MEMORY && !o->job.dhcp)
        return true;
    problem_set(why, ENOENT, "Install busybox-static",
                "there is no static " BUSYBOX " for the guest's %s",
                o->job.dhcp ? "DHCP" : "programs");
    return false;
}

static void add_files(struct cpio *c, const struct run_options *o)
{
    static const char *const folders[] = {"dev", "proc", "sys", "run", "tmp", "root", "etc"};
    char *job = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&job, &size);

    for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        cpio_folder(c, folders[i]);
    cpio_file(c, "etc/passwd", 0644, "root::0:0:root:/root:/bin/sh\n", 29);
    cpio_file(c, "etc/resolv.conf", 0644, "", 0);
    if (out) {
        job_write(&o->job, out);
        fclose(out);
        cpio_file(c, JOB_FILE, 0600, job, size);
        free(job);
    }
}

/* A person's own archive comes first, so that what the guest needs wins; the kernel wants each to
 * begin at a multiple of four. */
static bool add_own(FILE *out, const char *path, struct problem *why)
{
    struct bytes b;

    if (!map_file(path, &b)) {
        problem_set(why, errno, "Name a cpio archive", "cannot read %s", path);
        return false;
    }
    fwrite(b.data, 1, b.len, out);
    fwrite("\0\0", 1, -b.len & 3, out);
    munmap((void *)b.data, b.len);
    return true;
}

int ramdisk_make(struct run_options *o, struct problem *why)
{
    int fd = memfd_create("pavis-run", MFD_CLOEXEC);
    int own = fd < 0 ? -1 : dup(fd);
    FILE *out = own < 0 ? NULL : fdopen(own, "w");
    struct cpio c = {.out = out};
    bool done;

    if (!out)
        return problem_set(why, errno, NULL, "no memory for the guest's first file system");
    done = (!o->ramdisk || add_own(out, o->ramdisk, why)) && add_programs(&c, o, why) &&
           add_modules(&c, o, why);
    if (done) {
        add_files(&c, o);
        cpio_end(&c);
        if (ferror(out))
            done = !problem_set(why, ENOSPC, NULL, "no memory for the guest's first file system");
    }
    if (fclose(out) != 0 && done)
        done = !problem_set(why, errno, NULL, "no memory for the guest's first file system");
    if (done)
        return fd;
    close(fd);
    return -1;
}
