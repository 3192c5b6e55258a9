"""A shop: the three classes of the design in a file, and events for them."""

from pathlib import Path

import pytest

from runtime.settings import Settings
from tests.support.projections import declare


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with the three classes of the design."""
    return settings.model_copy(update={"projections": str(declare(tmp_path / "projections")), "replay_share": 1.0})
