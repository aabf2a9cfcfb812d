PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
BIOME := node_modules/.bin/biome
# A process for each core, but no more than memory has room for: each loads models of its own. The tests
# of a file stay together, as they share what is slow to set up.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
EMOJI_FONT := /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
FIND_POSTGRESQL = command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null
FIND_CHROMIUM = for name in "$$BROWSER_PATH" chromium chromium-browser google-chrome; do \
	command -v "$$name" && break; done

.PHONY: help run test test-browser-code lint-browser-code test-slow test-newest test-oldest lint lock docs \
	mutants resilience screenshots pretrain clean chromium postgresql nginx

help:
	@echo "make run          set up .venv on the first call, then serve the app"
	@echo "make test         set up what the tests need, then check everything"
	@echo "make test-slow    the tests that take long, as that the package installs"
	@echo "make test-newest  the tests with the newest packages that pyproject.toml allows"
	@echo "make test-oldest  the same with the oldest"
	@echo "make lint         mend what ruff and Biome can mend, then check types"
	@echo "make lock         renew the locks, requirements*.txt, from pyproject.toml"
	@echo "make mutants      change lines, one by one, and see whether a test notices (hours)"
	@echo "make resilience   break the studio on purpose: what was acknowledged stays (an hour)"
	@echo "make docs         the documentation as pages, in site/"
	@echo "make screenshots  every page on four screens, light and dark, in screenshots/, and those of docs/"
	@echo "make pretrain     the embedded checkpoints again, from nothing"
	@echo "make clean        remove what these made"

run: $(VENV)/.installed
	@$(BIN)/python -m app

test: $(VENV)/.installed-dev chromium postgresql
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory lint-browser-code test-browser-code
	@$(BIN)/python -m pytest $(PARALLEL)

test-browser-code:
	@found=$$(node --version 2>/dev/null || echo none); major=$${found#v}; major=$${major%%.*}; \
	if test "$$major" -ge 20 2>/dev/null; then node --test tests/js/*.test.js; \
	else echo "NOT RUN: tests/js, the tests of the browser code, need node 20 or newer;" \
		"found: $$found." >&2; fi

# `lint` mends, `test` only looks.
lint-browser-code:
	@if test -x $(BIOME); then $(BIOME) $(or $(BIOME_COMMAND),ci); \
	else echo "NOT RUN: Biome, which checks the browser code; npm ci installs it." >&2; fi

test-slow: $(VENV)/.installed-dev chromium postgresql nginx
	@$(BIN)/python -m pytest -m slow

# ARGUMENTS="tests/models -x" goes to pytest.
test-newest test-oldest: test-%: $(VENV)/.installed-dev chromium postgresql
	@PYTHON="$(PYTHON)" .ci/test-range $* $(PARALLEL) $(ARGUMENTS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(MAKE) --no-print-directory lint-browser-code BIOME_COMMAND="check --write"
	@$(BIN)/mypy

lock: $(VENV)/.installed-dev
	@.ci/lock

# ARGUMENTS="--changed main" or "blip2core/storage" goes to tests/mutation/run.py.
mutants: $(VENV)/.installed-mutants postgresql
	@$(BIN)/python -m tests.mutation.run $(ARGUMENTS)

# ROUNDS=50 and SUBJECTS="kills full_disk" do less; the table of the guide is written, too.
resilience: $(VENV)/.installed-dev postgresql
	@$(BIN)/python -m tests.resilience $(SUBJECTS) --rounds $(or $(ROUNDS),1000) --table

docs: $(VENV)/.installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# ARGUMENTS=--pages leaves those of docs/ as they are.
screenshots: $(VENV)/.installed-dev chromium
	@$(BIN)/python -m docs.write_screenshots $(ARGUMENTS)

pretrain: $(VENV)/.installed
	@$(BIN)/python -m blip2core.training.pretrain

clean:
	rm -rf $(VENV) .venv-newest .venv-oldest .mypy_cache .pytest_cache .ruff_cache *.egg-info \
		build dist site screenshots

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made. On Debian: apt-get install python3-venv" >&2; exit 2; }

# The locks are complete, so pip need not look for dependencies, and could bring no others.
$(VENV)/.installed: requirements.txt requirements-torch.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the requirements into $(VENV) (some minutes, once) ..."
	@.ci/install-torch $(BIN)/python
	@$(PIP) --requirement requirements.txt
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(PIP) --requirement requirements-dev.txt
	@touch $@

$(VENV)/.installed-mutants: requirements-mutants.txt $(VENV)/.installed-dev
	@$(PIP) --requirement requirements-mutants.txt
	@touch $@

$(VENV)/.installed-docs: requirements-docs.txt $(VENV)/.installed
	@$(PIP) --requirement requirements-docs.txt
	@touch $@

# The browser tests drive a Chromium that the system has; the emoji font paints new sticker scenes.
chromium:
	@if test -n "$$($(FIND_CHROMIUM))" && test -e $(EMOJI_FONT); then exit 0; fi; \
	.ci/install-packages chromium fonts-noto-color-emoji

# The storage tests start a PostgreSQL of their own, beside SQLite; no service is needed.
postgresql:
	@if test -n "$$($(FIND_POSTGRESQL))"; then exit 0; fi; .ci/install-packages postgresql

# The slow tests start an nginx of their own in front of the studio.
nginx:
	@if PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null; then exit 0; fi; \
	.ci/install-packages nginx-light
