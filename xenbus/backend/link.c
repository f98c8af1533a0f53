// SPDX-License-Identifier: GPL-2.0-only
/* rtnetlink: see link.h. */
#include "backend/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 512   /* bytes of a request; the longest here has 100 */
#define ANSWER  32768 /* the kernel's messages to one read */

struct message {
    union {
        struct nlmsghdr header;
        uint8_t bytes[MESSAGE];
    };
};

static void begin(struct message *m, uint16_t type, uint16_t flags, const void *body, size_t size)
{
    *m = (struct message){.header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
                                     .nlmsg_type = type,
                                     .nlmsg_flags = NLM_F_REQUEST | flags,
                                     .nlmsg_seq = 1}};
    memcpy(NLMSG_DATA(&m->header), body, size);
}

static struct rtattr *attribute(struct message *m, uint16_t type, const void *data, size_t size)
{
    size_t at = NLMSG_ALIGN(m->header.nlmsg_len);
    struct rtattr *a = (struct rtattr *)(void *)(m->bytes + at);

    if (at + RTA_SPACE(size) > sizeof(m->bytes))
        abort(); /* no request of ours is that long */
    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(a), data, size);
    m->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
    return a;
}

/* An attribute of which the following ones are part, up to close_nest(). */
static struct rtattr *open_nest(struct message *m, uint16_t type)
{
    return attribute(m, type, NULL, 0);
}

static void close_nest(struct message *m, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)(m->bytes + m->header.nlmsg_len - (uint8_t *)nest);
}

/* Sends; then takes the kernel's messages until the one that says how it ended. */
static int ask(struct message *m, void (*see)(void *ctx, const struct nlmsghdr *h), void *ctx)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    char *answer = malloc(ANSWER);
    int status = 1;

    if (fd < 0 || !answer ||
        sendto(fd, m, m->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        status = errno ? -errno : -ENOMEM;
    while (status > 0) {
        ssize_t n = recv(fd, answer, ANSWER, 0);
        size_t left = n > 0 ? (size_t)n : 0;

        if (n <= 0 && errno == EINTR)
            continue;
        if (n <= 0)
            status = n < 0 ? -errno : -EPIPE;
        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
             NLMSG_OK(h, left) && status > 0; h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_ERROR)
                status = ((struct nlmsgerr *)NLMSG_DATA(h))->error; /* 0: it is done */
            else if (h->nlmsg_type == NLMSG_DONE)
                status = 0;
            else if (see)
                see(ctx, h);
        }
    }
    free(answer);
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- looking */

bool link_name_ok(const char *name)
{
    return *name && strlen(name) < LINK_NAME && !strpbrk(name, "/: \t\n%") &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static unsigned link_index(const char *name)
{
    return link_name_ok(name) ? if_nametoindex(name) : 0;
}

static void see_link(void *ctx, const struct nlmsghdr *h)
{
    struct link_info *info = ctx;
    const struct ifinfomsg *about = NLMSG_DATA(h);
    unsigned left = (unsigned)IFLA_PAYLOAD(h);

    if (h->nlmsg_type != RTM_NEWLINK)
        return;
    info->index = (unsigned)about->ifi_index;
    info->is_up = about->ifi_flags & IFF_UP;
    for (struct rtattr *a = IFLA_RTA(about); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFLA_MTU)
            memcpy(&info->mtu, RTA_DATA(a), sizeof(info->mtu));
        if (a->rta_type == IFLA_MASTER)
            memcpy(&info->master, RTA_DATA(a), sizeof(info->master));
        if (a->rta_type == IFLA_LINKINFO) {
            const struct rtattr *kind = RTA_DATA(a); /* the first in it */

            info->is_bridge = kind->rta_type == IFLA_INFO_KIND &&
                              strncmp(RTA_DATA(kind), "bridge", RTA_PAYLOAD(kind)) == 0;
        }
    }
}

int link_look(const char *name, struct link_info *info)
{
    struct ifinfomsg about = {.ifi_index = (int)link_index(name)};
    struct message m;

    *info = (struct link_info){0};
    if (!about.ifi_index)
        return -ENODEV;
    begin(&m, RTM_GETLINK, NLM_F_ACK, &about, sizeof(about));
    return ask(&m, see_link, info);
}

