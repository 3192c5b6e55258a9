"""``python -m tools.benchmarks``."""

from tailrace.cli.main import run_app
from tools.benchmarks.app import app

run_app(app)
