# Two commands do everything on a machine with Python >= 3.10 and git:
#   make demo   install into .venv, run the main job, write demo_report/report.html
#   make test   install into .venv with the development tools, run every test

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt

# Without an NVIDIA driver the CUDA build of torch is gigabytes for nothing: take the CPU build
# where the CPU index, or a local copy, can be reached. Otherwise the next step installs torch.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_CPU = command -v nvidia-smi >/dev/null 2>&1 || $(BIN)/python -c 'import torch' 2>/dev/null || \
	$(PIP) --no-deps --retries 0 --timeout 20 --extra-index-url $(TORCH_INDEX) torch 2>/dev/null || true

.PHONY: demo test check clean

demo: $(VENV)/.installed
	$(BIN)/thermoscope demo --out demo_report

# A process for each core: more than one thread in each would only wait for the others.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python benchmarks/size_report.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(TORCH_CPU)
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@$(TORCH_CPU)
	$(PIP) -e '.[dev,formats]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist demo_report .pytest_cache .mypy_cache .ruff_cache .hypothesis
