"""Numbers with units: what an author may write, and in what words the rest is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.language.quantities import parse_duration_ms, parse_intervals, parse_quantity, parse_share

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", 90 * SECOND),
        ("5m", 5 * MINUTE),
        ("5 min", 5 * MINUTE),
        ("2h", 2 * HOUR),
        ("1d", DAY),
        ("1.5h", 90 * MINUTE),
        ("250ms", 250),
        (" 5 m ", 5 * MINUTE),
        ("0s", 0),
    ],
)
def test_a_duration(written: str, meant: int) -> None:
    assert parse_duration_ms(written) == meant


@pytest.mark.parametrize("written", ["5", 5, 0, "", "five minutes", "5 minutes", "5M", "1h30m", "m", "5m!", "1e3s"])
def test_what_is_no_duration_is_refused(written: str | int) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration_ms(written)


def test_a_duration_before_now_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        parse_duration_ms("-5m")


@pytest.mark.parametrize(
    ("written", "unit", "meant"),
    [
        ("15 cm", "cm", 15.0),
        ("15cm", "cm", 15.0),
        ("150 mm", "cm", 15.0),
        ("0.15 m", "cm", 15.0),
        ("-2 cm", "cm", -2.0),
        ("+2 cm", "cm", 2.0),
        (".5 m", "cm", 50.0),
        ("90 s", "min", 1.5),
        ("2 min", "s", 120.0),
        ("140 kPa", "MPa", 0.14),
        ("11800 mV", "V", 11.8),
        ("30 mA", "A", 0.03),
        ("3 %", "%", 3.0),
        ("10 mm/d", "mm/d", 10.0),
        (1, "1", 1.0),
        ("20", "{person}", 20.0),
        (0, "1", 0.0),
        ("0 cm", "cm", 0.0),
    ],
)
def test_a_quantity_in_the_unit_of_its_indicator(written: str | int, unit: str, meant: float) -> None:
    assert parse_quantity(written, unit) == meant


@given(st.integers(-5_000, 5_000), st.sampled_from([("mm", "cm", 10), ("mm", "m", 1000), ("s", "min", 60)]))
def test_a_converted_quantity_is_the_number_a_device_would_send(n: int, units: tuple[str, str, int]) -> None:
    """33 mm as 3.3000000000000003 cm would never be reached by a reading of 3.3 cm."""
    small, large, factor = units
    assert parse_quantity(f"{n} {small}", large) == float(Fraction(n, factor))


@pytest.mark.parametrize(
    ("written", "unit", "words"),
    [
        ("15 kg", "cm", "is in kg, and this indicator is in cm"),
        ("15 s", "cm", "is in s, and this indicator is in cm"),
        ("15 厘米", "cm", "is in 厘米, and this indicator is in cm"),
        ("15", "cm", "has no unit; this indicator is in cm"),
        (15, "cm", "has no unit; this indicator is in cm"),
        (0, "cm", "has no unit; this indicator is in cm"),
        ("fifteen cm", "cm", "is not a number with a unit"),
        ("", "cm", "is not a number with a unit"),
        ("cm", "cm", "is not a number with a unit"),
        ("nan cm", "cm", "is not a number with a unit"),
        ("1,5 cm", "cm", "is in ,5 cm"),
        ("3 %", "cm", "is in %, and this indicator is in cm"),
    ],
)
def test_a_quantity_that_does_not_fit_says_what_it_is_and_what_it_should_be(
    written: str | int, unit: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parse_quantity(written, unit)


@pytest.mark.parametrize(("written", "meant"), [("80%", 0.8), ("80 %", 0.8), ("0.5%", 0.005), ("100%", 1.0)])
def test_a_share(written: str, meant: float) -> None:
    assert parse_share(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["120%", "0%", "-5%", "0.8", 0.8, "80", "", "most"])
def test_what_is_no_share_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="percentage above 0 and up to 100"):
        parse_share(written)


@pytest.mark.parametrize(("written", "meant"), [("3 intervals", 3.0), ("1 interval", 1.0), ("2.5intervals", 2.5)])
def test_intervals(written: str, meant: float) -> None:
    assert parse_intervals(written) == meant


@pytest.mark.parametrize("written", ["0 intervals", "-3 intervals", "intervals", "3", "3m"])
def test_what_is_no_number_of_intervals_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="intervals above 0"):
        parse_intervals(written)
