# blkback/: the disk back end, build/root/usr/sbin/blkback.
BLKBACK_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard blkback/*.c)))
BLKBACK_CFLAGS := $(USER_CFLAGS) -I. -Ixenbus
USER_H += $(sort $(wildcard blkback/*.h))

$B/blkback/%.o: blkback/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(BLKBACK_CFLAGS) -c $< -o $@

$B/lint/blkback/%.tidy: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(BLKBACK_CFLAGS))

-include $(BLKBACK_OBJ:.o=.d)
