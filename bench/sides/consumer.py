"""Our side: the accounts consumer with its real handlers, without HTTP and relay, until it is stopped."""

import asyncio
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

import uvloop

from bench.processes import parameters
from services.accounts.app import SERVICE
from services.accounts.ledger import store
from services.accounts.ledger.entries import Entry
from services.accounts.settings import AccountsSettings
from shared.db import Database
from shared.messaging import Consumer, KafkaSettings, UnitOfWork
from shared.service import Context, Parts, spare_collector
from shared.telemetry import configure_logging
from shared.web import stop_on_signals

_NO_HASH = bytes(32)


def _without_hashes(entries: Iterable[Entry], _: MutableMapping[str, bytes]) -> list[Sequence[Any]]:
    return [(*entry, _NO_HASH) for entry in entries]


async def consume(*, dsn: str, bootstrap_servers: str, topic_prefix: str, group: str, chain: bool = True) -> None:
    """Drain the topics of accounts. Without `chain`, ledger lines are stored with no hash worked out."""
    if not chain:
        store.chained = _without_hashes  # type: ignore[assignment, attr-defined]
    stop = stop_on_signals()
    settings = AccountsSettings.model_validate(
        {
            "database_url": dsn, "kafka_bootstrap_servers": bootstrap_servers, "http_port": 0,
            "auth_jwks_url": "file:///unused", "auth_issuer": "bench", "auth_audience": "bench",
        }
    )  # fmt: skip
    database = await Database.connect(dsn, application="accounts", max_size=settings.database_pool_size)
    unit_of_work = UnitOfWork(database)
    parts = SERVICE.build(Context(settings, database, unit_of_work))
    assert isinstance(parts, Parts)
    consumer = Consumer(
        name=group,
        kafka=KafkaSettings(bootstrap_servers, topic_prefix),
        unit_of_work=unit_of_work,
        handlers=parts.handlers,
        lock=parts.lock,
    )
    try:
        running = asyncio.create_task(consumer.run())
        await stop.wait()
        consumer.stop()
        await running
    finally:
        await database.close()


if __name__ == "__main__":
    configure_logging("accounts", level="warning", log_format="text")
    spare_collector()
    uvloop.run(consume(**parameters()))
