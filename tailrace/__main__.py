"""The program ``tailrace``, and ``python -m tailrace``."""

import signal
import sys

PACKAGES = ("contracts", "runtime", "migrations", "command", "projection", "verification", "query")
"""Top-level packages of this program. ``python -m`` finds those of the working directory first."""


def main() -> None:
    """Runs the command line; Ctrl-C ends it quietly, during imports as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if shadow := find_shadow():
        sys.exit(shadow)
    from tailrace.cli.main import main as run

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    except KeyboardInterrupt:
        sys.exit(130)


def find_shadow() -> str | None:
    """Returns an error message if one of ``PACKAGES`` resolves to code of someone else."""
    from importlib.util import find_spec
    from pathlib import Path

    root = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        found = spec.origin if spec is not None else None
        if found is None or Path(found).resolve() != root / name / "__init__.py":
            return (
                f"tailrace: the package {name!r} is {found or 'missing'}, but Tailrace needs its own in {root / name}: "
                "run `tailrace` (not `python -m tailrace`) in another folder, without PYTHONPATH"
            )
    return None


if __name__ == "__main__":
    main()
