# Image2Poem. `make run PHOTO=path`, `make web` and `make test` set up all they need in .venv, from exact versions, once.
# Training and the bench have heavier needs, and an environment of their own: .venv-train.

PHOTO ?= examples/sunset_sea.jpg
export PHOTO  # recipes read it from the environment, so that a name may hold spaces and quotes

PYTHON ?= python3.13 python3.12 python3.11 python3 python3.14  # the first of these that runs and is new enough
BIN := .venv/bin
TRAIN_BIN := .venv-train/bin

.PHONY: run web test lint format bench train-test clean

run: .venv/ready-to-run
	@$(BIN)/image2poem setup
	@$(BIN)/image2poem match "$$PHOTO"

web: .venv/ready-for-web
	@$(BIN)/image2poem setup
	@$(BIN)/image2poem serve

test: lint
	$(BIN)/python -m pytest

lint: .venv/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready-to-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv-train/ready
	@$(TRAIN_BIN)/image2poem setup
	@$(TRAIN_BIN)/python -m evaluation.speed

train-test: .venv-train/ready
	$(TRAIN_BIN)/python -m pytest training tests/vlm/test_local.py

clean:
	rm -rf .venv .venv-train .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/ready-to-run: requirements.lock pyproject.toml
	$(call install,.venv,requirements.lock)

.venv/ready-for-web: requirements-web.lock pyproject.toml
	$(call install,.venv,requirements-web.lock)

.venv/ready-to-test: requirements-test.lock pyproject.toml
	$(call install,.venv,requirements-test.lock)

.venv-train/ready: requirements-train.lock pyproject.toml
	$(call install,.venv-train,requirements-train.lock)

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# $(call install,FOLDER,LOCK): make the environment if there is none that works, install, remember that it is done.
define install
@set -e; \
if ! $(1)/bin/python -c '$(NEW_ENOUGH)' 2>/dev/null; then \
  python=; \
  for name in $(PYTHON); do \
    if "$$name" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$name; break; fi; \
  done; \
  if [ -z "$$python" ]; then \
    echo "image2poem needs Python 3.11 or newer and found none; install it, or name it: make PYTHON=/path/to/python3" >&2; \
    exit 1; \
  fi; \
  if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
    version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
    echo "$$python lacks the venv module; on Debian and Ubuntu: sudo apt install python$$version-venv" >&2; \
    exit 1; \
  fi; \
  echo "Making $(1) with $$("$$python" --version)"; \
  rm -rf $(1); \
  "$$python" -m venv $(1); \
  echo '*' > $(1)/.gitignore; \
fi; \
echo "Installing $(2) into $(1)"; \
if ! $(1)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(2) || \
   ! $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; then \
  echo "pip could not install $(2) (see above); check the network, then run make again" >&2; \
  exit 1; \
fi; \
touch $@
endef
