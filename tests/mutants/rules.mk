# Checks taken out of the hypervisor, one at a time, and the tests that must notice.
.PHONY: mutants mutants-check
mutants: all
	@tests/mutants/run $(M)

mutants-check:
	@tests/mutants/run --check
