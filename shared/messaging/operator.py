"""What an operator does with dead letters: list by cause, look at one, replay or discard it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts import Event
from shared.db import Connection, is_transient
from shared.messaging.dead_letters import letter_for_event, letter_for_record, store_letters
from shared.messaging.deferred import close_key, open_key, take_parked
from shared.messaging.erasure import erase_if_settled_late
from shared.messaging.processor import Processor, describe_failure
from shared.messaging.progress import claim_events, release_events
from shared.messaging.records import Decoded, Received, Record, Undecodable, headers_from_json
from shared.messaging.unit_of_work import Transaction

LetterState = Literal["dead", "replayed", "discarded"]
# Of large letters an operator's step takes no more: all of them are in memory until it commits.
MAX_STEP_BYTES = 16_000_000

_SUMMARY = """id, consumer, topic, partition, record_offset, ordering_key, event_id, event_source, event_type, code,
    detail, fingerprint, state, attempts, created_at, settled_at, settled_by, settled_note"""
_COLUMNS = f"{_SUMMARY}, record_key, headers, value"


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """A dead letter without the record that it keeps."""

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
    state: LetterState
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    settled_note: str | None


@dataclass(frozen=True, slots=True)
class StoredLetter(LetterSummary):
    """A dead letter as the database keeps it."""

    record_key: bytes | None
    headers: list[list[str]]
    value: bytes | None

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
class Outcome:
    """What an operator's action made of a letter; nothing when it was settled before."""

    before: LetterSummary
    after: LetterSummary

    @property
    def was_settled(self) -> bool:
        """Whether somebody replayed or discarded it before."""
        return self.before.state != "dead"


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
        """with causes as materialized (
               select fingerprint, count(*) as letters, min(created_at) as first_at, max(created_at) as last_at
               from dead_letters where state = $1 group by fingerprint order by letters desc, fingerprint limit 200)
           select fingerprint, topic, event_type, code, detail, id, letters, first_at, last_at
           from causes cross join lateral (
               select topic, event_type, code, detail, id from dead_letters d
               where d.state = $1 and d.fingerprint = causes.fingerprint order by created_at, id limit 1) as sample
           order by letters desc, fingerprint""",
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
) -> list[LetterSummary]:
    """Letters of a state, newest first; `before` is the (created_at, id) to go on from."""
    rows = await connection.fetch(
        f"""select {_SUMMARY} from dead_letters
            where state = $1 and {"$2::text is null" if fingerprint is None else "fingerprint = $2"}
              and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
            order by created_at desc, id desc limit $5""",  # noqa: S608 - constants
        state, fingerprint, *(before or (None, None)), limit,
    )  # fmt: skip
    return [LetterSummary(*row) for row in rows]


async def get_letter(connection: Connection, letter_id: UUID) -> StoredLetter | None:
    """One letter with its record, or None."""
    row = await connection.fetchrow(f"select {_COLUMNS} from dead_letters where id = $1", letter_id)  # noqa: S608
    return StoredLetter(*row) if row is not None else None


async def dead_in_group(
    connection: Connection, fingerprint: str, *, after: UUID | None, limit: int
) -> tuple[list[UUID], bool]:
    """The oldest dead letters of a group, fewer than `limit` when they are large, and whether there are more.

    `after` is the letter to go on from.
    """
    rows = await connection.fetch(
        """select id, coalesce(sum(bytes) over (order by created_at, id rows between unbounded preceding
                                                                               and 1 preceding), 0) as before
           from (select id, created_at, coalesce(octet_length(value), 0) as bytes from dead_letters
                 where state = 'dead' and fingerprint = $1
                   and ($2::uuid is null
                        or (created_at, id) > (select d.created_at, d.id from dead_letters d where d.id = $2))
                 order by created_at, id limit $3 + 1) as oldest
           order by created_at, id""",
        fingerprint, after, limit,
    )  # fmt: skip
    step = [row["id"] for row in rows[:limit] if row["before"] < MAX_STEP_BYTES]
    return step, len(step) < len(rows)


