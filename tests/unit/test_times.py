"""Durations as they are typed on the command line."""

import pytest
import typer

from qianshao.times import duration_ms


@pytest.mark.parametrize(
    ("typed", "ms"), [("30s", 30_000), ("1.5h", 5_400_000), ("1h30m", 5_400_000), ("20 min", 1_200_000), ("0s", 0)]
)
def test_a_duration_is_numbers_with_units(typed: str, ms: int) -> None:
    assert duration_ms(typed, "--for") == ms


@pytest.mark.parametrize("typed", ["", "a while", "12", "h", "1h30", "-5m", "1h-5m", "5 cm"])
def test_anything_else_is_refused_with_the_option_that_it_was_given_to(typed: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        duration_ms(typed, "--for")
    assert refused.value.param_hint == "--for"
