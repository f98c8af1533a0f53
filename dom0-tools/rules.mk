# The programs of dom0-tools/: built for the host, with Debian's libraries.  Included by the top Makefile.
#
#   build/pavis-trace   what xentrace has recorded, in words

.PHONY: dom0-tools
dom0-tools: $B/pavis-trace ## Build the control domain's programs: pavis-trace

TRACE_SRC := dom0-tools/trace/pavis-trace.c hypervisor/hypercall/trace_text.c hypervisor/hypercall/call_names.c \
        hypervisor/lib/format.c
# The hypervisor's pure files compile for a host as they do for a unit test.
TOOLS_CFLAGS := -std=gnu11 -O2 -g $(WARN) -fwrapv -DPAVIS_HOST_TEST -Ihypervisor
$B/lint/dom0-tools/%.tidy: TIDY_CFLAGS = $(TOOLS_CFLAGS)
$B/pavis-trace: $(TRACE_SRC) $(HV_H) hypervisor/hypercall/hypercalls.def
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(CC) $(TOOLS_CFLAGS) $(TRACE_SRC) -o $@ -lyajl
