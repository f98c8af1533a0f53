# How the hypervisor's objects become the images that a loader takes.  Included by the top Makefile.
#
#   build/pavis-hv-syms   ELF64 at its run address, with debug information: for gdb, objdump, addr2line
#   build/pavis-hv        the same bytes as ELF32, which is what a Multiboot 1 loader accepts
#   build/pavis-hv.gz     compressed, as installed in /boot
#
# The image holds a table of its own symbols.  It is made from a first link with an empty table; as
# the table is the last thing that is not code, filling it moves no function, which is checked.

include hypervisor/boot/libs.mk
HV_LINK := $(HV_OBJ) $(HV_BOOT_LIBS_OBJ)

HV_LDS := $B/hypervisor/hypervisor.lds
HV_SYMS := $B/pavis-hv-syms
HV_LDFLAGS := -m elf_x86_64 -nostdlib -static --gc-sections -z noexecstack -z max-page-size=4096 \
        --no-warn-rwx-segments --orphan-handling=warn --build-id=sha1 -T $(HV_LDS)

.PHONY: hypervisor
hypervisor: $B/pavis-hv $B/pavis-hv.gz

$(HV_LDS): hypervisor/boot/hypervisor.lds.S hypervisor/mem/layout.h
	@mkdir -p $(@D)
	@$(CC) -E -P -D__ASSEMBLY__ -Ihypervisor -x assembler-with-cpp $< -o $@

$B/hypervisor/symtab0.o: hypervisor/debug/gen-symtab
	@mkdir -p $(@D)
	@hypervisor/debug/gen-symtab </dev/null | $(CC) -c -x assembler - -o $@

# hv_image NAME,OBJECTS,FLAGS: how build/NAME, and build/NAME-syms before it, are made; of the hypervisor's objects
# and these more, linked with these flags more.  The product has neither; tests/inject/rules.mk has a use for them.
# The wrapper's entry and load address are the first link's machine addresses.
hv_symbol = $$((0x$$($(NM) $(1) | awk '$$3 == "$(2)" {print $$1}')))
define hv_image
$B/$(1).pass1: $(HV_LINK) $(2) $B/hypervisor/symtab0.o $(HV_LDS)
	@echo "  LD      $$@"
	@$(LD) $(HV_LDFLAGS) $(3) $(HV_LINK) $(2) $B/hypervisor/symtab0.o -o $$@

$B/$(1).symtab.o: $B/$(1).pass1 hypervisor/debug/gen-symtab
	@$(NM) -n $$< | hypervisor/debug/gen-symtab | $(CC) -c -x assembler - -o $$@

$B/$(1)-syms: $B/$(1).pass1 $B/$(1).symtab.o
	@echo "  LD      $$@"
	@$(LD) $(HV_LDFLAGS) $(3) $(HV_LINK) $(2) $B/$(1).symtab.o -o $$@
	@cmp <($(NM) $$< | grep ' [tT] ' | grep -v '_end$$$$') <($(NM) $$@ | grep ' [tT] ' | grep -v '_end$$$$') \
	    || { echo "the symbol table moved code: see hypervisor/link.mk" >&2; rm -f $$@; exit 1; }

$B/$(1): $B/$(1)-syms hypervisor/boot/wrap/wrap.S hypervisor/boot/wrap/wrap.lds
	@echo "  WRAP    $$@"
	@$(OBJCOPY) -O binary $$< $$@.bin
	@size=$$$$(stat -c %s $$@.bin); mem=$$(call hv_symbol,$$<,image_memory_size); \
	entry=$$$$(($$(call hv_symbol,$$<,start32) - 0xffff82d040000000 + 0x200000)); \
	$(CC) -m32 -c -DIMAGE_FILE="\"$$@.bin\"" -DIMAGE_BSS_SIZE=$$$$((mem - size)) \
	    hypervisor/boot/wrap/wrap.S -o $$@.wrap.o && \
	$(LD) -m elf_i386 -nostdlib -z max-page-size=4096 -T hypervisor/boot/wrap/wrap.lds \
	    -e $$$$entry --build-id=none --no-warn-rwx-segments $$@.wrap.o -o $$@
endef
$(eval $(call hv_image,pavis-hv,,))

$B/pavis-hv.gz: $B/pavis-hv
	@gzip -9 -n -c $< > $@
