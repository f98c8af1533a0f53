# build/tests/unpack_static: the hypervisor's decompressors as a program of their own (unpack_static.c).
# Linked above 4 GiB, and with -z defs by nature of a static link: an absolute 32-bit relocation or a
# symbol that only a C library has would fail here as in the hypervisor.
include hypervisor/boot/libs.mk

UNPACK_STATIC := $B/tests/unpack_static

$B/tests/unpack_static.o: tests/boot/unpack_static.c
	@mkdir -p $(@D)
	@$(CC) $(HV_CFLAGS) -c $< -o $@

$(UNPACK_STATIC): $B/tests/unpack_static.o $(HV_BOOT_LIBS_OBJ) \
                $(addprefix $B/hypervisor/,dom0/image.o dom0/image_notes.o lib/string.o lib/format.o)
	@echo "  LD      $@"
	@$(LD) -static -z noexecstack -Ttext-segment=0x7d0040000000 $^ -o $@

.PHONY: unpack-check
unpack-check: $(UNPACK_STATIC)
	@tests/boot/unpack.sh $(UNPACK_STATIC) $B/tests/unpack

# The boot options, printed from the table that the hypervisor parses them with.
$B/tests/options: tests/boot/options.c $(addprefix hypervisor/,boot/cmdline.c dom0/dom0_mem.c lib/string.c)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 $(WARN) -DPAVIS_HOST_TEST -Ihypervisor $^ -o $@

.PHONY: options
options: $B/tests/options ## print the hypervisor's boot options
	@$<
