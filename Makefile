# The newcomer's two commands are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3

.PHONY: help demo run test check bench lock migrate screenshots soak
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'
demo: ## a demonstration shop with its own inbox, on this machine
	@$(PYTHON) dev.py demo
run: ## Liaison with config.toml
	@$(PYTHON) dev.py serve
test: ## the whole suite
	@$(PYTHON) dev.py run pytest -n 2 --ignore tests/browser
	@$(PYTHON) dev.py run pytest -n 2 tests/browser
check: ## style, types, docs, locks
	@$(PYTHON) dev.py run tests.check
bench: ## every speed that is claimed, beside its reference
	@$(PYTHON) dev.py run tests.bench
soak: ## the long fault and kill tests
	@$(PYTHON) dev.py run tests.bench.soak
lock: ## renew the hash locks
	@$(PYTHON) dev.py run tests.check lock
migrate: ## bring the database to the newest schema
	@$(PYTHON) dev.py migrate
screenshots: ## every page, both widths, both themes, into screenshots/
	@$(PYTHON) dev.py run tests.browser.screenshots screenshots