/* ---- changing */

int link_make_bridge(const char *name, const uint8_t mac[6])
{
    struct message m;
    struct rtattr *nest;

    begin(&m, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &(struct ifinfomsg){0},
          sizeof(struct ifinfomsg));
    attribute(&m, IFLA_IFNAME, name, strlen(name) + 1);
    attribute(&m, IFLA_ADDRESS, mac, 6);
    nest = open_nest(&m, IFLA_LINKINFO);
    attribute(&m, IFLA_INFO_KIND, "bridge", sizeof("bridge"));
    close_nest(&m, nest);
    return ask(&m, NULL, NULL);
}

int link_remove(const char *name)
{
    struct ifinfomsg about = {.ifi_index = (int)link_index(name)};
    struct message m;

    if (!about.ifi_index)
        return -ENODEV;
    begin(&m, RTM_DELLINK, NLM_F_ACK, &about, sizeof(about));
    return ask(&m, NULL, NULL);
}

int link_set(const char *name, const struct link_change *change)
{
    struct ifinfomsg about = {.ifi_index = (int)link_index(name)};
    struct message m;

    if (!about.ifi_index)
        return -ENODEV;
    if (change->up)
        about.ifi_flags = about.ifi_change = IFF_UP;
    begin(&m, RTM_NEWLINK, NLM_F_ACK, &about, sizeof(about));
    if (change->mac)
        attribute(&m, IFLA_ADDRESS, change->mac, 6);
    if (change->mtu)
        attribute(&m, IFLA_MTU, &change->mtu, sizeof(change->mtu));
    if (change->quiet) {
        const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
        struct rtattr *families = open_nest(&m, IFLA_AF_SPEC);
        struct rtattr *v6 = open_nest(&m, AF_INET6);

        attribute(&m, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
        close_nest(&m, v6);
        close_nest(&m, families);
    }
    if (change->master) {
        unsigned master = link_index(change->master);

        if (!master)
            return -ENODEV;
        attribute(&m, IFLA_MASTER, &master, sizeof(master));
    }
    return ask(&m, NULL, NULL);
}

int link_add_address(const char *name, const uint8_t address[4], unsigned bits)
{
    struct ifaddrmsg about = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)bits, .ifa_index = link_index(name)};
    uint32_t broadcast;
    struct message m;
    int status;

    if (!about.ifa_index)
        return -ENODEV;
    memcpy(&broadcast, address, sizeof(broadcast));
    broadcast |= __builtin_bswap32(bits < 32 ? UINT32_MAX >> bits : 0);
    begin(&m, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &about, sizeof(about));
    attribute(&m, IFA_LOCAL, address, 4);
    attribute(&m, IFA_ADDRESS, address, 4);
    attribute(&m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    status = ask(&m, NULL, NULL);
    return status == -EEXIST ? 0 : status;
}

/* ---- routes */

struct looking {
    void (*see)(void *ctx, const uint8_t prefix[4], unsigned bits, unsigned index);
    void *ctx;
};

static void see_route(void *ctx, const struct nlmsghdr *h)
{
    const struct looking *l = ctx;
    const struct rtmsg *route = NLMSG_DATA(h);
    unsigned left = (unsigned)RTM_PAYLOAD(h), index = 0;
    uint8_t prefix[4] = {0};

    if (h->nlmsg_type != RTM_NEWROUTE || route->rtm_family != AF_INET ||
        route->rtm_type == RTN_BROADCAST || route->rtm_type == RTN_MULTICAST)
        return;
    for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == RTA_DST && RTA_PAYLOAD(a) >= 4)
            memcpy(prefix, RTA_DATA(a), 4);
        if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= 4)
            memcpy(&index, RTA_DATA(a), 4);
    }
    l->see(l->ctx, prefix, route->rtm_dst_len, index);
}

int link_each_route(void (*see)(void *ctx, const uint8_t prefix[4], unsigned bits, unsigned index),
                    void *ctx)
{
    struct looking l = {see, ctx};
    struct rtmsg about = {.rtm_family = AF_INET};
    struct message m;

    begin(&m, RTM_GETROUTE, NLM_F_DUMP, &about, sizeof(about));
    return ask(&m, see_route, &l);
}
