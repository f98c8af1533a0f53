# dom0-tools/: programs of dom0: the console daemon, installed under build/root, and
#   build/pavis-trace   what xentrace has recorded, in words
.PHONY: dom0-tools
dom0-tools: xenconsoled pavis $B/pavis-trace ## Build the control domain's programs: pavis, xenconsoled, pavis-trace

CONSOLED_OBJ := $(patsubst %.c,$B/%.o,$(wildcard dom0-tools/xenconsoled/*.c))
TOOLS0_CFLAGS := $(USER_CFLAGS) -Idom0-tools -Ixenbus -I.
USER_H += $(sort $(wildcard dom0-tools/*/*.h))

$B/dom0-tools/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(TOOLS0_CFLAGS) -c $< -o $@

$B/root/usr/sbin/xenconsoled: $(CONSOLED_OBJ) $(GATE_OBJ) $B/dom0-tools/libpavis.a $(ROOT_LIB)/libxenstore.so
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $(filter %.o %.a,$^) -L$(ROOT_LIB) -lxenstore -o $@

$B/root/usr/share/man/man8/%: dom0-tools/xenconsoled/%
	@install -D -m 644 $< $@

.PHONY: xenconsoled
xenconsoled: $B/root/usr/sbin/xenconsoled $B/root/usr/share/man/man8/xenconsoled.8
all: xenconsoled

$B/lint/dom0-tools/%: TIDY_CFLAGS = $(filter-out -MMD -MP -Werror -fno-tree%,$(TOOLS0_CFLAGS))

-include $(CONSOLED_OBJ:.o=.d)

TRACE_SRC := dom0-tools/trace/pavis-trace.c hypervisor/hypercall/trace_text.c hypervisor/hypercall/call_names.c \
        hypervisor/lib/format.c
# The hypervisor's pure files compile for a host as they do for a unit test.
TRACE_CFLAGS := -std=gnu11 -O2 -g $(WARN) -fwrapv -DPAVIS_HOST_TEST -Ihypervisor
$B/lint/dom0-tools/trace/%: TIDY_CFLAGS = $(TRACE_CFLAGS)
$B/pavis-trace: $(TRACE_SRC) $(HV_H) hypervisor/hypercall/hypercalls.def
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(CC) $(TRACE_CFLAGS) $(TRACE_SRC) -o $@ -lyajl

# libpavis.a: what `pavis` and other programs of dom0 share; the command itself is linked with it, with our
# store library and with Debian's libraries as archives, since each shared library costs a start a million
# instructions on a PV kernel.
LIBPAVIS_C := $(wildcard dom0-tools/lib/*.c dom0-tools/build/*.c dom0-tools/network/*.c)
# The hypervisor's pure files compile for a host as they do for a unit test.
HOST_HV_C := $(patsubst %,hypervisor/%.c,dom0/image dom0/image_notes dom0/plan dom0/unpack dom0/unpack_xz dom0/bcj_x86 \
        lib/format)
LIBPAVIS_OBJ := $(LIBPAVIS_C:%.c=$B/%.o) $B/xenbus/backend/link.o $(HOST_HV_C:hypervisor/%.c=$B/dom0-tools/hv/%.o)
LIBPAVIS := $B/dom0-tools/libpavis.a
PAVIS_OBJ := $(patsubst %.c,$B/%.o,$(wildcard $(patsubst %,dom0-tools/%/*.c,pavis config guest run)))
PAVIS_LIBS := $(LIBPAVIS) $B/xenbus/backend/alone.o $B/blkback/counts.o $(ROOT_LIB)/libxenstore.a
PAVIS_DEBIAN_LIBS := $(patsubst %,-l:lib%.a,lzma lz4 z zstd bz2 yajl_s uuid ncursesw tinfo) -lm -pthread

$B/dom0-tools/hv/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	@echo "  CC      $< (for dom0)"
	@$(CC) $(USER_CFLAGS) -DPAVIS_HOST_TEST -fwrapv -fno-strict-aliasing -c $< -o $@

# Or gcc makes memset() of the loops that are there to avoid it (build/memory.h).
$B/dom0-tools/build/%.o: TOOLS0_CFLAGS += -fno-tree-loop-distribute-patterns

$(LIBPAVIS): $(LIBPAVIS_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$B/root/usr/sbin/pavis: $(PAVIS_OBJ) $(GATE_OBJ) $(PAVIS_LIBS)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $^ $(PAVIS_DEBIAN_LIBS) -o $@

.PHONY: pavis
pavis: $B/root/usr/sbin/pavis $B/root/usr/share/man/man1/pavis.1 $B/root/usr/share/bash-completion/completions/pavis
$B/root/usr/share/bash-completion/completions/pavis: dom0-tools/pavis/completion.bash
	@install -D -m 644 $< $@

$B/root/usr/share/man/man1/pavis.1: dom0-tools/pavis/pavis.1
	@install -D -m 644 $< $@
all: pavis

# pavis-init, the first process of `pavis run`'s guests: static, since it is alone there.
INIT_C := $(wildcard dom0-tools/init/*.c) dom0-tools/run/channel.c dom0-tools/run/job.c
INIT_OBJ := $(INIT_C:dom0-tools/%.c=$B/guest-init/%.o)
$B/guest-init/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	@echo "  CC      $< (for guests)"
	@$(CC) $(filter-out -fPIE,$(TOOLS0_CFLAGS)) -c $< -o $@

$B/root/usr/lib/pavis/pavis-init: $(INIT_OBJ)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) -static -s $^ -o $@
pavis: $B/root/usr/lib/pavis/pavis-init
-include $(INIT_OBJ:.o=.d)
-include $(LIBPAVIS_OBJ:.o=.d) $(PAVIS_OBJ:.o=.d)
