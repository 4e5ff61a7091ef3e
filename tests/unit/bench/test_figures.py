"""From rounds to a figure, and from a figure to a verdict."""

from __future__ import annotations

import pytest

from bench.environment import Bench
from bench.figures import Line, Measured, at_least, at_most, percentile, ratio

ROUNDS = [{"ours": 3.0, "bare": 4.0}, {"ours": 9.0, "bare": 1.0}, {"ours": 2.0, "bare": 5.0}]


async def _never(bench: Bench) -> Measured:
    raise NotImplementedError


def test_a_ratio_is_that_of_the_medians() -> None:
    assert ratio(ROUNDS, "ours", "bare") == 3.0 / 4.0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1)])
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_single_value_is_every_percentile() -> None:
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_targets_hold_at_their_limit_and_not_beyond() -> None:
    assert at_least(0.6).met_by(0.6)
    assert not at_least(0.6).met_by(0.59)
    assert at_most(250, "ms").met_by(250)
    assert not at_most(250, "ms").met_by(251)
    assert not at_least(0.6).met_by(float("nan"))
    assert not at_most(0.6).met_by(float("nan"))


def test_a_result_has_every_figure_and_what_it_must_reach() -> None:
    line = Line("consumer", "ours / bare", at_least(0.6), _never)
    assert line.result(Measured(0.75, ROUNDS)) == {
        "id": "consumer",
        "what": "ours / bare",
        "figure": 0.75,
        "unit": "ratio",
        "target": "≥ 0.6×",
        "holds": True,
        "rounds": ROUNDS,
    }


def test_a_result_holds_only_with_all_its_conditions() -> None:
    line = Line("http-write", "ours / bare", at_least(1.3), _never)
    result = line.result(Measured(2.0, ROUNDS, {"p99 not worse": False, "quiet": True}))
    assert result["holds"] is False
    assert result["target"] == "≥ 1.3×, p99 not worse, quiet"
