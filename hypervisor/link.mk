# How the hypervisor's objects become the images that a loader takes.  Included by the top Makefile.
.PHONY: hypervisor
hypervisor: $(HV_OBJ)
