# make app          the page, on the demo ensemble that ships here
# make test         every test
# make lint         ruff, licenses of what we run on, known vulnerabilities where the index tells
# make bench        the short form of every benchmark
# make fuzz         300 broken files; ARGS="--inputs 20000" takes a quarter of an hour
# make sbom         what is installed, as CycloneDX: .venv/sbom.json
# make lock         every package at one version with its hashes: .venv/requirements.lock; minutes
# make demo-bundle  train the demo ensemble again (README.md: where its pictures come from)
# WORKERS=1 runs the tests in one process instead of two
# ARGS="…" adds arguments: make app ARGS="--help", make test ARGS="tests/test_settings.py -q"

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.stamp
TEST := $(VENV)/test.stamp
SUPPLY := $(VENV)/supply
TOOLS := $(SUPPLY)/tools.stamp

.PHONY: app test lint bench fuzz sbom lock demo-bundle clean
.DELETE_ON_ERROR:

app: $(RUN)
	$(BIN)/python app.py $(ARGS)

test: $(TEST)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python supply/licenses.py
	@if $(MAKE) --silent $(TOOLS); then $(SUPPLY)/bin/python supply/audit.py $(BIN)/python; \
	else echo "vulnerabilities: not looked up, pip-audit cannot be installed here"; fi

# files without --short are parts of the others
bench: $(RUN)
	@for file in $$(grep -l -e --short benchmarks/*.py); do \
	  echo "== $$file"; $(BIN)/python "$$file" --short $(ARGS) || exit 1; \
	done

fuzz: $(RUN)
	$(BIN)/python fuzz/media.py $(or $(ARGS),--short)

sbom: $(RUN) $(TOOLS)
	$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file $(VENV)/sbom.json $(BIN)/python

lock: $(RUN) $(TOOLS)
	$(SUPPLY)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	  --no-header --no-emit-index-url --no-emit-find-links \
	  --output-file $(VENV)/requirements.lock requirements.txt

demo-bundle: $(RUN)
	$(BIN)/python -m trainer.run --settings trainer/presets/demo.toml $(ARGS)

clean:
	rm -rf $(VENV)

# Made again only when the packages asked for change.
$(RUN): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$$($(PYTHON) --version) is too old; give 3.10 to 3.12: make PYTHON=python3.12 …"; exit 2; }
	@echo "making $(VENV): about 2 GB of packages and two minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(TEST): $(RUN) pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[test]'
	@touch $@

# Apart, so that what looks at the packages changes none of them.
$(TOOLS): $(RUN)
	$(BIN)/python -m venv $(SUPPLY)
	$(SUPPLY)/bin/python -m pip install --quiet --retries 1 pip-audit cyclonedx-bom pip-tools
	@touch $@
