// SPDX-License-Identifier: GPL-2.0-only
/* The command line of `pavis run`: see options.h. */
#include "run/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEFAULT_MEMORY 256
#define DEFAULT_PATH   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The console's log has the kernel's warnings; a panic ends the guest at once. */
#define DEFAULT_CMDLINE "console=hvc0 quiet panic=-1 rdinit=/init"

static const struct option options[] = {
    {"memory", required_argument, NULL, 'm'},  {"vcpus", required_argument, NULL, 'c'},
    {"disk", required_argument, NULL, 'D'},    {"net", required_argument, NULL, 'N'},
    {"ip", required_argument, NULL, 'i'},      {"name", required_argument, NULL, 'n'},
    {"kernel", required_argument, NULL, 'k'},  {"ramdisk", required_argument, NULL, 'r'},
    {"append", required_argument, NULL, 'a'},  {"env", required_argument, NULL, 'e'},
    {"timeout", required_argument, NULL, 't'}, {"boot", no_argument, NULL, 'b'},
    {"no-terminal", no_argument, NULL, 'T'},   {"rm", no_argument, NULL, 'R'},
    {"detach", no_argument, NULL, 'd'},        {0}};

static int wrong(struct problem *why, const char *what, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct problem *why, const char *what, ...)
{
    char text[200];
    va_list args;

    va_start(args, what);
    vsnprintf(text, sizeof(text), what, args);
    va_end(args);
    return problem_set(why, EINVAL, "`pavis run --help` lists what there is", "%s", text);
}

static bool number(const char *text, unsigned long most, unsigned *to)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    *to = (unsigned)n;
    return *text >= '0' && *text <= '9' && !*end && !errno && n > 0 && n <= most;
}

/* IMG and words behind commas; a path may have commas too, if what follows is no such word. */
static int add_disk(struct run_options *o, char *text, struct problem *why)
{
    struct run_disk *d = &o->disks[o->nr_disks];
    char *comma;

    if (o->nr_disks == RUN_MAX_DISKS)
        return wrong(why, "at most %d disks are possible", RUN_MAX_DISKS);
    while ((comma = strrchr(text, ','))) {
        if (strcmp(comma, ",ro") == 0)
            d->read_only = true;
        else if (strcmp(comma, ",overlay") == 0)
            d->overlay = true;
        else if (strcmp(comma, ",data") == 0)
            d->data = true;
        else
            break;
        *comma = 0;
    }
    if (!*text || (d->read_only && d->overlay) || (d->overlay && d->data))
        return wrong(why, "--disk takes a path and ,ro or ,overlay for a root, ,data and ,ro for "
                          "another disk");
    d->path = text;
    o->job.nr_disks = ++o->nr_disks;
    return 0;
}

static int take(struct run_options *o, int option, char *value, struct problem *why)
{
    switch (option) {
    case 'm':
        if (!number(value, 1 << 24, &o->memory_mib))
            return wrong(why, "--memory takes MiB, not '%s'", value);
        break;
    case 'c':
        if (!number(value, 512, &o->vcpus))
            return wrong(why, "--vcpus takes a number, not '%s'", value);
        break;
    case 't':
        if (!number(value, 1 << 22, &o->timeout_s))
            return wrong(why, "--timeout takes seconds, not '%s'", value);
        break;
    case 'D': return add_disk(o, value, why);
    case 'N': o->network = strcmp(value, "none") == 0 ? NULL : value; break;
    case 'i': o->job.address = value; break;
    case 'n': o->name = value; break;
    case 'k': o->kernel = value; break;
    case 'r': o->ramdisk = value; break;
    case 'a': o->append = value; break;
    case 'e':
        if (!strchr(value, '=') || *value == '=')
            return wrong(why, "--env takes NAME=VALUE, not '%s'", value);
        o->job.env[o->job.nr_env++] = value;
        break;
    case 'b': o->job.boot = true; break;
    case 'T': o->no_terminal = true; break;
    case 'R': break; /* what is written over a disk is in the guest's memory and ends with it */
    case 'd': o->detach = true; break;
    default: return wrong(why, "an option is unknown, or its argument is missing");
    }
    return 0;
}

/* What a program expects to find, unless it was said otherwise; later ones win in the guest. */
static void default_environment(struct job *job)
{
    static char term[80];
    const char *mine = getenv("TERM");

    job->env[job->nr_env++] = DEFAULT_PATH;
    job->env[job->nr_env++] = "HOME=/root";
    snprintf(term, sizeof(term), "TERM=%s", mine ? mine : "dumb");
    job->env[job->nr_env++] = term;
}

