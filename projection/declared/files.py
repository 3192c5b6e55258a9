"""Where the files of projections are: ``TAILRACE_PROJECTIONS``, or the folder ``projections``."""

import importlib.util
from pathlib import Path

from contracts.errors import ConfigurationError
from runtime.settings import Settings

DEFAULT = "projections"


def located(settings: Settings) -> str | None:
    """Returns the setting for a process that starts in another folder; None: there are no projections."""
    where = settings.projections
    if where is None:
        return str(Path(DEFAULT).absolute()) if Path(DEFAULT).is_dir() else None
    return str(Path(where).absolute()) if Path(where).exists() else where


def find_files(where: str) -> tuple[Path, set[str]]:
    """Returns the folder and the modules of it that are meant; an empty set means all.

    Raises:
        ConfigurationError: there is nothing of that name.
    """
    path = Path(where)
    if path.is_dir():
        return path, set()
    if path.is_file() or where.endswith(".py"):
        if not path.is_file():
            raise ConfigurationError(f"there is no file {where}")
        return path.parent, {path.stem}
    try:
        spec = importlib.util.find_spec(where)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"{where} is no folder, no file and no module that can be imported")
    path = Path(spec.origin)
    return (path.parent, set()) if spec.submodule_search_locations else (path.parent, {path.stem})
