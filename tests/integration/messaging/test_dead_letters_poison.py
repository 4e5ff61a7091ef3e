"""Poison of every kind: each is kept and published as a dead letter, and nothing else stops."""

from collections import Counter

import aiokafka
import asyncpg
import orjson
import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from shared.ids import uuid7
from shared.messaging import KafkaSettings
from shared.messaging.follow import follow
from shared.messaging.operator import letter_groups
from shared.messaging.processor import describe_failure
from shared.messaging.records import Decoded, Record
from tests.support.bad_rows import heal, poison
from tests.support.messaging import Probe, eventually, points
from tests.support.poison import KINDS, TOPIC, event_headers, payload, record, violation


async def test_every_kind_of_poison_is_kept_and_published_and_stops_nobody_else(probe: Probe) -> None:
    probe.consumer()
    await probe.publisher.send([bad for _, bad in KINDS.values()])
    await probe.publish([points(f"healthy-{n}", n) for n in range(20)])
    async with probe.relay():
        await eventually(lambda: _is_count(probe, "dead_letters", len(KINDS)))
        await eventually(lambda: _is_count(probe, "effects", 20))
        await eventually(lambda: _is_count(probe, "outbox", 0))
    await _check_stored(probe)
    await _check_published(probe)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["ada@example.com (Ada)"], "DataError: invalid input for query argument $1 (expected str, got list)"),
        (b"ada@example.com" * 9, "DataError: invalid input for query argument $1 (expected str, got bytes)"),
    ],
)
async def test_what_is_said_of_a_failure_names_no_value(probe: Probe, wrong: object, said: str) -> None:
    async with probe.database.read() as connection:
        with pytest.raises(asyncpg.DataError) as failure:
            await connection.fetch("select $1::text", wrong)
    assert "ada@" in str(failure.value)
    assert describe_failure(failure.value) == said


async def _check_stored(probe: Probe) -> None:
    rows = await probe.fetch("select code, value, record_key from dead_letters")
    assert Counter(row[0] for row in rows) == Counter(code for code, _ in KINDS.values())
    assert {row[1] for row in rows} == {bad.value for _, bad in KINDS.values()}
    assert await probe.fetch("select ordering_key from parked_keys order by 1") == [("violator",)]
    async with probe.database.read() as connection:
        groups = await letter_groups(connection)
    assert sum(group.count for group in groups) == len(KINDS)
    assert {group.topic for group in groups} == {TOPIC}


async def _check_published(probe: Probe) -> None:
    published = await _dead(probe.kafka)
    assert len(published) == len(KINDS)
    stored = {str(row[0]): row[1] for row in await probe.fetch("select id, code from dead_letters")}
    assert {each.header("dead-letter-id"): each.header("dead-letter-code") for each in published} == stored
    for each in published:
        assert each.header("dead-letter-topic") == TOPIC
        assert each.header("dead-letter-consumer") == f"{probe.kafka.topic_prefix}probe"
        assert each.value in {bad.value for _, bad in KINDS.values()}


async def test_a_record_that_only_compression_let_through_is_kept_and_its_letter_says_so(probe: Probe) -> None:
    value = b"\x00" * 40_000_000
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=probe.kafka.bootstrap_servers,
        max_request_size=50_000_000,
        max_batch_size=50_000_000,
        compression_type="lz4",
    )
    await producer.start()
    await producer.send_and_wait(probe.kafka.full_name(TOPIC), value, headers=list(event_headers()))
    await producer.stop()
    probe.consumer()
    async with probe.relay():
        await eventually(lambda: _is_count(probe, "dead_letters", 1))
        await eventually(lambda: _is_count(probe, "outbox", 0))
    assert await probe.fetch("select code, length(value) from dead_letters") == [("too_large", len(value))]
    (published,) = await _dead(probe.kafka)
    assert published.value is None
    assert published.header("dead-letter-omitted") == "too large"


