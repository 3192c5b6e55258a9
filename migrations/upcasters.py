"""Loads the user's upcasters: a module with ``UPCASTERS``, a dict from (event type, version it reads) to a function."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from contracts.errors import ConfigurationError
from contracts.upcasting import NO_UPCASTERS, Upcasters
from runtime.settings import Settings

NAME = "UPCASTERS"
_FILE_MODULE = "tailrace_upcasters_file"


def load_upcasters(settings: Settings) -> Upcasters:
    """Returns the upcasters that the settings name, or ``NO_UPCASTERS``. Call it once, at the start.

    Raises:
        ConfigurationError: the module can't be loaded, or a version of a type has no upcaster.
    """
    where = settings.upcasters
    if where is None:
        return NO_UPCASTERS
    in_file = where.endswith(".py")
    if in_file and not Path(where).is_file():
        raise ConfigurationError(f"TAILRACE_UPCASTERS: there is no file {where}")
    try:
        module = _load_file(where) if in_file else importlib.import_module(where)
    except Exception as error:  # a user's module can raise anything at its import
        raise ConfigurationError(_sentence(where, error)) from error
    found = getattr(module, NAME, None)
    if not isinstance(found, Mapping):
        raise ConfigurationError(
            f"TAILRACE_UPCASTERS: {where} has no dict {NAME} of {{(event type, version it reads): function}}"
        )
    try:
        return Upcasters(found)
    except ConfigurationError as error:
        raise ConfigurationError(f"TAILRACE_UPCASTERS: {where}: {error}") from None


def located(settings: Settings) -> str | None:
    """Returns the setting for a process that starts in another folder: a file's path becomes absolute."""
    where = settings.upcasters
    return str(Path(where).absolute()) if where is not None and where.endswith(".py") else where


def _load_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_FILE_MODULE, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_FILE_MODULE] = module  # dataclasses look up their module
    spec.loader.exec_module(module)
    return module


def _sentence(where: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and f"{where}.".startswith(f"{error.name}."):
        return (
            f"TAILRACE_UPCASTERS: there is no module {error.name}: install it, put its folder on PYTHONPATH, or name "
            "a file that ends in .py"
        )
    return f"TAILRACE_UPCASTERS: {where} can't be loaded: {type(error).__name__}: {error}"
