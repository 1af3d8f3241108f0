# make app          the page, on the demo ensemble that ships here
# make test         every test
# make lint         ruff: rules and format
# make bench        the short form of every benchmark
# make demo-bundle  train the demo ensemble again (README.md: where its pictures come from)
# WORKERS=1 runs the tests in one process instead of two
# ARGS="…" adds arguments: make app ARGS="--help", make test ARGS="tests/test_settings.py -q"

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.stamp
TEST := $(VENV)/test.stamp

.PHONY: app test lint bench demo-bundle clean
.DELETE_ON_ERROR:

app: $(RUN)
	$(BIN)/python app.py $(ARGS)

test: $(TEST)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(RUN)
	@for file in $(wildcard benchmarks/*.py); do \
	  echo "== $$file"; $(BIN)/python "$$file" --short $(ARGS) || exit 1; \
	done

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
