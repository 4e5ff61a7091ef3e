"""A service that cannot start says why in one line."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from deploy.local.ports import free_ports
from services.loyalty.app import SERVICE
from shared.db import migrate
from shared.messaging import EventPublisher, KafkaSettings
from shared.messaging.admin import ensure_topics
from tests.support.containers import ROOT
from tests.support.loyalty import paid
from tests.support.messaging import eventually
from tests.support.stack import Infra

COMMAND = [sys.executable, "-m", "services.loyalty"]


def _environment(port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_URL": "postgresql://loyalty:hunter2@127.0.0.1:1/loyalty",
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RECOURSE_AUTH_JWKS_URL": "file:///nowhere/jwks.json",
        "RECOURSE_AUTH_ISSUER": "i",
        "RECOURSE_AUTH_AUDIENCE": "a",
        "RECOURSE_HTTP_PORT": str(port),
    }


def test_a_port_that_is_taken_is_named_and_the_missing_keys_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(COMMAND, env=_environment(port), capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == f"loyalty: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert "signing keys not fetched" in ended.stdout
    assert "hunter2" not in ended.stdout


async def test_without_its_stores_it_waits_not_ready_and_stops_when_asked(tmp_path: Path) -> None:
    port = free_ports(["http"])["http"]
    logs = tmp_path / "log"
    async with (
        _started(_environment(port), logs) as process,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        refused = dict.fromkeys(("database", "schema"), "ConnectionRefusedError")
        await eventually(lambda: _readiness(client, refused))
    assert process.returncode == 0
    lines = _lines(logs)
    assert {line["check"] for line in lines if line["event"] == "not ready"} == {
        "database",
        "schema",
        "consumer",
        "keys",
    }
    # Whoever alerts on errors would be woken by each start.
    assert {line["level"] for line in lines if line.get("route") == "/health/ready"} == {"info"}
    assert lines[-1]["event"] == "stopped"
    assert "hunter2" not in logs.read_text()


async def test_events_wait_until_the_database_is_migrated(infra: Infra, tmp_path: Path) -> None:
    kafka = KafkaSettings(infra.bootstrap_servers, infra.topic_prefix())
    await ensure_topics(kafka, partitions=3, replication=1)
    port = free_ports(["http"])["http"]
    environment = _environment(port) | {
        "RECOURSE_DATABASE_URL": await infra.create_database("loyalty"),
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "RECOURSE_TOPIC_PREFIX": kafka.topic_prefix,
    }
    database = environment["RECOURSE_DATABASE_URL"]
    # All but its own tables: that is how a database stands when a release brings a new one.
    await migrate(database, SERVICE.migration_sources()[:-1])
    async with _started(environment, tmp_path / "log"), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        async with EventPublisher(kafka, source="recourse/tickets") as publisher:
            await publisher.publish(paid("cus-1", {"tic-1": 100}))
        await eventually(lambda: _readiness(client, {"database": "ok", "schema": "SchemaBehindError"}))
        await _migrate(environment)
        await eventually(lambda: _readiness(client, {"database": "ok", "schema": "ok", "consumer": "ok"}))
        await eventually(lambda: _holds(database, "select exists (select from point_entries)"))
    assert await _holds(database, "select not exists (select from dead_letters)")
    told = [line["missing"] for line in _lines(tmp_path / "log") if line["event"] == "the database is not migrated"]
    assert told == [[f"loyalty/{path.name}" for path in SERVICE.migration_sources()[-1].files()]]


@asynccontextmanager
async def _started(environment: dict[str, str], logs: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process, asked to stop at the end."""
    with logs.open("w") as out:
        process = await asyncio.create_subprocess_exec(*COMMAND, env=environment, stdout=out)
    try:
        yield process
    finally:
        process.terminate()
        async with asyncio.timeout(15):
            await process.wait()


def _lines(logs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logs.read_text().splitlines()]


async def _migrate(environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, "migrate", env=environment)
    assert await process.wait() == 0


async def _holds(database: str, query: str) -> bool:
    connection = await asyncpg.connect(database)
    try:
        return bool(await connection.fetchval(query))
    finally:
        await connection.close()


async def _readiness(client: aiohttp.ClientSession, expected: dict[str, str]) -> bool:
    """Whether these checks came out so."""
    try:
        async with client.get("/health/ready") as response:
            checks: dict[str, str] = (await response.json())["checks"]
            return checks.items() >= expected.items()
    except aiohttp.ClientError:
        return False
