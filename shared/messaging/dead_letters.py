"""Dead letters: what could not be handled, kept whole for an operator and published on `<topic>.dead`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import asyncpg

from shared.contracts import Event
from shared.db import Connection
from shared.ids import uuid7
from shared.messaging.kafka import MAX_RECORD_BYTES
from shared.messaging.outbox import OutboxRow
from shared.messaging.records import Headers, Received, Record, Undecodable, headers_as_json
from shared.messaging.unit_of_work import Transaction
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter
from shared.telemetry.trace import parse_traceparent

log = get_logger(__name__)
_letters = counter("recourse_dead_letters_total", "Records that became dead letters", ("topic", "code"))

DEAD_SUFFIX = ".dead"
DEAD_TYPE = "recourse.dead_letter.v1"
# A compressed batch may hold a record that no topic takes as it is; the database keeps it whole.
MAX_LETTER_BYTES = MAX_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be handled. `parks` says that later events of its customer must wait."""

    id: UUID
    record: Record
    code: str
    detail: str
    event_id: str | None
    event_source: str | None
    event_type: str | None
    ordering_key: str | None
    traceparent: str | None
    parks: bool

    @property
    def fingerprint(self) -> str:
        """The same for letters that died of the same cause, whatever ids and numbers their details name."""
        shape = re.sub(r"[0-9]+", "#", self.detail)
        cause = "\x00".join((self.record.topic, self.event_type or "", self.code, shape))
        return hashlib.sha256(cause.encode()).hexdigest()[:16]


def letter_for_record(fault: Undecodable, *, parks: bool) -> DeadLetter:
    """The dead letter of a record that is no event of ours."""
    return DeadLetter(
        uuid7(), fault.record, fault.code, _text(fault.detail), fault.event_id, fault.event_source,
        fault.event_type, fault.ordering_key, _canonical(fault.traceparent or fault.record.header("traceparent")),
        parks,
    )  # fmt: skip


def letter_for_event(event: Received[Event], code: str, detail: str, *, parks: bool) -> DeadLetter:
    """The dead letter of an event that its handler could not apply."""
    return DeadLetter(
        uuid7(), event.record, code, _text(detail), event.id, event.source, event.type,
        event.key, event.trace.traceparent, parks,
    )  # fmt: skip


def _canonical(traceparent: str | None) -> str | None:
    """None for what is no trace: it may hold what PostgreSQL cannot."""
    trace = parse_traceparent(traceparent)
    return None if trace is None else trace.traceparent


def _text(detail: str) -> str:
    """What PostgreSQL can hold of it, and Kafka carry."""
    return detail[:2000].replace("\x00", "").encode(errors="replace").decode()


async def store_letters(transaction: Transaction, *, consumer: str, letters: Sequence[DeadLetter]) -> None:
    """Keep the letters, park the keys behind them and publish them on their dead-letter topics.

    Raises SerializationError, which passes, where a key was parked behind another letter meanwhile.
    """
    for letter in letters:
        stored = await _insert(transaction.connection, consumer, letter)
        if letter.parks:
            await _park_key(transaction.connection, consumer, letter, stored)
        transaction.outbox.append(_publication(consumer, replace(letter, id=stored)))
        transaction.on_commit(partial(_count, letter))


async def _park_key(connection: Connection, consumer: str, letter: DeadLetter, stored: UUID) -> None:
    parked = await connection.fetchval(
        """insert into parked_keys (consumer, ordering_key, dead_letter_id)
           values ($1, $2, $3) on conflict (consumer, ordering_key) do update
               set dead_letter_id = excluded.dead_letter_id, parked_at = excluded.parked_at, is_open = false
               where parked_keys.is_open
           returning true""",
        consumer, letter.ordering_key, stored,
    )  # fmt: skip
    if not parked and stored == letter.id:
        # Nothing would wait for this letter. When it is tried again it is parked behind the other one.
        raise asyncpg.SerializationError("another partition parked this customer just now")


def _count(letter: DeadLetter) -> None:
    """Tell metrics and logs."""
    _letters.labels(letter.record.topic, letter.code).inc()
    log.warning(
        "dead letter",
        topic=letter.record.topic, partition=letter.record.partition, offset=letter.record.offset,
        code=letter.code, event_type=letter.event_type, event_id=letter.event_id, traceparent=letter.traceparent,
    )  # fmt: skip


async def _insert(connection: Connection, consumer: str, letter: DeadLetter) -> UUID:
    record = letter.record
    # A record that dies again (an operator's replay did not help) stays the letter that it was.
    stored: UUID = await connection.fetchval(
        """insert into dead_letters
               (id, consumer, topic, partition, record_offset, ordering_key, event_id, event_source, event_type,
                code, detail, fingerprint, record_key, headers, value, traceparent)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
           on conflict (consumer, topic, partition, record_offset) do update
               set code = excluded.code, detail = excluded.detail, fingerprint = excluded.fingerprint,
                   ordering_key = coalesce(excluded.ordering_key, dead_letters.ordering_key),
                   event_id = excluded.event_id,
                   event_source = excluded.event_source, event_type = excluded.event_type,
                   record_key = excluded.record_key, headers = excluded.headers, value = excluded.value,
                   traceparent = excluded.traceparent, state = 'dead', attempts = dead_letters.attempts + 1,
                   settled_at = null, settled_by = null, settled_note = null
           returning id""",
        letter.id, consumer, record.topic, record.partition, record.offset, letter.ordering_key,
        letter.event_id, letter.event_source, letter.event_type, letter.code, letter.detail,
        letter.fingerprint, record.key, record.headers_as_json(), record.value, letter.traceparent,
    )  # fmt: skip
    return stored


def _publication(consumer: str, letter: DeadLetter) -> OutboxRow:
    record = letter.record
    headers, value = (*record.headers, *_reasons(consumer, letter)), record.value
    if len(value or b"") + sum(len(name.encode()) + len(content) for name, content in headers) > MAX_LETTER_BYTES:
        headers, value = (*_reasons(consumer, letter), ("dead-letter-omitted", b"too large")), None
    return OutboxRow(
        id=letter.id,
        topic=record.topic + DEAD_SUFFIX,
        # aiokafka refuses a record that has neither key nor value.
        key=letter.ordering_key or str(letter.id),
        type=DEAD_TYPE,
        payload=value,
        occurred_at=datetime.now(UTC),
        traceparent=letter.traceparent,
        headers=headers_as_json(headers),
    )


def _reasons(consumer: str, letter: DeadLetter) -> Headers:
    record = letter.record
    pairs = [
        ("dead-letter-id", str(letter.id)),
        ("dead-letter-consumer", consumer),
        ("dead-letter-code", letter.code),
        ("dead-letter-detail", letter.detail),
        ("dead-letter-topic", record.topic),
        ("dead-letter-partition", str(record.partition)),
        ("dead-letter-offset", str(record.offset)),
    ]
    headers = [(name, value.encode()) for name, value in pairs]
    if record.key is not None:
        headers.append(("dead-letter-key", record.key))
    if letter.traceparent is not None and record.header("traceparent") is None:
        headers.append(("traceparent", letter.traceparent.encode()))
    return tuple(headers)
