# xenstore-*: one program with many names, and xenstore-control.
ROOT_BIN := $B/root/usr/bin
TOOLS_LIB := $B/root/usr/lib/x86_64-linux-gnu
TOOLS_CFLAGS := $(USER_CFLAGS) -Ixenbus
XENSTORE_NAMES := $(addprefix $(ROOT_BIN)/xenstore-,chmod exists list ls read rm watch write)
XENSTORE_TOOLS := $(ROOT_BIN)/xenstore $(ROOT_BIN)/xenstore-control $(XENSTORE_NAMES)
ROOT_MAN := $B/root/usr/share/man/man1
XENSTORE_MAN := $(patsubst xenbus/tools/%,$(ROOT_MAN)/%,$(wildcard xenbus/tools/*.1)) \
        $(XENSTORE_NAMES:$(ROOT_BIN)/%=$(ROOT_MAN)/%.1)

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

$(ROOT_MAN)/%: xenbus/tools/%
	@install -D -m 644 $< $@

# The page of xenstore-read and so on is that of xenstore.
$(XENSTORE_NAMES:$(ROOT_BIN)/%=$(ROOT_MAN)/%.1): $(ROOT_MAN)/%.1: xenbus/tools/xenstore.1
	@mkdir -p $(@D)
	@echo '.so man1/xenstore.1' > $@

.PHONY: xenstore-tools
all: xenstore-tools
xenstore-tools: $(XENSTORE_TOOLS) $(XENSTORE_MAN)

-include $(wildcard $B/xenbus/tools/*.d)
