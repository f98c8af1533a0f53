// SPDX-License-Identifier: GPL-2.0-only
/* pavis doctor: is all there that hosting guests takes?  One line per question, and for what is
 * missing what to do.  Nothing is changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/version.h"
#include "backend/jail.h"
#include "guest/device.h"
#include "network/network.h"
#include "pavis/json.h"
#include "pavis/verb.h"

#define PAGES_PER_MIB 256
#define FEW_MIB       64 /* less than a small Linux guest wants */

enum verdict { OK, WARNING, FAILURE };

struct finding {
    enum verdict verdict;
    char text[200];
    char remedy[200]; /* empty where all is well */
};

struct patient {
    struct hypercalls *h;    /* NULL: the check of the device has said so */
    struct xs_handle *store; /* likewise */
};

static void say(struct finding *f, enum verdict verdict, const char *remedy, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
static void say(struct finding *f, enum verdict verdict, const char *remedy, const char *format,
                ...)
{
    va_list args;

    f->verdict = verdict;
    snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
}

static void say_problem(struct finding *f, const struct problem *why)
{
    say(f, FAILURE, why->remedy, "%s", why->cause);
}

/* The first line of a file; empty where there is none. */
static const char *first_line(const char *path, char line[128])
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(line, 128, file))
        line[0] = 0;
    if (file)
        fclose(file);
    line[strcspn(line, "\n")] = 0;
    return line;
}

static void check_hypervisor(struct patient *p, struct finding *f)
{
    char type[128], major[128], minor[128], extra[128];

    first_line("/sys/hypervisor/type", type);
    first_line("/sys/hypervisor/version/major", major);
    first_line("/sys/hypervisor/version/minor", minor);
    first_line("/sys/hypervisor/version/extra", extra);
    if (strcmp(type, "xen") != 0)
        say(f, FAILURE,
            "Choose the entry with Pavis in the boot menu; docs/OPERATIONS.md tells how to make "
            "one",
            "this Linux runs on no hypervisor that pavis knows");
    else if (strcmp(extra, "-pavis") == 0)
        say(f, OK, "", "Pavis, with the interface of Xen %s.%s", major, minor);
    else
        say(f, OK, "", "Xen %s.%s%s", major, minor, extra);
}

static void check_dom0(struct patient *p, struct finding *f)
{
    char line[128];

    if (strstr(first_line("/proc/xen/capabilities", line), "control_d"))
        say(f, OK, "", "this is the control domain");
    else if (access("/proc/xen/capabilities", F_OK) != 0)
        say(f, WARNING, "mount -t xenfs xenfs /proc/xen",
            "xenfs is not mounted, so scripts cannot know that this is dom0");
    else
        say(f, FAILURE, "Use pavis in domain 0", "this is not the control domain");
}

static void check_hypercalls(struct patient *p, struct finding *f)
{
    struct problem why;
    xen_capabilities_info_t caps = {0};

    p->h = hypercalls_open(&why);
    if (!p->h)
        say_problem(f, &why);
    else if (host_version(p->h, XENVER_capabilities, caps, sizeof(caps), &why))
        say_problem(f, &why);
    else if (!strstr(caps, "xen-3.0-x86_64"))
        say(f, FAILURE, "", "the hypervisor takes no 64-bit PV guests");
    else
        say(f, OK, "", "hypercalls reach the hypervisor");
}

static void check_interface(struct patient *p, struct finding *f)
{
    struct xen_sysctl_physinfo info;
    struct problem why;

    if (!p->h)
        say(f, FAILURE, "See above", "not known without hypercalls");
    else if (host_physinfo(p->h, &info, &why))
        say_problem(f, &why);
    else
        say(f, OK, "", "the tools' interface has the version of Xen 4.17's");
}

static void check_memory(struct patient *p, struct finding *f)
{
    struct xen_sysctl_physinfo info;
    unsigned long long free_mib;

    if (!p->h || host_physinfo(p->h, &info, NULL)) {
        say(f, FAILURE, "See above", "not known without hypercalls");
        return;
    }
    free_mib = (info.free_pages - info.outstanding_pages) / PAGES_PER_MIB;
    if (free_mib < FEW_MIB)
        say(f, WARNING, "Boot with a smaller dom0_mem=, or take memory back: xl mem-set 0 MIB",
            "%llu of %llu MiB are free", free_mib,
            (unsigned long long)info.total_pages / PAGES_PER_MIB);
    else
        say(f, OK, "", "%llu of %llu MiB are free", free_mib,
            (unsigned long long)info.total_pages / PAGES_PER_MIB);
}

static void check_devices(struct patient *p, struct finding *f)
{
    static const struct {
        const char *path, *module;
    } devices[] = {{"/dev/xen/evtchn", "xen-evtchn"},
                   {"/dev/xen/gntdev", "xen-gntdev"},
                   {"/dev/xen/gntalloc", "xen-gntalloc"}};

    say(f, OK, "", "event channels and grants have their devices");
    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
        int fd = open(devices[i].path, O_RDWR | O_CLOEXEC);
        char remedy[64] = "Be root";

        if (fd >= 0) {
            close(fd);
            continue;
        }
        if (errno != EACCES && errno != EPERM)
            snprintf(remedy, sizeof(remedy), "modprobe %s", devices[i].module);
        say(f, FAILURE, remedy, "%s cannot be opened: %s", devices[i].path, strerror(errno));
    }
}

