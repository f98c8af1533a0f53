# Tiny PV kernels: every tests/guests/<family>.c becomes build/guests/<family>.elf, a kernel that runs as
# dom0 (or as a guest) of anything that speaks the Xen ABI.  `make guests` builds them all.
GUEST_FAMILIES := $(patsubst tests/guests/%.c,%,$(wildcard tests/guests/*.c))
GUEST_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-pic -no-pie -mcmodel=kernel -mno-red-zone \
        -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
        -fwrapv -fcf-protection=none -fno-jump-tables -Ihypervisor -Itests/guests/lib -Itests \
        -Itests/guests -MMD -MP
GUEST_LIB := $(patsubst tests/guests/lib/%.c,$B/guests/lib/%.o,$(wildcard tests/guests/lib/*.c))

.PHONY: guests
guests: $(GUEST_FAMILIES:%=$B/guests/%.elf)

$B/guests/%.o: tests/guests/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(GUEST_CFLAGS) -c $< -o $@

# Only `basic` asks for a hypercall page: today's Linux does not, older kernels do.
$B/guests/start-%.o: tests/guests/lib/start.S
	@mkdir -p $(@D)
	@$(CC) $(GUEST_CFLAGS) -D__ASSEMBLY__ $(if $(filter basic,$*),-DWITH_HYPERCALL_PAGE) -c $< -o $@

# The two fuzzers share their table of calls.
FUZZ_GUEST := $(patsubst tests/guests/fuzzer/%.c,$B/guests/fuzzer/%.o,$(wildcard tests/guests/fuzzer/*.c))
$(patsubst %,$B/guests/%.elf,$(filter fuzz%,$(GUEST_FAMILIES))): $(FUZZ_GUEST)

$B/guests/%.elf: $B/guests/start-%.o $B/guests/%.o $(GUEST_LIB) tests/guests/lib/guest.lds
	@echo "  LD      $@"
	@$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	    -T tests/guests/lib/guest.lds $(filter %.o,$^) -o $@

# A family of several files has a folder of its name.
$B/guests/inject.elf: $(patsubst tests/%.c,$B/%.o,$(wildcard tests/guests/inject/*.c))
$B/guests/domains.elf: $(patsubst tests/%.c,$B/%.o,$(wildcard tests/guests/domains/*.c))

.PRECIOUS: $B/guests/%.o $B/guests/start-%.o
-include $(wildcard $B/guests/*.d $B/guests/*/*.d)
