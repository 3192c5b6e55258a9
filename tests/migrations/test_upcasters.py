"""Upcasters load from a file or a module; each mistake is one sentence at the start."""

from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from contracts.upcasting import NO_UPCASTERS
from migrations.upcasters import load_upcasters, located
from runtime.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "upcasters.py"
GOOD = 'UPCASTERS = {("signed_up", 1): lambda data: {**data, "plan": "free"}}\n'


def sentence(where: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_upcasters(load_settings(upcasters=where))
    found = str(caught.value)
    assert found.startswith("TAILRACE_UPCASTERS: ")
    return found.removeprefix("TAILRACE_UPCASTERS: ")


def test_without_the_setting_there_are_no_upcasters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILRACE_UPCASTERS", raising=False)
    assert load_upcasters(load_settings()) is NO_UPCASTERS


def test_a_file_is_loaded_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_UPCASTERS", str(EXAMPLE))
    assert load_upcasters(load_settings()).current_version("order_completed") == 3


def test_a_relative_file_becomes_absolute_and_a_module_name_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parents[1])
    assert located(load_settings(upcasters="examples/upcasters.py")) == str(EXAMPLE)
    assert located(load_settings(upcasters="product.events")) == "product.events"
    assert located(load_settings()) is None


def test_a_file_may_define_dataclasses(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Plan:\n    name: str = 'free'\n" + GOOD
    )
    assert load_upcasters(load_settings(upcasters=str(file))).current_version("signed_up") == 2


def test_a_module_is_loaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "product_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "events.py").write_text(GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    upcasters = load_upcasters(load_settings(upcasters="product_of_a_test.events"))
    assert upcasters.current_version("signed_up") == 2
    assert sentence("product_of_a_test.orders").startswith("there is no module product_of_a_test.orders: install it")


def test_a_missing_file_or_module_is_named_with_the_remedy() -> None:
    assert sentence("nowhere/at/all.py") == "there is no file nowhere/at/all.py"
    assert sentence("no_such_product.events").startswith("there is no module no_such_product: install it")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no dict UPCASTERS of {(event type, version it reads): function}"),
        ("UPCASTERS = [1]\n", "has no dict UPCASTERS"),
        ("UPCASTERS = {\n", "can't be loaded: SyntaxError"),
        ("import no_such_thing_in_here\n", "can't be loaded: ModuleNotFoundError: No module named"),
        ("open('/no/such/file')\n", "can't be loaded: FileNotFoundError"),
        ("1 / 0\n", "can't be loaded: ZeroDivisionError: division by zero"),
        (GOOD.replace("1)", "2)"), "the upcasters of signed_up are for versions 2: the one for version 1 is missing"),
    ],
)
def test_an_invalid_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    assert sentence(str(file)).startswith(f"{file}")
    assert reason in sentence(str(file))
