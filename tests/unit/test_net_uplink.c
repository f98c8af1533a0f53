/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/uplink.c xenbus/backend/link.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
/* In a network namespace of its own, on the kernel of this machine: an uplink is a TAP on the
 * bridge that was named, up, with the bridge's MTU; frames go through it both ways behind their
 * header; a second one of the same name is refused, and when the first is closed nothing is left.
 * Routes and bridges are as netlink was told. A script gets what Xen's scripts read.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backend/link.h"
#include "netback/uplink.h"

static const uint8_t bridge_mac[6] = {2, 0, 0, 0, 0, 1};
static char why[UPLINK_WHY];

static int make_bridge(void **state)
{
    return link_make_bridge("br0", bridge_mac) != 0 ||
           link_set("br0", &(struct link_change){.up = true, .mtu = 1400, .quiet = true}) != 0;
}

static int remove_bridge(void **state)
{
    return link_remove("br0");
}

static void test_bridge(void **state)
{
    struct uplink_config config = {.name = "tap0", .bridge = "br0", .queues = 1};
    struct uplink uplink, twin;
    struct link_info tap, bridge;

    assert_int_equal(uplink_open(&uplink, &config, why), 0);
    assert_int_equal(link_look("tap0", &tap), 0);
    assert_int_equal(link_look("br0", &bridge), 0);
    assert_true(bridge.is_bridge && !tap.is_bridge && tap.is_up);
    assert_int_equal(tap.master, bridge.index);
    assert_int_equal(tap.mtu, 1400);
    assert_int_equal(uplink.mtu, 1400);
    assert_int_equal(uplink_open(&twin, &config, why), -EBUSY);
    assert_non_null(strstr(why, "tap0"));
    uplink_close(&uplink);
    assert_int_equal(link_look("tap0", &tap), -ENODEV);
    config.queues = UPLINK_QUEUES;
    assert_int_equal(uplink_open(&uplink, &config, why), 0);
    assert_int_equal(uplink.nr_fds, UPLINK_QUEUES);
    uplink_close(&uplink);
}

static void test_refused(void **state)
{
    struct uplink uplink;
    struct link_info info;

    assert_int_equal(
        uplink_open(&uplink, &(struct uplink_config){.name = "tap0", .bridge = "none", .queues = 1},
                    why),
        -ENODEV);
    assert_non_null(strstr(why, "none"));
    assert_int_equal(link_look("tap0", &info), -ENODEV);
    assert_int_equal(uplink_open(&uplink, &(struct uplink_config){.name = "a/b", .queues = 1}, why),
                     -EINVAL);
    assert_int_equal(
        uplink_open(&uplink, &(struct uplink_config){.name = "sixteen-letters-", .queues = 1}, why),
        -EINVAL);
    assert_int_equal(
        uplink_open(&uplink, &(struct uplink_config){.name = "tap0", .queues = 0}, why), -EINVAL);
    assert_int_equal(link_make_bridge("br0", bridge_mac), -EEXIST);
    assert_int_equal(link_remove("none"), -ENODEV);
}

/* What one TAP says comes out of the other, through the bridge. */
static void test_frames(void **state)
{
    struct uplink_config left = {.name = "left", .bridge = "br0", .queues = 1};
    struct uplink_config right = {.name = "right", .bridge = "br0", .queues = 1};
    uint8_t frame[UPLINK_HEADER + 60] = {[UPLINK_HEADER] = 0xff,
                                         0xff,
                                         0xff,
                                         0xff,
                                         0xff,
                                         0xff,
                                         0,
                                         0x16,
                                         0x3e,
                                         1,
                                         2,
                                         3,
                                         0x88,
                                         0xb5,
                                         'h',
                                         'i'};
    uint8_t got[2048];
    struct uplink a, b;
    struct pollfd wait;

    assert_int_equal(uplink_open(&a, &left, why), 0);
    assert_int_equal(uplink_open(&b, &right, why), 0);
    assert_int_equal(write(a.fds[0], frame, sizeof(frame)), sizeof(frame));
    wait = (struct pollfd){.fd = b.fds[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(read(b.fds[0], got, sizeof(got)), sizeof(frame));
    assert_memory_equal(got, frame, sizeof(frame));
    assert_int_equal(read(a.fds[0], got, sizeof(got)),
                     -1); /* non-blocking, and not heard by who said it */
    assert_int_equal(errno, EAGAIN);
    uplink_close(&a);
    uplink_close(&b);
}

struct seen {
    unsigned nr;
    uint8_t prefix[4];
    unsigned bits;
};

static void see(void *ctx, const uint8_t prefix[4], unsigned bits, unsigned index)
{
    struct seen *seen = ctx;

    seen->nr++;
    if (memcmp(prefix, seen->prefix, 4) == 0 && index == if_nametoindex("br0"))
        seen->bits = bits;
}

static void test_routes(void **state)
{
    struct seen seen = {.prefix = {10, 20, 30, 0}};

    assert_int_equal(link_add_address("br0", (const uint8_t[]){10, 20, 30, 1}, 24), 0);
    assert_int_equal(link_add_address("br0", (const uint8_t[]){10, 20, 30, 1}, 24),
                     0); /* as before */
    assert_int_equal(link_each_route(see, &seen), 0);
    assert_int_equal(seen.bits, 24);
    assert_true(seen.nr >= 2); /* the subnet, and dom0 itself */
}

static void test_script(void **state)
{
    char script[] = "/tmp/pavis-uplink-XXXXXX", out[sizeof(script) + 8], line[256];
    struct uplink_config config = {
        .name = "tap0", .bridge = "br0", .queues = 1, .script = script, .path = "/b/1/0"};
    FILE *file = fdopen(mkstemp(script), "w");
    struct uplink uplink;
    struct link_info tap;

    assert_non_null(file);
    snprintf(out, sizeof(out), "%s.out", script);
    fprintf(file, "#!/bin/sh\necho $1 $2 $vif $INTERFACE $XENBUS_PATH $bridge $XENBUS_TYPE >>%s\n",
            out);
    fchmod(fileno(file), 0700);
    fclose(file);
    assert_int_equal(uplink_open(&uplink, &config, why), 0);
    link_look("tap0", &tap);
    assert_int_equal(tap.master, 0); /* that is the script's matter */
    uplink_close(&uplink);
    file = fopen(out, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    assert_string_equal(line, "add type_if=tap tap0 tap0 /b/1/0 br0 vif\n");
    assert_non_null(fgets(line, sizeof(line), file));
    assert_string_equal(line, "remove type_if=tap tap0 tap0 /b/1/0 br0 vif\n");
    fclose(file);
    file = fopen(script, "w");
    fprintf(file, "#!/bin/sh\nexit 3\n");
    fclose(file);
    assert_int_equal(uplink_open(&uplink, &config, why), -EIO);
    assert_non_null(strstr(why, "status 3"));
    assert_int_equal(link_look("tap0", &tap), -ENODEV);
    unlink(script);
    unlink(out);
}

/* The bridge goes and comes while the uplink stays. */
static void test_mend(void **state)
{
    struct uplink_config config = {.name = "tap0", .bridge = "br1", .queues = 1};
    struct link_info tap, bridge;
    struct uplink uplink;

    assert_int_equal(link_make_bridge("br1", bridge_mac), 0);
    assert_int_equal(uplink_open(&uplink, &config, why), 0);
    assert_int_equal(uplink_mend(&uplink, why), 0);
    assert_int_equal(link_remove("br1"), 0);
    assert_int_equal(uplink_mend(&uplink, why), -ENODEV);
    assert_int_equal(link_make_bridge("br1", bridge_mac), 0);
    assert_int_equal(uplink_mend(&uplink, why), 0);
    link_look("tap0", &tap);
    link_look("br1", &bridge);
    assert_int_equal(tap.master, bridge.index);
    uplink_close(&uplink);
    assert_int_equal(link_remove("br1"), 0);
}

/* Open vSwitch is what its program says; one that knows a single bridge and writes down what it is
 * told. */
static void test_ovs(void **state)
{
    char folder[] = "/tmp/pavis-uplink-XXXXXX", path[64], line[256], *old = strdup(getenv("PATH"));
    struct uplink_config config = {.name = "tap0", .bridge = "ovs0", .queues = 1};
    struct uplink uplink;
    FILE *file;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/ovs-vsctl", folder);
    file = fopen(path, "w");
    fprintf(file, "#!/bin/sh\necho $* >>%s/out\n[ $2 != br-exists ] || [ $3 = ovs0 ]\n", folder);
    fchmod(fileno(file), 0700);
    fclose(file);
    snprintf(line, sizeof(line), "%s:%s", folder, old);
    setenv("PATH", line, 1);
    assert_int_equal(uplink_open(&uplink, &config, why), 0);
    assert_true(uplink.is_ovs);
    uplink_close(&uplink);
    config.bridge = "ovs1";
    assert_int_equal(uplink_open(&uplink, &config, why), -ENODEV);
    setenv("PATH", old, 1);
    free(old);
    snprintf(path, sizeof(path), "%s/out", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    static const char *const said[] = {"br-exists ovs0", "--may-exist add-port ovs0 tap0",
                                       "--if-exists del-port tap0", "br-exists ovs1"};
    for (unsigned i = 0; i < 4; i++) {
        assert_non_null(fgets(line, sizeof(line), file));
        line[strcspn(line, "\n")] = 0;
        assert_string_equal(line + strlen("--timeout=5 "), said[i]);
    }
    fclose(file);
    unlink(path);
    snprintf(path, sizeof(path), "%s/ovs-vsctl", folder);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bridge), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_frames), cmocka_unit_test(test_routes),
        cmocka_unit_test(test_script), cmocka_unit_test(test_mend),
        cmocka_unit_test(test_ovs),
    };

    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0 ||
        access("/dev/net/tun", R_OK | W_OK) != 0) {
        printf("no network namespace or no /dev/net/tun for this user: %s\n", strerror(errno));
        return 77;
    }
    return cmocka_run_group_tests(tests, make_bridge, remove_bridge);
}
