# make run    serve on http://127.0.0.1:8080 (SQLite in var/; no PBX configured: the demo PBX)
# make test   provision what the tests need and run all of them
# make bench  the figures of docs/performance.md
# make sbom   what it is made of, from the lock: dist/pbxcrm.cdx.json (CycloneDX)
# make soak   an hour of faults of every kind over simulated and real calls, then the calls beside the truth
# Needs Python 3.11+ and nothing else; uses uv where it is installed.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin

.PHONY: run test lint bench soak sbom lock clean

run: .venv/run.stamp
	@$(BIN)/pbxcrm serve

test: .venv/test.stamp lint
	tests/provision
	$(BIN)/pytest

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/test.stamp
	tests/provision
	$(BIN)/python -m tests.bench

soak: .venv/test.stamp
	tests/provision
	$(BIN)/python -m tests.soak

.venv/made.stamp:
	@test -n "$(PYTHON)" || { echo "pbxcrm needs Python 3.11 or newer: install it (Debian: apt install python3)."; exit 1; }
	@PYTHON="$(PYTHON)" UV="$(UV)" docker/make-venv
	@touch $@

.venv/run.stamp: .venv/made.stamp docker/run.lock pyproject.toml
	@docker/install docker/run.lock
	@touch $@

.venv/test.stamp: .venv/made.stamp docker/test.lock pyproject.toml
	@docker/install docker/test.lock
	@touch $@ .venv/run.stamp

sbom:
	@mkdir -p dist
	@$(PYTHON) docker/sbom.py docker/run.lock > dist/pbxcrm.cdx.json && echo dist/pbxcrm.cdx.json

# All versions with their hashes, for every Python we support. Only `make lock` changes them.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra postgres --extra mariadb --extra fast -o docker/run.lock pyproject.toml docker/build.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra postgres --extra mariadb --extra fast --extra test -o docker/test.lock pyproject.toml docker/build.in

clean:
	rm -rf .venv dist
