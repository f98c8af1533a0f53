# Measuring: guestbench runs in dom0 and natively, hvprofile.so inside QEMU.
.PHONY: bench bench-profile bench-io bench-blk bench-net bench-stretch bench-store bench-create
$B/bench/guestbench $B/bench/iobench $B/bench/blkbench $B/bench/netbench $B/bench/mark: $B/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -O2 -static -pthread -Wall -Wextra -Werror $< -o $@

# A tiny kernel that measures; built as those of tests/guests, with their library.
$B/bench/tinybench.o: tests/bench/tinybench.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(GUEST_CFLAGS) -c $< -o $@
$B/bench/tinybench.elf: $B/guests/start-tinybench.o $B/bench/tinybench.o tests/guests/lib/guest.lds \
        $(patsubst tests/guests/lib/%.c,$B/guests/lib/%.o,$(wildcard tests/guests/lib/*.c))
	@echo "  LD      $@"
	@$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	    -T tests/guests/lib/guest.lds $(filter %.o,$^) -o $@
-include $B/bench/tinybench.d

$B/bench/hvprofile.so $B/bench/stretch.so: $B/bench/%.so: tests/bench/%.c tests/bench/plugin.h
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -O2 -shared -fPIC -Wall -Wextra -Werror $< -o $@

bench: all $B/bench/guestbench $B/bench/mark $B/bench/tinybench.elf $B/bench/hvprofile.so
	@tests/bench/run $(BENCH)

bench-profile: all $B/bench/guestbench $B/bench/hvprofile.so
	@tests/bench/run-profile $(BENCH)

bench-io: all $B/bench/iobench $B/bench/hvprofile.so
	@tests/bench/run-io $(BENCH)

bench-blk: all $B/bench/blkbench $B/bench/hvprofile.so
	@tests/bench/run-blk $(BENCH)

bench-net: all $B/bench/netbench $B/bench/hvprofile.so
	@tests/bench/run-net $(BENCH)

bench-stretch: all guests $B/bench/stretch.so
	@tests/bench/run-stretch $(BENCH)

bench-store: xenbus-tests
	@tests/bench/run-store $(BENCH)

bench-create: all guests $B/bench/hvprofile.so $B/system/build_guest
	@tests/bench/run-create
