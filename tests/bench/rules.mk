# Measuring: guestbench runs in dom0 and natively, hvprofile.so inside QEMU.
.PHONY: bench bench-profile bench-io
$B/bench/guestbench $B/bench/iobench: $B/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -O2 -static -Wall -Wextra -Werror $< -o $@

$B/bench/hvprofile.so: tests/bench/hvprofile.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -O2 -shared -fPIC -Wall -Wextra -Werror $< -o $@

bench: all $B/bench/guestbench
	@tests/bench/run $(BENCH)

bench-profile: all $B/bench/guestbench $B/bench/hvprofile.so
	@tests/bench/run-profile $(BENCH)

bench-io: all $B/bench/iobench $B/bench/hvprofile.so
	@tests/bench/run-io $(BENCH)
