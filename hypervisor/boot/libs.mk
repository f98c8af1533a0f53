# The boot-only decompressors: Debian's static archives, linked into the hypervisor without a C library.
#
# unpack*.o (our calls), unpack_libs.o (what the archives expect of a C library) and the archive
# members they need become one object, unpack_all.o:
#   1. ld -r with unpack_libs.lds: everything in .boot.text/.boot.rodata/.boot.data/.boot.bss, unwind
#      tables dropped, unused sections too;
#   2. objcopy: every symbol but the entry points becomes local, so that the archives' memcpy, inflate
#      and so on neither clash with the hypervisor's names nor can be called by it.
# What stays undefined is checked below against a list: a library update that wants something new
# fails the build by name instead of at the final link or, worse, at boot.
# The archives are position-independent code (PC-relative and 64-bit absolute relocations only), so
# the object links at any fixed address.
# Included by hypervisor/link.mk, which links $(HV_BOOT_LIBS_OBJ) in place of its parts, and by
# tests/boot/rules.mk, which makes a program of it; the guard is for that.
ifndef HV_BOOT_LIBS_OBJ

UNPACK_ARCHIVES := $(shell for a in lzma z lz4 zstd; do $(CC) -print-file-name=lib$$a.a 2>/dev/null; done)
UNPACK_PARTS := $(addprefix $B/hypervisor/,dom0/unpack.o dom0/unpack_xz.o dom0/bcj_x86.o \
        boot/unpack_libs.o)
HV_BOOT_LIBS_OBJ := $B/hypervisor/boot/unpack_all.o
UNPACK_EXPORTS := unpack unpack_size unpack_libs_init
UNPACK_IMPORTS := panic

HV_OBJ := $(filter-out $(UNPACK_PARTS),$(HV_OBJ))

# The stand-in copy routines may use SSE, and must not be compiled into calls of themselves.
$B/hypervisor/boot/unpack_libs.o: HV_CFLAGS := $(filter-out -mgeneral-regs-only,$(HV_CFLAGS)) \
        -fno-tree-loop-distribute-patterns

$(HV_BOOT_LIBS_OBJ): $(UNPACK_PARTS) $(UNPACK_ARCHIVES) hypervisor/boot/unpack_libs.lds \
                hypervisor/boot/libs.mk
	@echo "  LD -r   $@"
	@$(LD) -r --gc-sections $(UNPACK_EXPORTS:%=-u %) -T hypervisor/boot/unpack_libs.lds \
	        -o $@.tmp $(UNPACK_PARTS) --start-group $(UNPACK_ARCHIVES) --end-group
	@$(OBJCOPY) $(UNPACK_EXPORTS:%=--keep-global-symbol=%) $@.tmp $@
	@rm $@.tmp
	@alien=$$($(NM) -u $@ | awk '{print $$2}' | grep -vxE '$(subst $() ,|,$(UNPACK_IMPORTS) _GLOBAL_OFFSET_TABLE_)'); \
	if [ -n "$$alien" ]; then echo "unpack_all.o needs unexpected symbols:" $$alien; rm $@; exit 1; fi

-include $(UNPACK_PARTS:.o=.d)

endif
