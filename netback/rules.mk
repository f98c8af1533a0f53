# netback/: the network back end.
NETBACK_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard netback/*.c)))
NETBACK_CFLAGS := $(USER_CFLAGS) -I. -Ixenbus
USER_H += $(sort $(wildcard netback/*.h netback/*.def))

$B/netback/%.o: netback/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(NETBACK_CFLAGS) -c $< -o $@

$B/lint/netback/%.tidy: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(NETBACK_CFLAGS))

.PHONY: netback
netback: $(NETBACK_OBJ)
all: netback

-include $(NETBACK_OBJ:.o=.d)
