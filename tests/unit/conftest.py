"""What the tests of the console have in common."""

from pathlib import Path

import pytest

from alerts.console.atlas import Atlas, atlas_of
from city.clock import wall_ms
from tests.browser.night import Night, baoan, new_night


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    return atlas_of(baoan())


@pytest.fixture
def drawn_once(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    """All apps are of one city: draw it once."""
    monkeypatch.setattr("alerts.console.app.atlas_of", lambda _city: atlas)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night in which nothing has happened yet."""
    night = new_night(tmp_path)
    night.checkpoints(wall_ms())
    return night