async def test_what_cannot_even_be_kept_stops_its_own_partition_only(probe: Probe) -> None:
    await poison(probe.unit_of_work, "dead_letters", "code", ["schema_violation"])
    probe.consumer()
    await probe.publisher.send([violation("bad")])
    await probe.publish([points(f"healthy-{n}", n) for n in range(20)])
    await eventually(lambda: _is_at_least(probe, "effects", 10))
    await heal(probe.unit_of_work, "dead_letters")
    await eventually(lambda: _is_count(probe, "effects", 20))
    assert await probe.count("dead_letters") == 1


async def test_the_trace_is_kept_as_it_came_or_not_at_all(probe: Probe) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    document = {"specversion": "1.0", "id": "1", "source": "shop", "type": "recourse.points.awarded.v1", "data": 1}
    structured = orjson.dumps(document | {"traceparent": trace})
    probe.consumer()
    await probe.publisher.send(
        [
            record(b"{", event_headers(changed={"traceparent": trace.encode()})),
            record(structured, event_headers(changed={"content-type": b"application/cloudevents+json"})),
            record(b"{", event_headers(changed={"traceparent": b"01" + trace[2:].encode() + b"-\x00"})),
        ]
    )
    await eventually(lambda: _is_count(probe, "dead_letters", 3))
    rows = await probe.fetch("select traceparent from dead_letters order by record_offset")
    assert [row[0] for row in rows] == [trace, trace, trace]


async def test_a_header_without_a_value_is_no_poison(probe: Probe) -> None:
    headers = [*event_headers(), ("x-empty", None)]
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=probe.kafka.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(probe.kafka.full_name(TOPIC), payload("c1"), headers=headers)
    await producer.send_and_wait(probe.kafka.full_name(TOPIC), b"{", headers=headers)
    await producer.stop()
    probe.consumer()
    await eventually(lambda: _is_count(probe, "dead_letters", 1))
    await eventually(lambda: _is_count(probe, "effects", 1))


async def test_the_name_of_a_header_need_not_be_text(probe: Probe) -> None:
    headers = [*event_headers(), (_Octets("x-\xff"), b"1")]
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=probe.kafka.bootstrap_servers)
    await producer.start()
    topic = probe.kafka.full_name(TOPIC)
    for values in ([payload("c0")], [payload("c1"), b"{", payload("c2")], [payload("c3")]):
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 16_384)
        for value in values:
            ce_id = ("ce_id", str(uuid7()).encode())
            batch.append(timestamp=None, key=b"k", value=value, headers=[*headers, ce_id])
        await (await producer.send_batch(batch, topic, partition=0))
    await producer.stop()
    probe.consumer()
    async with probe.relay():
        await eventually(lambda: _is_count(probe, "effects", 4))
        await eventually(lambda: _is_count(probe, "outbox", 0))
    assert await probe.fetch("select customer_id from effects order by n") == [("c0",), ("c1",), ("c2",), ("c3",)]
    (published,) = await _dead(probe.kafka)
    assert published.header("x-\\xff") == "1"


class _Octets(str):
    """A name whose characters stand for single octets."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        return super().encode("latin-1")


async def test_a_record_seen_twice_is_one_letter(probe: Probe) -> None:
    """A consumer's progress may be set back by hand; the letters then stay what they are."""
    probe.consumer()
    await probe.publisher.send([record(b"{")])
    await eventually(lambda: _is_count(probe, "dead_letters", 1))
    await probe.stop_consumers()
    async with probe.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update consumer_offsets set next_offset = 0")
    probe.consumer()
    await eventually(lambda: _attempts(probe, 2))
    assert await probe.count("dead_letters") == 1


async def _is_count(probe: Probe, table: str, expected: int) -> bool:
    return await probe.count(table) == expected


async def _is_at_least(probe: Probe, table: str, expected: int) -> bool:
    return await probe.count(table) >= expected


async def _attempts(probe: Probe, expected: int) -> bool:
    return await probe.fetch("select attempts from dead_letters") == [(expected,)]


async def _dead(kafka: KafkaSettings) -> list[Record]:
    dead: list[Decoded] = [item async for item in follow(kafka, f"{TOPIC}.dead", from_beginning=True, to_present=True)]
    return [item.record for item in dead]
