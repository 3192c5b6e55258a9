"""Misspelt settings are reported; other variables are not."""

import pytest

from runtime.settings import Settings, find_misspelt, load_settings


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TAILRACE_RETENTION_DAY", "TAILRACE_RETENTION_DAYS"),
        ("TAILRACE_DATABSE", "TAILRACE_DATABASE"),
        ("TAILRACE_PARKED_STOP_RATE", "TAILRACE_PARKED_STOP_RATIO"),
    ],
)
def test_a_misspelt_variable_is_reported_with_the_likely_setting(
    typed: str, meant: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(typed, "1")
    load_settings()
    assert f"{typed} is not a setting and is ignored; is {meant} meant?" in caplog.text


def test_settings_and_foreign_variables_are_not_reported() -> None:
    settings = [f"TAILRACE_{name.upper()}" for name in Settings.model_fields]
    others = ["TAILRACE_TEST_TIMESCALE_DSN", "TAILRACE_TEST_CHROMIUM", "DB_USR", "PATH", "TAILRACE_VERSION"]
    assert list(find_misspelt([*settings, *others])) == []
