// SPDX-License-Identifier: GPL-2.0-only
/* TAP, and what it is plugged into: see uplink.h. */
#include "netback/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/link.h"

#define SCRIPTS    "/etc/xen/scripts"
#define PROGRAM_MS 10000 /* how long a script or ovs-vsctl may take: libxl's patience */
#define OFFLOADS   (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)

extern char **environ;

/* Above all other addresses, so that a bridge never takes it for its own: Xen's scripts do the
 * same. */
static const uint8_t tap_mac[6] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

static int failed(char why[UPLINK_WHY], int error, const char *what, const char *name)
{
    snprintf(why, UPLINK_WHY, "%s %s: %s", what, name, strerror(error));
    return -error;
}

/* ---- other people's programs */

/* Waits for the child's end, and ends it if that takes too long; its status, or -errno. */
static int wait_for(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0, left;
    struct pollfd end = {.fd = fd, .events = POLLIN};

    do
        left = poll(&end, 1, PROGRAM_MS);
    while (left < 0 && errno == EINTR);
    if (left <= 0)
        kill(pid, SIGKILL);
    if (fd >= 0)
        close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (left <= 0)
        return -ETIMEDOUT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int run(char *const argv[], char *const envp[])
{
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, envp);

    return error ? -error : wait_for(pid);
}

static bool is_ovs_bridge(const char *name)
{
    char *argv[] = {(char *)"ovs-vsctl", (char *)"--timeout=5", (char *)"br-exists", (char *)name,
                    NULL};

    return run(argv, environ) == 0;
}

/* The environment and argument of Xen's vif scripts, for a TAP: "add" and "remove". */
static int run_script(const struct uplink *uplink, const char *action)
{
    const struct uplink_config *c = uplink->config;
    char script[256], path[160], vif[UPLINK_NAME + 8], interface[UPLINK_NAME + 16],
        bridge[UPLINK_NAME + 8];
    char *argv[] = {script, (char *)action, (char *)"type_if=tap", NULL};
    char *envp[] = {path,
                    vif,
                    interface,
                    bridge,
                    (char *)"XENBUS_TYPE=vif",
                    (char *)"XENBUS_BASE_PATH=backend",
                    script,
                    (char *)"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
                    NULL};
    char variable[sizeof(script) + 8];

    snprintf(script, sizeof(script), "%s%s", strchr(c->script, '/') ? "" : SCRIPTS "/", c->script);
    snprintf(variable, sizeof(variable), "script=%s", script);
    envp[6] = variable;
    snprintf(path, sizeof(path), "XENBUS_PATH=%s", c->path ? c->path : "");
    snprintf(vif, sizeof(vif), "vif=%s", uplink->name);
    snprintf(interface, sizeof(interface), "INTERFACE=%s", uplink->name);
    snprintf(bridge, sizeof(bridge), "bridge=%s", uplink->bridge);
    return run(argv, envp);
}

/* ---- the TAP */

static int open_queue(struct uplink *uplink, bool several)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int header = UPLINK_HEADER, little = 1;

    if (fd < 0)
        return -errno;
    if (several)
        r.ifr_flags |= IFF_MULTI_QUEUE;
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", uplink->name);
    if (ioctl(fd, TUNSETIFF, &r) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) != 0 ||
        ioctl(fd, TUNSETVNETLE, &little) != 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    snprintf(uplink->name, sizeof(uplink->name), "%s", r.ifr_name);
    return fd;
}

static int open_queues(struct uplink *uplink, unsigned nr)
{
    while (uplink->nr_fds < nr) {
        int fd = open_queue(uplink, nr > 1);

        if (fd < 0)
            return fd;
        uplink->fds[uplink->nr_fds++] = fd;
    }
    return uplink_offloads(uplink, OFFLOADS);
}

int uplink_offloads(const struct uplink *uplink, unsigned flags)
{
    for (unsigned i = 0; i < uplink->nr_fds; i++)
        if (ioctl(uplink->fds[i], TUNSETOFFLOAD, (unsigned long)flags) != 0)
            return -errno;
    return 0;
}

/* ---- plugging */

