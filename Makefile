# Spandraft. `make` alone lists the targets. All of it lives in .venv; nothing is installed outside this folder
# except language models and the sample library, which go to SPANDRAFT_HOME (default ~/.local/share/spandraft).
#
#   PYTHON=python3.12          another interpreter
#   TORCH_PIP_ARGS='...'       arguments for installing PyTorch, e.g. the index of its CPU builds (see README.md)
#   GPU=1                      FAISS for CUDA instead of the CPU one (GPU=0 goes back)
#   ARGS='...'                 arguments for `spandraft serve`, for `spandraft bench` and for pytest
#                              (--n 1000 --seed 7: cases of the suites that try many; --record: note them in their log)

PYTHON = python3
BIN = .venv/bin
PYTEST = $(BIN)/python -m pytest
PACKAGES = app retrieval decoding corpora

.PHONY: help install install-dev run test check check-sources check-pages test-exact test-crash test-all bench sums clean

help:
	@echo "make install     put everything into .venv, fetch the language model, build the sample library"
	@echo "make run         install, then serve the web page on this machine"
	@echo "make test        install, then the tests, two processes at once"
	@echo "make check       linters, types, the floors and folders, the code of the pages"
	@echo "make test-exact  the whole exactness run: drafting must not change one token"
	@echo "make test-crash  the library under kills, full disks, damage and crowds; about 35 minutes on two cores"
	@echo "make test-all    every test, the slow ones too; within an hour on two cores"
	@echo "make bench       this machine's figures: with and without drafts"
	@echo "make sums        checksums of the scorer, the tagger, phrases and biases, after one was made again"
	@echo "make clean       remove .venv and caches (the library in SPANDRAFT_HOME stays)"

install:
	@PYTHON="$(PYTHON)" GPU="$(GPU)" TORCH_PIP_ARGS="$(TORCH_PIP_ARGS)" sh .ci/install

install-dev:
	@PYTHON="$(PYTHON)" GPU="$(GPU)" TORCH_PIP_ARGS="$(TORCH_PIP_ARGS)" sh .ci/install --dev

run: install
	@$(BIN)/spandraft serve $(ARGS) || [ $$? -eq 130 ]  # Ctrl-C is how it ends

# Two processes at once, and what measures time by itself; of what ARGS names, one process sees the end sooner.
test: install-dev
ifeq ($(strip $(ARGS)),)
	@sh .ci/tests $(BIN)/python "not exact and not slow"
else
	@$(PYTEST) $(ARGS)
endif

check: check-sources check-pages

check-sources: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

check-pages: install-dev
	$(PYTEST) -q tests/test_readme.py -m slow

# -rP shows the figures of each suite: rows, tokens, near ties, largest differences.
test-exact: install-dev
	@$(PYTEST) -m exact -rP --durations=20 $(ARGS)

# What has been tried so far, added up: python -m tests.crash.runlog
test-crash: install-dev
	@$(PYTEST) -m "slow or not slow" tests/crash $(ARGS)

test-all: install-dev
	@sh .ci/tests $(BIN)/python "exact or not exact" $(ARGS)

bench: install
	@$(BIN)/spandraft bench speed --task answer $(ARGS)
	@$(BIN)/spandraft bench speed --task grammar $(ARGS)

# What `spandraft doctor` compares; a model's own folder gets its list from `spandraft train export`.
sums:
	@$(PYTHON) -m app.loading.bundled

clean:
	rm -rf .venv .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache build dist
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
