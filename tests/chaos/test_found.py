"""What chaos found in the messaging core, one test for each, so that it stays mended."""

import asyncio
from typing import Any

import asyncpg
import pytest

from shared.db import Connection, database
from shared.messaging import KafkaError, Relay, relay
from shared.messaging.kafka import make_consumer, stop_client
from shared.messaging.relay import LOCK
from tests.support.messaging import Probe, eventually, points

_WATCHED_SECONDS = 1.2


async def test_a_relay_without_the_lock_waits_calmly_although_it_is_woken(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    prepare = database.prepare_session

    async def prepare_and_listen(connection: Connection) -> None:
        await prepare(connection)
        connection.add_query_logger(asked.append)

    monkeypatch.setattr(relay, "prepare_session", prepare_and_listen)
    holder = await asyncpg.connect(probe.url)
    await holder.execute("select pg_advisory_lock($1)", LOCK)
    async with probe.relay():
        async with probe.unit_of_work.begin() as transaction:
            transaction.publish(points("c1", 1))
        await eventually(lambda: _some(asked))
        before = len(asked)
        await asyncio.sleep(_WATCHED_SECONDS)
        assert len(asked) - before <= 4
        await holder.close()
        await eventually(lambda: _is_empty(probe))


async def test_a_relay_without_a_broker_waits_calmly_although_it_is_woken(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[int] = []

    async def fail(_self: Relay) -> None:
        sessions.append(1)
        raise KafkaError

    monkeypatch.setattr(Relay, "_session", fail)
    async with probe.relay() as woken:
        woken.wake()
        await eventually(lambda: _some(sessions))
        before = len(sessions)
        await asyncio.sleep(_WATCHED_SECONDS)
        assert len(sessions) - before <= 4


async def test_a_cancellation_that_aiokafka_lets_escape_does_not_pass_for_ours(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_consumer(probe.kafka, group=None, client_id="tests")
    await client.start()
    close = client._fetcher.close

    async def close_and_leak() -> None:
        await close()
        raise asyncio.CancelledError

    monkeypatch.setattr(client._fetcher, "close", close_and_leak)
    await stop_client(client)


async def _some(found: list[Any]) -> bool:
    return bool(found)


async def _is_empty(probe: Probe) -> bool:
    return await probe.count("outbox") == 0