static int plug_ovs(const struct uplink *uplink, char why[UPLINK_WHY])
{
    char *argv[] = {(char *)"ovs-vsctl",
                    (char *)"--timeout=5",
                    (char *)"--may-exist",
                    (char *)"add-port",
                    (char *)uplink->bridge,
                    (char *)uplink->name,
                    NULL};
    int status = run(argv, environ);

    if (status == 0)
        return 0;
    snprintf(why, UPLINK_WHY, "ovs-vsctl cannot put %s on the bridge %s", uplink->name,
             uplink->bridge);
    return status < 0 ? status : -EIO;
}

/* By netlink: sets what a new device needs, and on a Linux bridge makes it a port. */
static int set_up(const struct uplink *uplink, unsigned mtu, bool linux_bridge)
{
    struct link_change change = {.mac = tap_mac, .mtu = mtu, .quiet = true};
    int status = link_set(uplink->name, &change);

    if (status != 0)
        return status;
    change = (struct link_change){.up = true, .master = linux_bridge ? uplink->bridge : NULL};
    return link_set(uplink->name, &change);
}

static int plug(struct uplink *uplink, char why[UPLINK_WHY])
{
    const struct uplink_config *c = uplink->config;
    struct link_info bridge = {0}, tap;
    int status;

    if (uplink->bridge[0])
        link_look(uplink->bridge, &bridge);
    if (uplink->bridge[0] && !bridge.is_bridge && !c->script && !is_ovs_bridge(uplink->bridge))
        return failed(why, bridge.index ? EINVAL : ENODEV, "there is no bridge", uplink->bridge);
    status = set_up(uplink, c->mtu ? c->mtu : bridge.mtu, bridge.is_bridge && !c->script);
    if (status != 0)
        return failed(why, -status, "cannot set up", uplink->name);
    link_look(uplink->name, &tap);
    uplink->mtu = tap.mtu;
    if (c->script) {
        status = run_script(uplink, "add");
        if (status != 0)
            snprintf(why, UPLINK_WHY, "the script %s failed for %s: %s %d", c->script, uplink->name,
                     status < 0 ? "error" : "status", abs(status));
        return status > 0 ? -EIO : status;
    }
    uplink->is_ovs = uplink->bridge[0] && !bridge.is_bridge;
    return uplink->is_ovs ? plug_ovs(uplink, why) : 0;
}

int uplink_open(struct uplink *uplink, const struct uplink_config *config, char why[UPLINK_WHY])
{
    int status;

    *uplink = (struct uplink){.config = config};
    why[0] = 0;
    if (!link_name_ok(config->name) ||
        (config->bridge && *config->bridge && !link_name_ok(config->bridge)))
        return failed(why, EINVAL, "no name of an interface:", config->name);
    snprintf(uplink->name, sizeof(uplink->name), "%s", config->name);
    snprintf(uplink->bridge, sizeof(uplink->bridge), "%s", config->bridge ? config->bridge : "");
    if (config->queues < 1 || config->queues > UPLINK_QUEUES)
        return failed(why, EINVAL, "number of queues of", uplink->name);
    status = open_queues(uplink, config->queues);
    if (status < 0)
        failed(why, -status, "cannot make the TAP device", uplink->name);
    else
        status = plug(uplink, why);
    if (status < 0)
        uplink_close(uplink);
    return status < 0 ? status : 0;
}

int uplink_mend(struct uplink *uplink, char why[UPLINK_WHY])
{
    struct link_info tap, bridge;

    why[0] = 0;
    if (uplink->nr_fds == 0 || !uplink->bridge[0] || uplink->is_ovs || uplink->config->script ||
        link_look(uplink->name, &tap) != 0)
        return 0;
    if (link_look(uplink->bridge, &bridge) == 0 && tap.master == bridge.index)
        return 0;
    return plug(uplink, why);
}

void uplink_close(struct uplink *uplink)
{
    if (uplink->nr_fds == 0)
        return;
    if (uplink->config->script)
        run_script(uplink, "remove");
    else if (uplink->is_ovs) {
        char *argv[] = {(char *)"ovs-vsctl", (char *)"--timeout=5", (char *)"--if-exists",
                        (char *)"del-port",  uplink->name,          NULL};
        run(argv, environ);
    }
    for (unsigned i = 0; i < uplink->nr_fds; i++)
        close(uplink->fds[i]);
    uplink->nr_fds = 0;
}
