"""The code of projections: Python modules from source text, and whether two texts are the same code.

Modules of the user's folder form the package ``tailrace_projections``. The stored code of a build is loaded under a
package name of its own, beside the present one.
"""

import ast
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from projection.declared.clock import shift_clock

PACKAGE = "tailrace_projections"
_KINDS = {"Rollup", "Fold", "Sql"}


class Code(Loader, MetaPathFinder):
    """A package of modules from source text."""

    def __init__(self, package: str, sources: Mapping[str, str], folder: Path | None = None) -> None:
        """``sources`` are texts by module name; ``folder`` is where they come from, for error messages."""
        self.package = package
        self.sources = sources
        self._folder = folder

    def file_of(self, module: str) -> str:
        """Returns the file name of a module, as tracebacks show it."""
        return str(self._folder / f"{module}.py") if self._folder else f"<{self.package}>/{module}.py"

    def load(self, module: str) -> ModuleType:
        """Imports a module; raises what its code raises."""
        return importlib.import_module(f"{self.package}.{module}")

    def install(self) -> None:
        """Makes the package importable, in place of an earlier one of its name."""
        self.remove()
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Forgets the package and its modules."""
        sys.meta_path[:] = [one for one in sys.meta_path if getattr(one, "package", None) != self.package]
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{self.package}.")]:
            del sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Finds the package and its modules."""
        if fullname == self.package:
            return ModuleSpec(fullname, self, is_package=True)
        package, _, module = fullname.rpartition(".")
        return ModuleSpec(fullname, self) if package == self.package and module in self.sources else None

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module's code."""
        if module.__name__ == self.package:
            return
        name = module.__name__.rpartition(".")[2]
        module.__file__ = self.file_of(name)
        tree = ast.parse(self.sources[name], module.__file__)
        if self.package != PACKAGE:
            tree = ast.fix_missing_locations(_Renamed(self.package).visit(tree))
        exec(compile(tree, module.__file__, "exec"), vars(module))
        shift_clock(module)


class _Renamed(ast.NodeTransformer):
    """Lets stored code import the stored modules, not the present ones."""

    def __init__(self, package: str) -> None:
        self._package = package

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.level == 0 and node.module and f"{node.module}.".startswith(f"{PACKAGE}."):
            node.module = self._package + node.module.removeprefix(PACKAGE)
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if f"{alias.name}.".startswith(f"{PACKAGE}.") and alias.asname:
                alias.name = self._package + alias.name.removeprefix(PACKAGE)
        return node


def needed_modules(sources: Mapping[str, str], module: str) -> dict[str, str]:
    """Returns the texts of a module and of those of the same package that it imports, directly or not."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in sources and name not in found:
            found[name] = sources[name]
            waiting += _imported(ast.parse(sources[name]))
    return dict(sorted(found.items()))


def _imported(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name.removeprefix(f"{PACKAGE}.") for alias in node.names if alias.name.startswith(PACKAGE)]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").removeprefix(PACKAGE).removeprefix(".")
            if node.level == 1 or (node.module or "").split(".")[0] == PACKAGE:
                found += [module] if module else [alias.name for alias in node.names]
    return found


def same_code(one: Mapping[str, str], other: Mapping[str, str], class_name: str) -> bool:
    """Whether two sets of modules are the same code for one class.

    Comments, docstrings, layout, imports from ``tailrace`` and the other projections of a file do not count.
    """
    return one.keys() == other.keys() and all(
        one[name] == other[name] or _shape(one[name], class_name) == _shape(other[name], class_name) for name in one
    )


def _shape(source: str, class_name: str) -> str:
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_other(node, class_name)]
    for node in ast.walk(tree):
        body: Any = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = body[0] if body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:]
    return ast.dump(tree)


def _is_other(node: ast.stmt, class_name: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] == "tailrace"
    if not isinstance(node, ast.ClassDef) or node.name == class_name:
        return False
    bases = {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}
    return bool(bases & _KINDS)
