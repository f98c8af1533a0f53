# The back-end half of the xenbus protocol: object files that each back end links with, under build/xenbus/backend/.
BACKEND_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard xenbus/backend/*.c)))
# What it takes to reach a guest, for daemons that are no back ends.
GATE_OBJ := $(patsubst %,$B/xenbus/backend/%.o,gate ask wire)
BACKEND_CFLAGS := $(USER_CFLAGS) -Ixenbus

$B/xenbus/backend/%.o: xenbus/backend/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(BACKEND_CFLAGS) -c $< -o $@

-include $(BACKEND_OBJ:.o=.d)