static void check_store(struct patient *p, struct finding *f)
{
    unsigned nr;
    char **root;

    p->store = xs_open(0);
    root = p->store ? xs_directory(p->store, XBT_NULL, "/", &nr) : NULL;
    if (root)
        say(f, OK, "", "xenstored answers");
    else
        say(f, FAILURE, geteuid() ? "Be root; is xenstored running?" : "Start xenstored",
            "the store does not answer: %s", strerror(errno));
    free(root);
}

static void check_dom0_name(struct patient *p, struct finding *f)
{
    char name[DOMAIN_NAME_MAX];

    if (!p->store)
        say(f, FAILURE, "See above", "not known without the store");
    else if (domains_name(p->store, 0, name, sizeof(name)))
        say(f, OK, "", "the store knows dom0, as \"%s\"", name);
    else
        say(f, WARNING, "Run xen-init-dom0 once after xenstored has started",
            "the store does not know dom0");
}

/* Is there a process of this name? */
static bool runs(const char *program)
{
    glob_t found;
    bool yes = false;

    if (glob("/proc/[0-9]*/comm", GLOB_NOSORT, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !yes; i++) {
        char line[128];

        yes = strcmp(first_line(found.gl_pathv[i], line), program) == 0;
    }
    globfree(&found);
    return yes;
}

static void check_consoles(struct patient *p, struct finding *f)
{
    if (runs("xenconsoled"))
        say(f, OK, "", "xenconsoled runs");
    else
        say(f, FAILURE, "Start xenconsoled", "nothing serves the consoles of guests");
}

/* Ours, the kernel's, or both. */
static void check_backends(struct finding *f, const char *what, const struct device_kind *ours,
                           const struct device_kind *kernels)
{
    bool we = kind_runs(ours), kernel = kind_runs(kernels);
    char remedy[128];

    if (we || kernel)
        say(f, OK, "", "%s%s%s serves guests' %s", we ? ours->who : "",
            we && kernel ? ", or where asked for " : "", kernel ? kernels->who : "", what);
    snprintf(remedy, sizeof(remedy), "%s; or %s", ours->start, kernels->start);
    if (!we && !kernel)
        say(f, WARNING, remedy, "nothing serves guests' %s", what);
}

static void check_disks(struct patient *p, struct finding *f)
{
    check_backends(f, "disks", &kind_pvblk, &kind_vbd);
}

static void check_networks(struct patient *p, struct finding *f)
{
    check_backends(f, "network cards", &kind_pvnet, &kind_vif);
}

/* A value of /proc/PID/status, as text behind its name and a tab. */
static bool status_is(const char *status, const char *name, const char *value)
{
    const char *at = strstr(status, name);

    return at && strncmp(at + strlen(name), value, strlen(value)) == 0;
}

/* Who reads guests' rings, and may it do more than it must?  Workers are started with -w. */
static bool is_free_worker(const char *process)
{
    char path[300], line[128], text[4096] = "";
    unsigned uid = 0;

    snprintf(path, sizeof(path), "%s/comm", process);
    first_line(path, line);
    if (strcmp(line, "blkback") != 0 && strcmp(line, "netback") != 0)
        return false;
    snprintf(path, sizeof(path), "%s/cmdline", process);
    if (strcmp(first_line(path, line) + strlen(line) + 1, "-w") != 0)
        return false;
    snprintf(path, sizeof(path), "%s/status", process);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    if (size == 0) /* it has ended meanwhile */
        return false;
    const char *ids = strstr(text, "\nUid:\t");
    if (ids)
        uid = (unsigned)strtoul(ids + strlen("\nUid:\t"), NULL, 10);
    return uid < JAIL_UID || !status_is(text, "\nCapEff:\t", "0000000000000000\n") ||
           !status_is(text, "\nNoNewPrivs:\t", "1\n") || !status_is(text, "\nSeccomp:\t", "2\n");
}

static void check_jails(struct patient *p, struct finding *f)
{
    char line[128];
    glob_t found;

    if (!strstr(first_line("/proc/sys/kernel/seccomp/actions_avail", line), "kill_process")) {
        say(f, WARNING, "Use a kernel with CONFIG_SECCOMP_FILTER, such as Debian's",
            "back ends' workers cannot be locked in, and will not start");
        return;
    }
    say(f, OK, "", "workers of back ends have no privileges");
    if (glob("/proc/[0-9]*", GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (is_free_worker(found.gl_pathv[i]))
            say(f, FAILURE,
                "Look again: it may just be beginning. If not, end it; its broker starts another",
                "process %s serves a guest and is in no jail",
                found.gl_pathv[i] + strlen("/proc/"));
    }
    globfree(&found);
}

static void check_loop(struct patient *p, struct finding *f)
{
    if (access("/dev/loop-control", F_OK) == 0 || kind_runs(&kind_pvblk))
        say(f, OK, "", "files can be disks");
    else
        say(f, WARNING, "Start the daemon: blkback; or modprobe loop",
            "there are no loop devices, so files cannot be disks");
}

static void check_bridge(struct patient *p, struct finding *f)
{
    glob_t found;

    if (glob("/sys/class/net/*/bridge", 0, NULL, &found) == 0) {
        char *name = found.gl_pathv[0] + strlen("/sys/class/net/");

        name[strcspn(name, "/")] = 0;
        say(f, OK, "", "there is a bridge for guests' networks: %s%s", name,
            found.gl_pathc > 1 ? " and others" : "");
        globfree(&found);
    } else {
        say(f, WARNING, "ip link add xenbr0 type bridge && ip link set xenbr0 up",
            "there is no bridge that guests' networks could join");
    }
}

/* Of networks that pavis makes; who has none of these needs none. */
static void check_own_networks(struct patient *p, struct finding *f)
{
    struct network_info *list = NULL;
    struct problem why;
    int nr;

    if (network_check(NETWORK_DEFAULT, &why) != 0) {
        say(f, WARNING, why.remedy, "no network can be made for guests: %s", why.cause);
        return;
    }
    nr = networks_list(&list, &why);
    say(f, OK, "", "networks can be made for guests (network=nat)");
    for (int i = 0; i < nr; i++)
        if (!list[i].whole)
            say(f, WARNING, "pavis net-create NAME mends it, as the next guest does",
                "of the network %s something is missing", list[i].name);
    free(list);
}

/* Domains that somebody began to make or to end and did not finish. */
static void check_remains(struct patient *p, struct finding *f)
{
    struct domain_info *list = NULL;
    int nr = p->h ? domains_list(p->h, &list, NULL) : -1;

    say(f, OK, "", "no domain is half made or half dead");
    if (nr < 0)
        say(f, FAILURE, "See above", "not known without hypercalls");
    for (int i = 0; i < nr; i++) {
        char name[DOMAIN_NAME_MAX], remedy[64];

        snprintf(remedy, sizeof(remedy), "pavis destroy %u", list[i].domid);
        if (domain_is_dying(&list[i]))
            say(f, WARNING,
                "What maps its memory must end: a back end, or a program with its console",
                "domain %u is dead, but not gone", list[i].domid);
        else if (p->store && !domains_name(p->store, list[i].domid, name, sizeof(name)))
            say(f, WARNING, remedy, "domain %u has no name: its maker did not finish",
                list[i].domid);
    }
    free(list);
}

static const struct check {
    const char *name;
    void (*look)(struct patient *p, struct finding *f);
} checks[] = {
    {"hypervisor", check_hypervisor}, {"dom0", check_dom0},
    {"hypercalls", check_hypercalls}, {"interface", check_interface},
    {"memory", check_memory},         {"devices", check_devices},
    {"xenstored", check_store},       {"dom0-name", check_dom0_name},
    {"xenconsoled", check_consoles},  {"disks", check_disks},
    {"disk-files", check_loop},       {"networks", check_networks},
    {"bridge", check_bridge},         {"own-networks", check_own_networks},
    {"jails", check_jails},           {"remains", check_remains},
};
#define NR_CHECKS (sizeof(checks) / sizeof(checks[0]))

static void print_finding(const char *name, const struct finding *f)
{
    static const char *const words[] = {"ok", "warning", "FAILURE"};

    printf("%-8s %-12s %s\n", words[f->verdict], name, f->text);
    if (f->verdict != OK && f->remedy[0])
        printf("%21s -> %s\n", "", f->remedy);
}

static void json_finding(json j, const char *name, const struct finding *f)
{
    static const char *const words[] = {"ok", "warning", "failure"};

    json_object(j, NULL);
    json_string(j, "check", name);
    json_string(j, "verdict", words[f->verdict]);
    json_string(j, "text", f->text);
    json_string(j, "remedy", f->remedy[0] ? f->remedy : NULL);
    json_close_object(j);
}

int verb_doctor(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    unsigned nr[FAILURE + 1] = {0};
    struct patient p = {0};
    json j = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        if (!j)
            j = json_begin();
    }
    if (optind != argc)
        return verb_usage(s, "it takes no domain");
    if (j)
        json_array(j, NULL);
    for (size_t i = 0; i < NR_CHECKS; i++) {
        struct finding f = {0};

        checks[i].look(&p, &f);
        nr[f.verdict]++;
        if (j)
            json_finding(j, checks[i].name, &f);
        else
            print_finding(checks[i].name, &f);
    }
    if (p.store)
        xs_close(p.store);
    hypercalls_close(p.h);
    if (j) {
        json_close_array(j);
        json_end(j);
    } else {
        printf("%zu checks: %u warnings, %u failures\n", NR_CHECKS, nr[WARNING], nr[FAILURE]);
    }
    return nr[FAILURE] ? 1 : 0;
}
