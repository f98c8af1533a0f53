# `make abi-check`: everything in hypervisor/abi/ has the size, offset and value that Debian's libxen-dev
# has.  The list of what to compare is taken from our headers, so it is complete by construction.
ABI_HEADERS := $(sort $(wildcard hypervisor/abi/*.h hypervisor/abi/io/*.h))

.PHONY: abi-check
abi-check: $B/abi/ours.txt $B/abi/theirs.txt
	@diff -u $B/abi/theirs.txt $B/abi/ours.txt && \
	    echo "abi-check: $$(wc -l < $B/abi/ours.txt) sizes, offsets and constants equal to libxen-dev"

$B/abi/list.def: tests/abi/list.py $(ABI_HEADERS)
	@mkdir -p $(@D)
	@python3 tests/abi/list.py hypervisor > $@

# Each header is first compiled alone, to show that it includes what it uses.
$B/abi/abi_all.h: $(ABI_HEADERS)
	@mkdir -p $(@D)
	@for h in $(ABI_HEADERS:hypervisor/%=%); do \
	    echo "#include \"$$h\"" | $(CC) -std=gnu11 $(WARN) -Ihypervisor -fsyntax-only -x c - || exit 1; \
	done
	@printf '#include "%s"\n' $(ABI_HEADERS:hypervisor/%=%) > $@

$B/abi/ours: tests/abi/print.c $B/abi/list.def $B/abi/abi_all.h
	@$(CC) -std=gnu11 $(WARN) -DOURS -Ihypervisor -I$B/abi $< -o $@

$B/abi/theirs: tests/abi/print.c $B/abi/list.def
	@[ -f /usr/include/xen/xen.h ] || { echo "abi-check needs: apt-get install libxen-dev"; exit 1; }
	@$(CC) -std=gnu11 -I$B/abi $< -o $@

$B/abi/%.txt: $B/abi/%
	@$< > $@
