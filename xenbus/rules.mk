# xenbus/: the store daemon and what speaks to it, for user space, installed under build/root.
# The client library and the utilities have rules of their own in xenbus/*/rules.mk.
USER_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wextra -Wno-unused-parameter -D_GNU_SOURCE -fstack-protector-strong \
        -D_FORTIFY_SOURCE=2 -fPIE -Ihypervisor -MMD -MP
USER_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
USER_H := $(sort $(wildcard xenbus/*.h xenbus/*/*.h))

$B/xenbus/%.o: xenbus/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(USER_CFLAGS) -c $< -o $@

# For the verbs of the top Makefile: user-space flags instead of the hypervisor's.
$B/lint/xenbus/%.tidy: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(USER_CFLAGS)) -Ixenbus

XENSTORED_C := xenbus/wire.c $(sort $(wildcard xenbus/store/*.c xenbus/xenstored/*.c))
XENSTORED_OBJ := $(XENSTORED_C:%.c=$B/%.o)
XENSTORED := $B/root/usr/sbin/xenstored

.PHONY: xenbus
xenbus: $(XENSTORED) ## Build the store: build/root/usr/sbin/xenstored

$(XENSTORED): $(XENSTORED_OBJ)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $^ -o $@

# For tests on the host: the same, but for the file that speaks to /dev/xen; and Debian's xenstored as
# its peer, with a library preloaded that gives it the same world (tests/xenstore/fake_world.h).
XENSTORE_TESTS := $B/tests/xenstored $B/tests/xenstore-peer.so
$B/tests/xenstored: $(filter-out %/xen.o,$(XENSTORED_OBJ)) tests/xenstore/fake_xen.c tests/xenstore/fake_world.c
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(USER_LDFLAGS) $(filter %.o %.c,$^) -o $@

$B/tests/xenstore-peer.so: tests/xenstore/peer.c tests/xenstore/fake_world.c tests/xenstore/fake_world.h
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE -shared -fPIC $(filter %.c,$^) -o $@

$B/lint/xenbus/%.tidy: TIDY_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(filter -W%,$(USER_CFLAGS)) -Ihypervisor

-include $(XENSTORED_OBJ:.o=.d)
include $(wildcard xenbus/*/rules.mk)
