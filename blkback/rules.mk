# blkback/: the disk back end, build/root/usr/sbin/blkback.
BLKBACK_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard blkback/*.c)))
BLKBACK_CFLAGS := $(USER_CFLAGS) -I. -Ixenbus
USER_H += $(sort $(wildcard blkback/*.h))

$B/blkback/%.o: blkback/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(BLKBACK_CFLAGS) -c $< -o $@

$B/lint/blkback/%: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(BLKBACK_CFLAGS))

# Its libraries statically: a worker starts fast, and dom0 needs no more packages.
$B/root/usr/sbin/blkback: $(BLKBACK_OBJ) $(BACKEND_OBJ) $(ROOT_LIB)/libxenstore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $^ -Wl,-Bstatic -luring -lseccomp -Wl,-Bdynamic -lpthread -o $@

$B/root/usr/share/man/man8/blkback.8: blkback/blkback.8
	@install -D -m 644 $< $@

.PHONY: blkback
blkback: $B/root/usr/sbin/blkback $B/root/usr/share/man/man8/blkback.8 ## Build the disk back end: build/root/usr/sbin/blkback
all: blkback

-include $(BLKBACK_OBJ:.o=.d)
