# What the tests of xenbus/ need beside the product: Debian's programs to compare with, and the library
# under the sanitizer of data races.
XENBUS_TESTS := $B/tests/xenless.so $B/tests/xenstore-probe $B/tests/xenstore-restrict \
        $B/unit/test_xs_threads $B/tests/xenstored $B/tests/xenstore-peer.so $B/tests/xenstore-steps \
        $B/tests/xenstored-sanitized $B/tests/blkback $B/tests/blk_kill $B/tests/blk_hostile $B/tests/blk_errors $B/tests/jail_probe \
        $B/tests/netback $B/tests/net_kill $B/tests/net_hostile $B/tests/broker_probe

$B/tests/xenless.so: tests/xenbus/xenless.c
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 $(WARN) -D_GNU_SOURCE -shared -fPIC -Wno-missing-prototypes $< -o $@

$B/tests/xenstore-probe: tests/xenbus/probe.c $(XS_PARTS)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 $(WARN) -Ixenbus/xs $< -L$B/root/usr/lib/x86_64-linux-gnu -lxenstore -o $@

$B/tests/xenstore-restrict: tests/xenbus/restrict.c $(XS_PARTS)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 $(WARN) -Ixenbus/xs $< -L$B/root/usr/lib/x86_64-linux-gnu -lxenstore \
	    -lxentoolcore -o $@

# The same file as a unit test's, but ASan and TSan exclude each other.
$B/unit/test_xs_threads: tests/xenbus/threads.c tests/unit/fake_store.h $(XS_C) xenbus/wire.c \
        $(wildcard xenbus/*.h xenbus/xs/*.h)
	@mkdir -p $(@D)
	@echo "  UNIT    $@"
	@$(CC) -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -fsanitize=thread -Ihypervisor -Ixenbus -Itests/unit \
	    $(filter %.c,$^) -o $@ -lcmocka

# Our daemon on the host: as it is, but for the file that speaks to /dev/xen; and what gives Debian's the same
# world without a hypervisor (fake_world.h).
$B/tests/xenstored: $(filter-out %/xen.o,$(XENSTORED_OBJ)) tests/xenbus/fake_xen.c tests/xenbus/fake_world.c \
        tests/xenbus/fake_world.h
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(USER_LDFLAGS) $(filter %.o %.c,$^) -o $@

$B/tests/xenstored-sanitized: $(filter-out %/xen.c,$(XENSTORED_C)) tests/xenbus/fake_xen.c \
        tests/xenbus/fake_world.c tests/xenbus/fake_world.h $(USER_H)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(filter-out -MMD -MP -D_FORTIFY_SOURCE=2 -O2,$(USER_CFLAGS)) -O1 -fsanitize=address,undefined \
	    -fno-sanitize-recover=all -pie $(filter %.c,$^) -o $@

$B/tests/xenstore-peer.so: tests/xenbus/peer.c tests/xenbus/fake_world.c tests/xenbus/fake_world.h
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE -shared -fPIC \
	    $(filter %.c,$^) -o $@

# Counts the daemon's instructions, or ends it at a chosen system call.
$B/tests/xenstore-steps: tests/xenbus/steps.c
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O2 $(WARN) -D_GNU_SOURCE $< -o $@

# blkback under sanitizers with a guest in ordinary memory, and its guests.
BLK_TEST_CFLAGS := -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -fsanitize=address,undefined -Ihypervisor -I. -Ixenbus \
        -Itests/xenbus
BLK_TEST_H := $(wildcard blkback/*.h xenbus/backend/*.h tests/xenbus/*.h)
$B/tests/blkback: $(wildcard blkback/*.c) $(filter-out %/gate.c,$(wildcard xenbus/backend/*.c)) \
        tests/xenbus/fake_gate.c $(BLK_TEST_H) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(BLK_TEST_CFLAGS) $(filter %.c %.a,$^) -o $@ -l:liburing.a -lseccomp -lpthread

$B/tests/blk_%: tests/xenbus/blk_%.c tests/xenbus/blkfront.c blkback/ring.c xenbus/backend/node.c $(BLK_TEST_H) \
        $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@$(CC) $(BLK_TEST_CFLAGS) $(filter %.c %.a,$^) -o $@ -lpthread

$B/tests/jail_probe: tests/xenbus/jail_probe.c blkback/engine.c $(BACKEND_OBJ) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -Ihypervisor -I. -Ixenbus $^ -o $@ -l:liburing.a -lseccomp -lpthread

$B/tests/broker_probe: tests/xenbus/broker_probe.c $(filter-out %/gate.c,$(wildcard xenbus/backend/*.c)) \
        tests/xenbus/fake_gate.c $(BLK_TEST_H) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@$(CC) $(BLK_TEST_CFLAGS) $(filter %.c %.a,$^) -o $@ -lseccomp -lpthread

# pavis' own networks, without guests.
$B/tests/net_card: tests/xenbus/net_card.c $(wildcard dom0-tools/network/*.[ch] dom0-tools/lib/*.h) xenbus/backend/link.c \
        dom0-tools/lib/problem.c $(LIBPAVIS) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -fsanitize=address,undefined -Ihypervisor -Ixenbus -Idom0-tools \
	    $< $(wildcard dom0-tools/network/*.c) xenbus/backend/link.c dom0-tools/lib/problem.c $(LIBPAVIS) $(ROOT_LIB)/libxenstore.a -o $@
XENBUS_TESTS += $B/tests/net_card
# The same for netback, with a socket as its way out.
NET_TEST_H := $(wildcard netback/*.h netback/*.def)
$B/tests/netback: $(filter-out %/uplink.c,$(wildcard netback/*.c)) \
        $(filter-out %/gate.c %/link.c,$(wildcard xenbus/backend/*.c)) tests/xenbus/fake_gate.c tests/xenbus/fake_uplink.c \
        $(BLK_TEST_H) $(NET_TEST_H) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(BLK_TEST_CFLAGS) $(filter %.c %.a,$^) -o $@ -lseccomp -lpthread

$B/tests/net_%: tests/xenbus/net_%.c tests/xenbus/netfront.c netback/counts.c netback/frame.c xenbus/backend/node.c $(BLK_TEST_H) $(NET_TEST_H) \
        $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@$(CC) $(BLK_TEST_CFLAGS) $(filter %.c %.a,$^) -o $@ -lpthread

.PHONY: xenbus-tests
xenbus-tests: libxenstore xenstore-tools $(XENBUS_TESTS)
unit: xenbus-tests
