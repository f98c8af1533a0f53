# libxenstore: shared, static, its headers and its pkg-config file, under build/root as installed.
XS_C := $(sort $(wildcard xenbus/xs/*.c))
XS_OBJ := $(XS_C:%.c=$B/%.o) $B/xenbus/xs/wire.o
XS_CFLAGS := $(filter-out -fPIE,$(USER_CFLAGS)) -fPIC -fvisibility=hidden -Ixenbus
ROOT_LIB := $B/root/usr/lib/x86_64-linux-gnu
ROOT_INCLUDE := $B/root/usr/include
XS_PARTS := $(addprefix $(ROOT_LIB)/,libxenstore.so.4.0 libxenstore.so.4 libxenstore.so libxenstore.a \
        pkgconfig/xenstore.pc) $(ROOT_INCLUDE)/xenstore.h $(ROOT_INCLUDE)/xenstore_lib.h

$B/xenbus/xs/%.o: xenbus/xs/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(XS_CFLAGS) -c $< -o $@

$B/xenbus/xs/wire.o: xenbus/wire.c
	@mkdir -p $(@D)
	@$(CC) $(XS_CFLAGS) -c $< -o $@

$(ROOT_LIB)/libxenstore.so.4.0: $(XS_OBJ) xenbus/xs/libxenstore.map
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) -shared -Wl,-soname,libxenstore.so.4 -Wl,--version-script=xenbus/xs/libxenstore.map \
	    -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,defs $(XS_OBJ) -o $@

# Relative links, so that the tree can be moved.
$(ROOT_LIB)/libxenstore.so.4 $(ROOT_LIB)/libxenstore.so: $(ROOT_LIB)/libxenstore.so.4.0
	@ln -sf libxenstore.so.4.0 $@

$(ROOT_LIB)/libxenstore.a: $(XS_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $(XS_OBJ)

$(ROOT_LIB)/pkgconfig/%.pc: xenbus/xs/%.pc
	@install -D -m 644 $< $@

$(ROOT_INCLUDE)/%.h: xenbus/xs/%.h
	@install -D -m 644 $< $@

.PHONY: libxenstore
all: libxenstore
libxenstore: $(XS_PARTS)

-include $(XS_OBJ:.o=.d)