static int choose_root(struct run_options *o, struct problem *why)
{
    static char device[8];

    for (unsigned i = 0; i < o->nr_disks; i++) {
        const struct run_disk *d = &o->disks[i];

        if (d->data)
            continue;
        if (o->job.root != ROOT_MEMORY)
            return wrong(why, "%s: another disk is the root; write ,data behind this one", d->path);
        snprintf(device, sizeof(device), "xvd%c", 'a' + (int)i);
        o->job.root_device = device;
        o->job.root = d->overlay ? ROOT_OVERLAY : d->read_only ? ROOT_READ_ONLY : ROOT_WRITABLE;
    }
    if (o->job.boot && o->job.root == ROOT_MEMORY)
        return wrong(why, "--boot needs a --disk to boot from");
    return 0;
}

static void default_names(struct run_options *o)
{
    static char name[32], kernel[sizeof(struct utsname)];
    struct utsname u;

    if (!o->name) {
        snprintf(name, sizeof(name), "run-%d", (int)getpid());
        o->name = name;
    }
    if (!o->kernel) {
        uname(&u);
        snprintf(kernel, sizeof(kernel), "/boot/vmlinuz-%s", u.release);
        o->kernel = kernel;
    }
    o->job.name = o->name;
}

int run_options_read(struct run_options *o, int argc, char **argv, struct problem *why)
{
    struct winsize size;
    int option;

    *o = (struct run_options){.memory_mib = DEFAULT_MEMORY, .vcpus = 1};
    o->job.root = ROOT_MEMORY;
    o->job.args = calloc((size_t)argc + 1, sizeof(char *));
    o->job.env = calloc((size_t)argc + 4, sizeof(char *));
    if (!o->job.args || !o->job.env)
        return problem_set(why, ENOMEM, NULL, "no memory");
    default_environment(&o->job);
    /* + : the first word that is no option begins the command, as with other programs that run
     * one. */
    while ((option = getopt_long(argc, argv, "+m:c:e:t:d", options, NULL)) != -1)
        if (take(o, option, optarg, why) != 0)
            return -1;
    while (optind < argc)
        o->job.args[o->job.nr_args++] = argv[optind++];
    if (choose_root(o, why) != 0)
        return -1;
    if (o->job.address && !o->network)
        return wrong(why, "--ip needs a --net");
    if (o->detach && o->timeout_s)
        return wrong(why, "with --detach nobody is there for a --timeout");
    o->job.console = o->detach && !o->job.boot;
    o->job.dhcp = o->network && !o->job.address;
    default_names(o);
    o->job.terminal = !o->no_terminal && !o->job.boot && !o->detach && isatty(STDIN_FILENO) &&
                      isatty(STDOUT_FILENO);
    if (o->job.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        o->job.rows = size.ws_row;
        o->job.columns = size.ws_col;
    }
    return 0;
}

/* ---- as a configuration */

/* A string of xl.cfg, in the quotes that it does not have itself. */
static bool put(FILE *out, const char *before, const char *text, const char *after)
{
    char quote = strchr(text, '"') ? '\'' : '"';

    if (strchr(text, quote) || strchr(text, '\n') || strchr(text, '\\'))
        return false;
    fprintf(out, "%s%c%s%c%s", before, quote, text, quote, after);
    return true;
}

static bool put_devices(FILE *out, const struct run_options *o)
{
    char text[512];
    bool fits = true;

    fputs("disk = [", out);
    for (unsigned i = 0; i < o->nr_disks && fits; i++) {
        const struct run_disk *d = &o->disks[i];
        int len = snprintf(text, sizeof(text), "format=raw,vdev=xvd%c,access=%c,target=%s",
                           'a' + (int)i, d->read_only || d->overlay ? 'r' : 'w', d->path);

        fits = len < (int)sizeof(text) && put(out, " ", text, ",");
    }
    fputs(" ]\n", out);
    if (!o->network)
        return fits;
    snprintf(text, sizeof(text), "%s=%.64s", strcmp(o->network, "nat") == 0 ? "network" : "bridge",
             o->network);
    return put(out, "vif = [ ", text, " ]\n") && fits;
}

char *run_config(const struct run_options *o, const char *ramdisk, struct problem *why)
{
    char *text = NULL, cmdline[1024];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool done;

    if (!out) {
        problem_set(why, errno, NULL, "no memory");
        return NULL;
    }
    snprintf(cmdline, sizeof(cmdline), DEFAULT_CMDLINE " %s", o->append ? o->append : "");
    fprintf(out, "type = \"pv\"\nmemory = %u\nvcpus = %u\n", o->memory_mib, o->vcpus);
    done = put(out, "name = ", o->name, "\n") && put(out, "kernel = ", o->kernel, "\n") &&
           put(out, "ramdisk = ", ramdisk, "\n") && put(out, "cmdline = ", cmdline, "\n") &&
           put_devices(out, o);
    if (fclose(out) == 0 && done)
        return text;
    problem_set(why, EINVAL, "Use other names",
                "a path, a name or an option has a backslash, a new line or both kinds of quotes");
    free(text);
    return NULL;
}
