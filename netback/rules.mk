# netback/: the network back end, build/root/usr/sbin/netback.
NETBACK_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard netback/*.c)))
NETBACK_CFLAGS := $(USER_CFLAGS) -I. -Ixenbus
USER_H += $(sort $(wildcard netback/*.h netback/*.def))

$B/netback/%.o: netback/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(NETBACK_CFLAGS) -c $< -o $@

$B/lint/netback/%: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(NETBACK_CFLAGS))

$B/root/usr/sbin/netback: $(NETBACK_OBJ) $(BACKEND_OBJ) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $^ -Wl,-Bstatic -lseccomp -Wl,-Bdynamic -lpthread -o $@

$B/root/usr/share/man/man8/netback.8: netback/netback.8
	@install -D -m 644 $< $@

.PHONY: netback
netback: $B/root/usr/sbin/netback $B/root/usr/share/man/man8/netback.8 ## Build the network back end: build/root/usr/sbin/netback
all: netback

-include $(NETBACK_OBJ:.o=.d)
