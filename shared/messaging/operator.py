"""What an operator does with dead letters: list by cause, look at one, replay or discard it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts import Event
from shared.db import Connection, is_transient
from shared.messaging.dead_letters import letter_for_event, letter_for_record, store_letters
from shared.messaging.deferred import close_key, open_key, take_parked
from shared.messaging.processor import Processor, describe_failure
from shared.messaging.progress import claim_events, release_events
from shared.messaging.records import Received, Record, Undecodable, headers_from_json
from shared.messaging.unit_of_work import Transaction

LetterState = Literal["dead", "replayed", "discarded"]
ReplayOutcome = Literal["replayed", "dead", "not_found", "settled"]

_COLUMNS = """id, consumer, topic, partition, record_offset, ordering_key, event_id, event_source, event_type, code,
    detail, fingerprint, record_key, headers, value, traceparent, state, attempts, created_at, settled_at,
    settled_by, settled_note"""


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter as the database keeps it."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    record_offset: int
    ordering_key: str | None
    event_id: str | None
    event_source: str | None
    event_type: str | None
    code: str
    detail: str
    fingerprint: str
    record_key: bytes | None
    headers: list[list[str]]
    value: bytes | None
    traceparent: str | None
    state: LetterState
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    settled_note: str | None

    @property
    def record(self) -> Record:
        """The record as it came."""
        return Record(
            self.topic,
            self.partition,
            self.record_offset,
            self.record_key,
            headers_from_json(self.headers),
            self.value,
        )


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters of one cause. `sample_id` is the oldest of them."""

    fingerprint: str
    topic: str
    event_type: str | None
    code: str
    sample_detail: str
    sample_id: UUID
    count: int
    first_at: datetime
    last_at: datetime


async def letter_groups(connection: Connection, *, state: LetterState = "dead") -> list[LetterGroup]:
    """The letters of a state by cause, the largest group first."""
    rows = await connection.fetch(
        """select fingerprint, min(topic), min(event_type), min(code),
                  (array_agg(detail order by created_at, id))[1], (array_agg(id order by created_at, id))[1],
                  count(*), min(created_at), max(created_at)
           from dead_letters where state = $1 group by fingerprint order by count(*) desc, fingerprint limit 200""",
        state,
    )
    return [LetterGroup(*row) for row in rows]


async def list_letters(
    connection: Connection,
    *,
    state: LetterState = "dead",
    fingerprint: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 25,
) -> list[StoredLetter]:
    """Letters of a state, newest first; `before` is the (created_at, id) to go on from."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from dead_letters
            where state = $1 and ($2::text is null or fingerprint = $2)
              and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
            order by created_at desc, id desc limit $5""",  # noqa: S608 - a constant list of columns
        state, fingerprint, *(before or (None, None)), limit,
    )  # fmt: skip
    return [StoredLetter(*row) for row in rows]


async def get_letter(connection: Connection, letter_id: UUID, *, lock: bool = False) -> StoredLetter | None:
    """One letter, or None."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from dead_letters where id = $1{' for update' if lock else ''}",  # noqa: S608 - as above
        letter_id,
    )
    return StoredLetter(*row) if row is not None else None


async def replay_letter(
    processor: Processor, transaction: Transaction, letter_id: UUID, *, actor: str, note: str | None
) -> ReplayOutcome:
    """Apply a dead letter again, then what is parked behind it; if it fails again it stays dead."""
    letter = await _lock_letter(transaction, letter_id)
    if letter is None:
        return "not_found"
    if letter.state != "dead":
        return "settled"
    decoded = processor.decode([letter.record])[0]
    if isinstance(decoded, Undecodable):
        await store_letters(transaction, consumer=letter.consumer, letters=[letter_for_record(decoded, parks=False)])
        return "dead"
    if isinstance(decoded, Received) and not await _apply_again(processor, transaction, decoded):
        return "dead"
    await _settle(transaction, letter, "replayed", actor, note)
    await _release_key(processor, transaction, letter)
    return "replayed"


async def discard_letter(
    processor: Processor, transaction: Transaction, letter_id: UUID, *, actor: str, note: str | None
) -> ReplayOutcome | Literal["discarded"]:
    """Give a dead letter up, for ever, and apply what is parked behind it."""
    letter = await _lock_letter(transaction, letter_id)
    if letter is None:
        return "not_found"
    if letter.state != "dead":
        return "settled"
    await _settle(transaction, letter, "discarded", actor, note)
    await _release_key(processor, transaction, letter)
    return "discarded"


async def _lock_letter(transaction: Transaction, letter_id: UUID) -> StoredLetter | None:
    letter = await get_letter(transaction.connection, letter_id)
    if letter is not None and letter.ordering_key is not None:
        # Taken before the letter: a worker that parks an event of this key holds it in share mode.
        await transaction.connection.execute(
            "select 1 from parked_keys where consumer = $1 and ordering_key = $2 for update",
            letter.consumer, letter.ordering_key,
        )  # fmt: skip
    return await get_letter(transaction.connection, letter_id, lock=True)


async def _apply_again(processor: Processor, transaction: Transaction, event: Received[Event]) -> bool:
    connection, published = transaction.connection, len(transaction.outbox)
    if not await claim_events(connection, consumer=processor.consumer, events=[event]):
        return True
    try:
        async with connection.transaction():
            rejections = await processor.handle(transaction, [event])
    except Exception as error:
        if is_transient(error):
            raise
        del transaction.outbox[published:]
        letter = letter_for_event(event, "handler_failed", describe_failure(error), parks=False)
        await store_letters(transaction, consumer=processor.consumer, letters=[letter])
        await release_events(connection, consumer=processor.consumer, events=[event])
        return False
    return not rejections


async def _settle(
    transaction: Transaction, letter: StoredLetter, state: LetterState, actor: str, note: str | None
) -> None:
    await transaction.connection.execute(
        """update dead_letters set state = $2, settled_at = now(), settled_by = $3, settled_note = $4
           where id = $1""",
        letter.id, state, actor, note,
    )  # fmt: skip


async def _release_key(processor: Processor, transaction: Transaction, letter: StoredLetter) -> None:
    """Apply what is parked behind the letter, unless the key is parked behind another one."""
    connection = transaction.connection
    key = await open_key(connection, consumer=letter.consumer, dead_letter_id=letter.id)
    if key is None:
        return
    records = await take_parked(connection, consumer=letter.consumer, key=key)
    await processor.apply_kept(transaction, records)
    await close_key(connection, consumer=letter.consumer, key=key)
