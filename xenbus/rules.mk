# xenbus/: the store daemon and what speaks to it, for user space, installed under build/root.
# The client library and the utilities have rules of their own in xenbus/*/rules.mk.
USER_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wextra -D_GNU_SOURCE -fstack-protector-strong \
        -D_FORTIFY_SOURCE=2 -fPIE -Ihypervisor -MMD -MP
USER_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
USER_H := $(sort $(wildcard xenbus/*.h xenbus/*/*.h))

$B/xenbus/%.o: xenbus/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(USER_CFLAGS) -c $< -o $@

# For the verbs of the top Makefile: user-space flags instead of the hypervisor's.
$B/lint/xenbus/%: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(USER_CFLAGS)) -Ixenbus

XENSTORED_C := xenbus/wire.c $(sort $(wildcard xenbus/store/*.c xenbus/xenstored/*.c))
XENSTORED_OBJ := $(XENSTORED_C:%.c=$B/%.o)
XENSTORED := $B/root/usr/sbin/xenstored

.PHONY: xenbus
all: xenbus
xenbus: $(XENSTORED) ## Build the store: build/root/usr/sbin/xenstored

$(XENSTORED): $(XENSTORED_OBJ)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $^ -o $@

-include $(XENSTORED_OBJ:.o=.d)
include $(wildcard xenbus/*/rules.mk)
