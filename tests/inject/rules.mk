# build/pavis-hv-inject: the hypervisor for tests of what goes wrong.  The very objects of the product; in front of a
# few of their functions the linker's --wrap puts one of tests/inject/inject.c each.  See tests/inject/README.md.
INJECT_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/inject/*.c)))
INJECT_WRAPPED := hv_zalloc hv_free frame_alloc frame_free_hv hypercall_preempt_check pte_update page_pin page_unpin \
        do_xenpmu_op

.PHONY: inject
inject: $B/pavis-hv-inject

$B/tests/inject/%.o: tests/inject/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(HV_CFLAGS) -Itests/inject -c $< -o $@

$(eval $(call hv_image,pavis-hv-inject,$(INJECT_OBJ),$(INJECT_WRAPPED:%=--wrap=%)))
$B/pavis-hv-inject.pass1: tests/inject/rules.mk

-include $(INJECT_OBJ:.o=.d)
