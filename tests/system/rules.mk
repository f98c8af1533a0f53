# Programs that system tests run in dom0; a test makes those that it needs.
$B/system/build_guest: tests/system/programs/build_guest.c $(PAVIS_LIBS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(filter-out -MMD -MP,$(TOOLS0_CFLAGS)) $(USER_LDFLAGS) $^ $(PAVIS_DEBIAN_LIBS) -o $@
