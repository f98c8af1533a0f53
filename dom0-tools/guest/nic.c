// SPDX-License-Identifier: GPL-2.0-only
/* What Xen's script vif-bridge does, in four system calls and without a shell. */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/device.h"
#include "guest/nic.h"

/* The interface in dom0 has an address above all others, so that a bridge never takes it for its
 * own. */
static const uint8_t dom0_side[MAC_BYTES] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

const char *nic_bridge(const struct guest_nic *nic)
{
    return nic->bridge ? nic->bridge : DEFAULT_BRIDGE;
}

/* What the kernel's back end does not know. */
static int check_kernels(const struct guest_nic *nic, struct problem *why)
{
    if (nic->network || nic->vlan)
        return problem_set(why, ENOSYS,
                           "Start netback, or leave vlan=, or network= beside bridge=, out",
                           "the kernel's xen-netback knows no networks and VLANs");
    return 0;
}

int nic_check(const struct guest_nic *nic, const struct device_kind *kind, struct problem *why)
{
    const char *bridge = nic_bridge(nic);
    char path[64];

    if (kind->kernel && check_kernels(nic, why) != 0)
        return -1;
    if (kind->kernel && nic->script && !strstr(nic->script, "vif-bridge"))
        return problem_set(why, ENOSYS, "Leave script= out and name a bridge",
                           "scripts for network cards (%s) are not supported", nic->script);
    if (nic->backend && strcmp(nic->backend, "0") != 0 && strcmp(nic->backend, "Domain-0") != 0)
        return problem_set(why, ENOSYS, "Leave backend= out",
                           "network cards from other domains (%s) are not supported", nic->backend);
    snprintf(path, sizeof(path), "/sys/class/net/%.15s/bridge", bridge);
    if (access(path, F_OK) == 0)
        return 0;
    snprintf(path, sizeof(path), "/sys/class/net/%.15s", bridge);
    if (access(path, F_OK) == 0)
        return problem_set(why, EINVAL, "Name a bridge with bridge=", "%s is no bridge", bridge);
    return problem_set(
        why, ENODEV,
        "Make it (ip link add NAME type bridge; ip link set NAME up) or name another "
        "with bridge=",
        "there is no bridge %s for the guest's network card", bridge);
}

int nic_join(struct nic_device *device, const uint8_t uuid[UUID_BYTES], const char *guest,
             struct problem *why)
{
    const struct guest_nic *spec = device->spec;
    struct network_user user = {.host = guest};

    if (!spec->network || spec->bridge)
        return 0;
    memcpy(user.uuid, uuid, sizeof(user.uuid));
    nic_address(spec, uuid, user.mac);
    if (network_ensure(spec->network, &user, &device->card, why) != 0)
        return -1;
    device->joined = *spec;
    device->joined.bridge = device->card.bridge;
    if (device->card.ip[0] && !spec->ip)
        device->joined.ip = device->card.ip;
    if (device->kind->kernel)
        device->joined.network = NULL; /* for xen-netback it is a bridge like others */
    device->spec = &device->joined;
    return 0;
}

/* The kernel's name for it, or the wanted one once it has that. */
static int find_interface(int sock, const struct guest_nic *nic, unsigned domid, struct ifreq *r)
{
    snprintf(r->ifr_name, sizeof(r->ifr_name), "vif%u.%u", domid, nic->devid);
    if (nic->vifname) {
        strncpy(r->ifr_newname, nic->vifname, IFNAMSIZ - 1);
        if (ioctl(sock, SIOCSIFNAME, r) != 0)
            return -1;
        snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", nic->vifname);
    }
    return ioctl(sock, SIOCGIFINDEX, r);
}

static int plug(int sock, const struct guest_nic *nic, unsigned domid)
{
    struct ifreq r = {0}, bridge = {0};
    int index;

    if (find_interface(sock, nic, domid, &r) != 0)
        return -1;
    index = r.ifr_ifindex;
    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(r.ifr_hwaddr.sa_data, dom0_side, MAC_BYTES);
    if (ioctl(sock, SIOCSIFHWADDR, &r) != 0)
        return -1;
    strncpy(bridge.ifr_name, nic_bridge(nic), IFNAMSIZ - 1);
    r.ifr_mtu = (int)nic->mtu;
    if (!nic->mtu && ioctl(sock, SIOCGIFMTU, &bridge) == 0)
        r.ifr_mtu = bridge.ifr_mtu;
    if (r.ifr_mtu && ioctl(sock, SIOCSIFMTU, &r) != 0)
        return -1;
    bridge.ifr_ifindex = index;
    if (ioctl(sock, SIOCBRADDIF, &bridge) != 0)
        return -1;
    if (ioctl(sock, SIOCGIFFLAGS, &r) != 0)
        return -1;
    r.ifr_flags |= IFF_UP;
    return ioctl(sock, SIOCSIFFLAGS, &r);
}

int nic_plug(const struct guest_nic *nic, unsigned domid, struct problem *why)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0 || plug(sock, nic, domid) != 0) {
        problem_set(why, errno, "See `ip link` and `dmesg` in dom0",
                    "cannot put network card %u of domain %u on the bridge %s", nic->devid, domid,
                    nic_bridge(nic));
        if (sock >= 0)
            close(sock);
        return -1;
    }
    close(sock);
    return 0;
}

void nic_address(const struct guest_nic *nic, const uint8_t uuid[UUID_BYTES],
                 uint8_t mac[MAC_BYTES])
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    if (nic->has_mac) {
        memcpy(mac, nic->mac, MAC_BYTES);
        return;
    }
    for (unsigned i = 0; i < UUID_BYTES; i++)
        hash = (hash ^ uuid[i]) * 16777619u;
    hash = (hash ^ nic->devid) * 16777619u;
    mac[0] = 0x00; /* the first three are Xen's, for addresses that are nobody's */
    mac[1] = 0x16;
    mac[2] = 0x3e;
    mac[3] = hash >> 16 & 0x7f;
    mac[4] = hash >> 8 & 0xff;
    mac[5] = hash & 0xff;
}
