"""Our side: the relay of accounts, from outbox to acknowledged, until it is stopped."""

import asyncio

import uvloop

from bench.processes import parameters
from shared.messaging import KafkaSettings, Relay
from shared.service import spare_collector
from shared.telemetry import configure_logging
from shared.web import stop_on_signals


async def publish(*, dsn: str, bootstrap_servers: str, topic_prefix: str) -> None:
    """Publish the outbox."""
    stop = stop_on_signals()
    relay = Relay(dsn=dsn, kafka=KafkaSettings(bootstrap_servers, topic_prefix), source="recourse/accounts")
    running = asyncio.create_task(relay.run())
    await stop.wait()
    relay.stop()
    await running


if __name__ == "__main__":
    configure_logging("accounts", level="warning", log_format="text")
    spare_collector()
    uvloop.run(publish(**parameters()))
