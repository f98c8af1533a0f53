# xenstore-*: one program with many names, and xenstore-control.
ROOT_BIN := $B/root/usr/bin
TOOLS_LIB := $B/root/usr/lib/x86_64-linux-gnu
TOOLS_CFLAGS := $(USER_CFLAGS) -Ixenbus
XENSTORE_NAMES := $(addprefix $(ROOT_BIN)/xenstore-,chmod exists list ls read rm watch write)
XENSTORE_TOOLS := $(ROOT_BIN)/xenstore $(ROOT_BIN)/xenstore-control $(XENSTORE_NAMES)
XENSTORE_MAN := $(patsubst xenbus/tools/%,$B/root/usr/share/man/man1/%,$(wildcard xenbus/tools/*.1))

$B/xenbus/tools/%.o: xenbus/tools/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(TOOLS_CFLAGS) -c $< -o $@

$(ROOT_BIN)/xenstore: $(addprefix $B/xenbus/tools/,xenstore.o ls.o chmod.o text.o)
$(ROOT_BIN)/xenstore-control: $B/xenbus/tools/control.o
$(ROOT_BIN)/xenstore $(ROOT_BIN)/xenstore-control: $(TOOLS_LIB)/libxenstore.so
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(USER_LDFLAGS) $(filter %.o,$^) -L$(TOOLS_LIB) -lxenstore -o $@

$(XENSTORE_NAMES): $(ROOT_BIN)/xenstore
	@ln -sf xenstore $@

$B/root/usr/share/man/man1/%: xenbus/tools/%
	@install -D -m 644 $< $@

.PHONY: xenstore-tools
all: xenstore-tools
xenstore-tools: $(XENSTORE_TOOLS) $(XENSTORE_MAN)

-include $(wildcard $B/xenbus/tools/*.d)
