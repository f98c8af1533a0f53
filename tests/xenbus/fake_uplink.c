// SPDX-License-Identifier: GPL-2.0-only
/* A way out without a TAP (netback/uplink.h): datagrams of a Unix socket, $FAKE_GUEST/uplink-back,
 * to and from $FAKE_GUEST/uplink-host, each a frame behind its header.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "netback/uplink.h"

static struct sockaddr_un address(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", getenv("FAKE_GUEST"), name);
    return at;
}

int uplink_open(struct uplink *uplink, const struct uplink_config *config, char why[UPLINK_WHY])
{
    struct sockaddr_un own = address("uplink-back");
    struct sockaddr_un other = address("uplink-host");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)config;
    unlink(own.sun_path);
    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
        connect(fd, (struct sockaddr *)&other, sizeof(other)) != 0) {
        snprintf(why, UPLINK_WHY, "%s: %s", other.sun_path, strerror(errno));
        return -errno;
    }
    uplink->nr_fds = 1;
    uplink->fds[0] = fd;
    return 0;
}

void uplink_close(struct uplink *uplink)
{
    struct sockaddr_un own = address("uplink-back");
    close(uplink->fds[0]);
    unlink(own.sun_path);
}

int uplink_offloads(const struct uplink *uplink, unsigned flags)
{
    (void)uplink;
    (void)flags;
    return 0;
}

int uplink_mend(struct uplink *uplink, char why[UPLINK_WHY])
{
    (void)uplink;
    (void)why;
    return 0;
}
