"""Rows as the columns that `unnest` takes."""

from __future__ import annotations

from shared.db import columns


def test_rows_become_columns() -> None:
    assert columns([("a", 1), ("b", 2)], 2) == [("a", "b"), (1, 2)]


def test_no_rows_are_as_many_empty_columns() -> None:
    assert columns([], 3) == [(), (), ()]
