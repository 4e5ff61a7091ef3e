"""Cursors: they come back as they left, and nothing else is one."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.web import Keyset, Page, PageQuery, Problem, ResponseModel, Rows

moments = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]),
)
bigints = st.integers(-(2**63), 2**63 - 1)
BY_TIME = Keyset(tuple[datetime, int])
BY_TEXT = Keyset(tuple[str, int])


@dataclass
class A:
    """A list identity."""

    list_identity: bytes = b"entries c1"


@given(moments, bigints, st.binary(max_size=100))
def test_a_key_survives_its_cursor(moment: datetime, number: int, identity: bytes) -> None:
    assert BY_TIME.decode(identity, BY_TIME.encode(identity, (moment, number))) == (moment, number)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=100), bigints)
def test_text_survives_too(text: str, number: int) -> None:
    assert BY_TEXT.decode(b"", BY_TEXT.encode(b"", (text, number))) == (text, number)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_cursor_belongs_to_one_list(one: bytes, other: bytes) -> None:
    cursor = BY_TEXT.encode(one, ("a", 1))
    if one != other:
        with pytest.raises(Problem, match="invalid_cursor"):
            BY_TEXT.decode(other, cursor)


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="invalid_cursor"):
        BY_TIME.decode(b"", text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_refused(value: Any) -> None:
    with pytest.raises(Problem, match="invalid_cursor"):
        BY_TIME.decode(b"", base64.urlsafe_b64encode(json.dumps(value).encode()).decode())


@pytest.mark.parametrize(
    "key",
    [
        [],
        ["2026-01-01T00:00:00Z"],
        ["2026-01-01T00:00:00Z", 1, 2],
        ["2026-01-01T00:00:00", 1],
        ["2026-01-01T00:00:00Z", 2**63],
        ["2026-01-01T00:00:00Z", "one"],
        ["0001-01-01T00:00:00+23:59", 1],
        ["never", 1],
        {"0": 1},
        None,
    ],
)
def test_a_made_up_key_the_database_could_not_compare_is_refused(key: object) -> None:
    genuine = BY_TIME.encode(b"", (datetime.now(UTC), 1))
    version, fingerprint, _ = json.loads(base64.urlsafe_b64decode(genuine + "=="))
    made_up = base64.urlsafe_b64encode(json.dumps([version, fingerprint, key]).encode()).decode()
    with pytest.raises(Problem, match="invalid_cursor"):
        BY_TIME.decode(b"", made_up)


@given(st.integers(0, 60), st.integers(1, 30))
def test_walking_the_pages_shows_every_row_once_in_order(rows: int, limit: int) -> None:
    by_number = Keyset(tuple[int])
    seen: list[int] = []
    cursor: str | None = None
    while True:
        query = PageQuery(limit=limit, cursor=cursor)
        after = by_number.position(A(), query)
        first = 0 if after is None else after[0] + 1
        fetched = range(rows)[first : first + limit + 1]
        page = by_number.page(A(), query, fetched, key=lambda row: (row,), item=lambda row: row)
        assert len(page.items) <= limit
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == list(range(rows))


class Line(ResponseModel):
    line_id: UUID
    at: datetime
    amount: int
    text: str | None


lines = st.fixed_dictionaries(
    {
        "line_id": st.uuids(),
        "at": moments.map(lambda moment: moment.astimezone(UTC)),
        "amount": bigints,
        "text": st.none() | st.text(),
    }
)


@given(st.lists(lines, max_size=3), st.none() | st.text(max_size=5))
def test_rows_are_told_as_a_page_of_their_models_is(rows: list[dict[str, Any]], cursor: str | None) -> None:
    told = Rows(rows, Line, cursor)
    page = told.page()
    assert [item.model_dump() for item in page.items] == rows
    assert json.loads(told.json()) == json.loads(TypeAdapter(Page[Line]).dump_json(page))