async def replay_letters(
    processor: Processor, transaction: Transaction, letter_ids: Sequence[UUID], *, actor: str, note: str
) -> list[Outcome]:
    """Apply dead letters again in this order, each with what is parked behind it; one that fails again stays dead.

    Ids that name no letter have no outcome.
    """
    letters = await _lock_letters(transaction, letter_ids)
    decoded = processor.decode([letter.record for letter in letters])
    keys = [item.key for item in decoded if isinstance(item, Received)]
    await processor.lock(transaction, keys)
    outcomes = []
    for letter, item in zip(letters, decoded, strict=True):
        if letter.state == "dead" and await _apply_again(processor, transaction, letter, item):
            await _settle(processor, transaction, letter, "replayed", actor, note)
        outcomes.append(await _outcome(transaction, letter))
    return outcomes


async def discard_letters(
    processor: Processor, transaction: Transaction, letter_ids: Sequence[UUID], *, actor: str, note: str
) -> list[Outcome]:
    """Give dead letters up, for ever and with their copies, and apply what is parked behind them.

    Ids that name no letter have no outcome.
    """
    outcomes = []
    letters = await _lock_letters(transaction, letter_ids)
    for letter, item in zip(letters, processor.decode([letter.record for letter in letters]), strict=True):
        if letter.state == "dead":
            if isinstance(item, Received):
                await claim_events(transaction.connection, consumer=processor.consumer, events=[item])
            await _settle(processor, transaction, letter, "discarded", actor, note)
        outcomes.append(await _outcome(transaction, letter))
    return outcomes


async def _lock_letters(transaction: Transaction, letter_ids: Sequence[UUID]) -> list[StoredLetter]:
    connection = transaction.connection
    # Taken before the letters: a worker that parks an event of such a key holds it in share mode.
    await connection.execute(
        """select from parked_keys
           where (consumer, ordering_key) in
                 (select consumer, ordering_key from dead_letters where id = any($1::uuid[]))
           order by ordering_key for update""",
        letter_ids,
    )
    rows = await connection.fetch(
        f"select {_COLUMNS} from dead_letters where id = any($1::uuid[]) order by id for update",  # noqa: S608
        letter_ids,
    )
    letters = {row["id"]: StoredLetter(*row) for row in rows}
    return [letters[letter_id] for letter_id in letter_ids if letter_id in letters]


async def _outcome(transaction: Transaction, letter: StoredLetter) -> Outcome:
    (row,) = await transaction.connection.fetch(
        f"select {_SUMMARY} from dead_letters where id = $1",  # noqa: S608 - a constant list of columns
        letter.id,
    )
    return Outcome(letter, LetterSummary(*row))


async def _apply_again(processor: Processor, transaction: Transaction, letter: StoredLetter, item: Decoded) -> bool:
    if isinstance(item, Undecodable):
        await store_letters(transaction, consumer=letter.consumer, letters=[letter_for_record(item, parks=False)])
        return False
    # What nobody here handles any more is done.
    return not isinstance(item, Received) or await _handle_again(processor, transaction, item)


async def _handle_again(processor: Processor, transaction: Transaction, event: Received[Event]) -> bool:
    connection = transaction.connection
    if not await claim_events(connection, consumer=processor.consumer, events=[event]):
        return True
    try:
        async with transaction.savepoint():
            rejections = await processor.handle(transaction, [event])
    except Exception as error:
        if is_transient(error):
            raise
        letter = letter_for_event(event, "handler_failed", describe_failure(error), parks=False)
        await store_letters(transaction, consumer=processor.consumer, letters=[letter])
        await release_events(connection, consumer=processor.consumer, events=[event])
        return False
    return not rejections


async def _settle(
    processor: Processor,
    transaction: Transaction,
    letter: StoredLetter,
    state: LetterState,
    actor: str,
    note: str,
) -> None:
    await transaction.connection.execute(
        """update dead_letters set state = $2, settled_at = now(), settled_by = $3, settled_note = $4
           where id = $1""",
        letter.id, state, actor, note,
    )  # fmt: skip
    await erase_if_settled_late(transaction.connection, letter.id)
    await _release_key(processor, transaction, letter)


async def _release_key(processor: Processor, transaction: Transaction, letter: StoredLetter) -> None:
    """Apply what is parked behind the letter, unless the key is parked behind another one."""
    connection = transaction.connection
    key = await open_key(connection, consumer=letter.consumer, dead_letter_id=letter.id)
    if key is None:
        return
    records = await take_parked(connection, consumer=letter.consumer, key=key)
    await processor.apply_kept(transaction, records)
    await close_key(connection, consumer=letter.consumer, key=key)
