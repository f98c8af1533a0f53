# The pages that are made from the code, and the check that the others still fit it.
.PHONY: ledger docs-check

ledger: ## Write docs/HYPERCALLS.md from the table of calls, the ABI headers and the tests
	@scripts/gen-ledger

docs-check: ## Fail if a page names what the code no longer has, the ledger is stale, or an errno has no reason
	@scripts/check-docs
	@scripts/check-refusals
