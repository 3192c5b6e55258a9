"""Finds the projections that users declare: ``TAILRACE_PROJECTIONS``, or the folder ``projections``."""

import traceback
from typing import NamedTuple, cast

import msgspec

from contracts.errors import ConfigurationError
from migrations.projections import DeclaredModel, Kind
from projection.declared.code import PACKAGE, Code, needed_modules
from projection.declared.files import find_files, located
from runtime.settings import Settings
from tailrace.declared import (
    Definition,
    DefinitionError,
    Evolver,
    Fold,
    FoldDefinition,
    Projection,
    decode_definition,
    encode_definition,
)


class Sources(msgspec.Struct, frozen=True):
    """The stored code of a ``Fold``: the module of its class, and every module's text."""

    module: str = ""
    files: dict[str, str] = {}


class Declaration(NamedTuple):
    """A projection as its file declares it now."""

    definition: Definition
    sources: Sources
    class_name: str

    @property
    def kind(self) -> Kind:
        """rollup, fold or sql."""
        return cast("Kind", self.definition.__struct_config__.tag)

    @property
    def encoded(self) -> str:
        """The definition as the catalogue stores it."""
        return encode_definition(self.definition).decode()


class Loaded(NamedTuple):
    """The projections by name, and a sentence for each file or class that can't be used."""

    declarations: dict[str, Declaration]
    problems: list[str]


def load_projections(settings: Settings) -> Loaded:
    """Imports the files and returns what they declare. A file that can't be imported is a problem, not an error."""
    where = located(settings)
    if where is None:
        return Loaded({}, [])
    try:
        folder, wanted = find_files(where)
        texts = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    except (ConfigurationError, OSError, ValueError) as error:
        return Loaded({}, [f"TAILRACE_PROJECTIONS: {error}"])
    code = Code(PACKAGE, texts, folder)
    code.install()
    declarations: dict[str, Declaration] = {}
    problems: list[str] = []
    for module in sorted(texts):
        if module.startswith("_") or module not in (wanted or texts):
            continue
        try:
            found = _declared_in(code, module)
        except (Exception, SystemExit) as error:  # users' modules can raise anything
            problems.append(_sentence(error, code, module))
            continue
        for one in found:
            if one.definition.name in declarations:
                problems.append(f"{code.file_of(module)}: another file declares {one.class_name} too; rename one")
            else:
                declarations[one.definition.name] = one
    return Loaded(declarations, problems)


def load_evolver(model: DeclaredModel) -> Evolver:
    """Returns what runs the stored code of a ``Fold``.

    Raises:
        ConfigurationError: the code does not load in this Python.
    """
    definition = decode_definition(model.definition)
    assert isinstance(definition, FoldDefinition)
    sources = msgspec.json.decode(model.sources, type=Sources)
    code = Code(f"{PACKAGE}_{model.number}", sources.files)
    code.install()
    try:
        found: type[Fold] = getattr(code.load(sources.module), definition.class_name)
        return Evolver(found)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"the stored code of {model} does not run: {_sentence(error, code, '')}") from error


def _declared_in(code: Code, module: str) -> list[Declaration]:
    loaded = code.load(module)
    found = []
    for value in vars(loaded).values():
        if not (isinstance(value, type) and issubclass(value, Projection) and value.__module__ == loaded.__name__):
            continue
        definition = value.definition()
        fold = isinstance(definition, FoldDefinition)
        sources = Sources(module, needed_modules(code.sources, module)) if fold else Sources()
        found.append(Declaration(definition, sources, value.__name__))
    return found


def _sentence(error: BaseException, code: Code, module: str) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    files = {code.file_of(name): name for name in code.sources}
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    where = f"{places[-1].filename}, line {places[-1].lineno}" if places else code.file_of(module)
    what = str(error) if isinstance(error, DefinitionError) else f"{type(error).__name__}: {error}"
    return f"{where}: {what}"
