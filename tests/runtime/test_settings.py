"""A variable that is nearly a setting is named; one that is somebody else's is not."""

import pytest

from runtime.settings import Settings, load_settings, slips


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TAILRACE_RETENTION_DAY", "TAILRACE_RETENTION_DAYS"),
        ("TAILRACE_DATABSE", "TAILRACE_DATABASE"),
        ("TAILRACE_PARKED_STOP_RATE", "TAILRACE_PARKED_STOP_RATIO"),
    ],
)
def test_a_misspelt_variable_is_named_with_what_may_be_meant(
    typed: str, meant: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(typed, "1")
    load_settings()
    assert f"{typed} is no setting, and ignored: is {meant} meant?" in caplog.text


def test_what_is_a_setting_or_of_somebody_else_is_no_slip() -> None:
    settings = [f"TAILRACE_{name.upper()}" for name in Settings.model_fields]
    others = ["TAILRACE_TEST_TIMESCALE_DSN", "TAILRACE_TEST_CHROMIUM", "DB_USR", "PATH", "TAILRACE_VERSION"]
    assert list(slips([*settings, *others])) == []
