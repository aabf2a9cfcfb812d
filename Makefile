# make run    set up .venv on the first call, then serve the app
# make test   set up what the tests need, then check everything
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
EMOJI_FONT := /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
FIND_POSTGRESQL = command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null
FIND_CHROMIUM = for name in "$$BROWSER_PATH" chromium chromium-browser google-chrome; do \
	command -v "$$name" && break; done

.PHONY: run test lint pretrain clean chromium postgresql

run: $(VENV)/.installed
	@$(BIN)/python -m app

test: $(VENV)/.installed-tests chromium postgresql
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest

lint: $(VENV)/.installed-tests
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/mypy

# Rebuilds data/checkpoints from nothing.
pretrain: $(VENV)/.installed
	@$(BIN)/python -m blip2core.training.pretrain

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made. On Debian: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the requirements into $(VENV) (some minutes, once) ..."
	@$(PIP) "$$(grep '^torch==' requirements.txt)"
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.installed-tests: requirements-test.txt $(VENV)/.installed
	@$(PIP) -r requirements.txt -r requirements-test.txt
	@touch $@

# The browser tests drive a Chromium that the system has; the emoji font paints new sticker scenes.
chromium:
	@if test -n "$$($(FIND_CHROMIUM))" && test -e $(EMOJI_FONT); then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "Chromium or the Noto Color Emoji font is missing: install both by your system's" \
			"means, or name a browser in BROWSER_PATH. Tests that need them are skipped." >&2; \
		exit 0; \
	fi; \
	sudo=; if test "$$(id -u)" != 0; then sudo="sudo -n"; fi; \
	echo "Installing chromium and fonts-noto-color-emoji with apt-get ..."; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends \
		chromium fonts-noto-color-emoji >/dev/null \
		|| echo "That did not work; as root: apt-get install chromium fonts-noto-color-emoji." \
			"Tests that need them are skipped." >&2

# The storage tests start a PostgreSQL of their own, beside SQLite; no service is needed.
postgresql:
	@if test -n "$$($(FIND_POSTGRESQL))"; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "PostgreSQL is missing: install it by your system's means, with initdb on the PATH." \
			"Tests that need it are skipped." >&2; \
		exit 0; \
	fi; \
	sudo=; if test "$$(id -u)" != 0; then sudo="sudo -n"; fi; \
	echo "Installing postgresql with apt-get ..."; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends \
		postgresql >/dev/null \
		|| echo "That did not work; as root: apt-get install postgresql. Tests that need it are" \
			"skipped." >&2
