"""Arrays and moments reach PostgreSQL and come back as they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.db import array
from shared.db.database import prepare_session
from tests.support.stack import Infra

_HOSTILE = [
    "plain", "", " ", "null", "NULL", '"', "\\", '\\"', "{", "}", "a,b", "größe", "\t", "\r\n", "\x01\x1f\x7f", "\\n",
    "\u2028", "🎟️", "\\u0041", "'", "{}", '","',
]  # fmt: skip


async def test_an_array_arrives_as_it_was_given(infra: Infra) -> None:
    connection = await asyncpg.connect(await infra.create_database("arrays"))
    texts: list[str | None] = [*_HOSTILE, None]
    for given_texts in [texts, *([text] for text in texts), [], [text for text in texts if text != "\\"]]:
        assert await connection.fetchval("select $1::text::text[]", array(given_texts)) == given_texts
    numbers = [0, -1, 2**63 - 1, -(2**63)]
    assert await connection.fetchval("select $1::text::bigint[]", array(numbers)) == numbers
    assert await connection.fetchval("select $1::text::bigint[]", array({})) == []
    await connection.close()


@given(st.lists(st.none() | st.text()))
def test_a_literal_reads_back_by_the_rules_of_postgresql(texts: list[str | None]) -> None:
    assert _parse(array(texts)) == texts


def _parse(literal: str) -> list[str | None]:
    """The elements of a literal whose texts are all quoted: a backslash makes the next character stand for itself."""
    found: list[str | None] = []
    rest = literal.removeprefix("{")
    while rest != "}":
        rest = rest.removeprefix(",")
        if rest.startswith("null"):
            found.append(None)
            rest = rest[4:]
            continue
        assert rest[0] == '"'
        text, position = "", 1
        while rest[position] != '"':
            position += rest[position] == "\\"
            text += rest[position]
            position += 1
        found.append(text)
        rest = rest[position + 1 :]
    return found


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2, 1, 1, tzinfo=UTC),
        datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 11, 22, 9, 30, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
        TypeAdapter(datetime).validate_python("2026-11-22T09:30:00.000001+05:45"),
        # The greatest offsets of RFC 3339, as texts more than PostgreSQL reads.
        TypeAdapter(datetime).validate_python("2026-11-22T09:30:00+23:59"),
        TypeAdapter(datetime).validate_python("2026-11-22T09:30:00-23:59"),
    ],
)
async def test_a_moment_is_the_same_afterwards(infra: Infra, moment: datetime) -> None:
    connection = await asyncpg.connect(await infra.create_database("moments"))
    plain = await connection.fetchval("select extract(epoch from $1::timestamptz)", moment)
    await prepare_session(connection)
    assert await connection.fetchval("select $1::timestamptz", moment) == moment
    assert await connection.fetchval("select $1::timestamptz[]", [moment, None]) == [moment, None]
    assert await connection.fetchval("select $1::text::timestamptz[]", array([moment, None])) == [moment, None]
    assert await connection.fetchval("select extract(epoch from $1::timestamptz)", moment) == plain
    with pytest.raises(asyncpg.DataError):
        await connection.fetchval("select $1::timestamptz", moment.replace(tzinfo=None))
    await connection.close()
