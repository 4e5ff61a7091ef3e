"""The hash chain of a customer's ledger: each line's hash covers its content and the hash of the line before it."""

from collections.abc import Iterable, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from services.accounts.ledger.entries import Entry

# What comes before the first line of a customer.
NOTHING = b""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """A time as it is hashed: microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def content(entry: Entry) -> bytes:
    """The line as the bytes that are hashed: a JSON array of its columns, times in microseconds since 1970."""
    customer_id, seq, entry_id, occurred_at, recorded_at, *rest = entry
    return orjson.dumps([customer_id, seq, str(entry_id), microseconds(occurred_at), microseconds(recorded_at), *rest])


def hash_of(before: bytes, entry: Entry) -> bytes:
    """The hash of a line that follows the one with the hash `before`: 32 bytes."""
    return sha256(before + content(entry)).digest()


def chained(entries: Iterable[Entry], heads: MutableMapping[str, bytes]) -> list[Sequence[Any]]:
    """Rows of the lines, each with its hash at the end. `heads` has the last hash by customer, and is kept current.

    Lines of one customer are in the order of their numbers.
    """
    rows: list[Sequence[Any]] = []
    for entry in entries:
        head = heads[entry[0]] = hash_of(heads[entry[0]], entry)
        rows.append((*entry, head))
    return rows
