// SPDX-License-Identifier: GPL-2.0-only
/* Mounts, modules, the network: what is there before a command runs. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/init.h"

#define INTERFACE         "eth0"
#define INTERFACE_WAIT    500  /* hundredths of a second */
#define DISK_WAIT         1000 /* likewise */
#define COMPRESSED_MODULE 4    /* MODULE_INIT_COMPRESSED_FILE */

static void mount_one(const char *type, const char *at, unsigned long flags, const char *data)
{
    mkdir(at, 0755);
    if (mount(type, at, type, flags, data) != 0 && errno != EBUSY)
        complain("cannot mount %s:", at);
}

void mount_first(void)
{
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"fd/0", "/dev/stdin"},
                                           {"fd/1", "/dev/stdout"},
                                           {"fd/2", "/dev/stderr"}};

    mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620");
    mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, NULL);
    mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, NULL);
    for (unsigned i = 0; i < sizeof(links) / sizeof(*links); i++)
        if (symlink(links[i][0], links[i][1]) != 0 && errno != EEXIST)
            complain("cannot make %s:", links[i][1]);
}

void load_modules(const struct job *job)
{
    for (unsigned i = 0; i < job->nr_modules; i++) {
        const char *path = job->modules[i];
        size_t len = strlen(path);
        bool plain = len > 3 && strcmp(path + len - 3, ".ko") == 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || (syscall(SYS_finit_module, fd, "", plain ? 0 : COMPRESSED_MODULE) != 0 &&
                       errno != EEXIST))
            complain("cannot load %s:", path);
        if (fd >= 0)
            close(fd);
    }
}

void wait_for_disks(const struct job *job)
{
    char path[] = "/dev/xvda";

    for (unsigned i = 0; i < job->nr_disks; i++, path[8]++)
        for (int n = 0; n < DISK_WAIT && access(path, F_OK) != 0; n++)
            usleep(10000);
}

/* ---- the network */

/* What the network's device needs a moment for: it comes with its back end. */
static bool wait_for_interface(const char *name)
{
    for (int i = 0; i < INTERFACE_WAIT; i++) {
        if (if_nametoindex(name))
            return true;
        usleep(10000);
    }
    return false;
}

static bool interface_up(int sock, const char *name)
{
    struct ifreq r = {0};

    strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(sock, SIOCGIFFLAGS, &r) != 0)
        return false;
    r.ifr_flags |= IFF_UP;
    return ioctl(sock, SIOCSIFFLAGS, &r) == 0;
}

static bool set_address(int sock, unsigned long request, const char *text, uint32_t bits)
{
    struct ifreq r = {.ifr_name = INTERFACE};
    struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.ifr_addr;

    a->sin_family = AF_INET;
    a->sin_addr.s_addr = bits;
    return (!text || inet_pton(AF_INET, text, &a->sin_addr) == 1) && ioctl(sock, request, &r) == 0;
}

static bool set_gateway(int sock, const char *text)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in *gateway = (struct sockaddr_in *)(void *)&route.rt_gateway;

    route.rt_dst.sa_family = route.rt_genmask.sa_family = gateway->sin_family = AF_INET;
    return inet_pton(AF_INET, text, &gateway->sin_addr) == 1 && ioctl(sock, SIOCADDRT, &route) == 0;
}

/* "10.0.0.2/24" or "10.0.0.2/24,10.0.0.1". */
static bool set_fixed(int sock, const char *text)
{
    char address[64], *slash, *comma;
    unsigned bits;

    snprintf(address, sizeof(address), "%s", text);
    slash = strchr(address, '/');
    comma = strchr(address, ',');
    bits = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 32;
    if (slash)
        *slash = 0;
    return bits <= 32 && set_address(sock, SIOCSIFADDR, address, 0) &&
           set_address(sock, SIOCSIFNETMASK, NULL, htonl(bits ? ~0u << (32 - bits) : 0)) &&
           (!comma || set_gateway(sock, comma + 1));
}

/* By busybox, whose script writes /etc/resolv.conf too. */
static bool ask_dhcp(const char *name)
{
    char host[96];
    int status = -1;
    pid_t pid;

    snprintf(host, sizeof(host), "hostname:%.64s", name);
    pid = fork();
    if (pid == 0) {
        execl("/bin/busybox", "udhcpc", "-q", "-n", "-f", "-t", "8", "-T", "1", "-i", INTERFACE,
              "-x", host, "-s", "/etc/dhcp-script", NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, &status, 0);
    return status == 0;
}

void set_up_network(const struct job *job)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sethostname(job->name, strlen(job->name)) != 0)
        complain("cannot set the host's name:");
    interface_up(sock, "lo");
    if (job->dhcp || job->address) {
        if (!wait_for_interface(INTERFACE) || !interface_up(sock, INTERFACE))
            complain("there is no " INTERFACE);
        else if (job->address && !set_fixed(sock, job->address))
            complain("cannot set the address %s:", job->address);
        else if (!job->address && !ask_dhcp(job->name))
            complain("no address by DHCP");
    }
    close(sock);
}
