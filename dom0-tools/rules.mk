# dom0-tools/: programs of dom0, installed under build/root.
CONSOLED_OBJ := $(patsubst %.c,$B/%.o,$(wildcard dom0-tools/xenconsoled/*.c))
TOOLS0_CFLAGS := $(USER_CFLAGS) -Idom0-tools -Ixenbus
USER_H += $(sort $(wildcard dom0-tools/*/*.h))

$B/dom0-tools/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(TOOLS0_CFLAGS) -c $< -o $@

$B/root/usr/sbin/xenconsoled: $(CONSOLED_OBJ) $(ROOT_LIB)/libxenstore.so
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $(CONSOLED_OBJ) -L$(ROOT_LIB) -lxenstore -o $@

$B/root/usr/share/man/man8/%: dom0-tools/xenconsoled/%
	@install -D -m 644 $< $@

.PHONY: xenconsoled
xenconsoled: $B/root/usr/sbin/xenconsoled $B/root/usr/share/man/man8/xenconsoled.8
all: xenconsoled

$B/lint/dom0-tools/%.tidy: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror,$(TOOLS0_CFLAGS))

-include $(CONSOLED_OBJ:.o=.d)
