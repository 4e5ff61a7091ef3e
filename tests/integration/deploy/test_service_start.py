"""A service that cannot start says why in one line."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp

from deploy.local.ports import free_ports
from tests.support.containers import ROOT
from tests.support.messaging import eventually

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
    with logs.open("w") as out:
        process = await asyncio.create_subprocess_exec(*COMMAND, env=_environment(port), stdout=out)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            await eventually(lambda: _is_not_ready(client))
    finally:
        process.terminate()
        async with asyncio.timeout(15):
            status = await process.wait()
    assert status == 0
    lines = [json.loads(line) for line in logs.read_text().splitlines()]
    assert {line["check"] for line in lines if line["event"] == "not ready"} == {"database", "consumer"}
    # Whoever alerts on errors would be woken by each start.
    assert {line["level"] for line in lines if line.get("route") == "/health/ready"} == {"info"}
    assert lines[-1]["event"] == "stopped"
    assert "hunter2" not in logs.read_text()


async def _is_not_ready(client: aiohttp.ClientSession) -> bool:
    try:
        async with client.get("/health/ready") as response:
            found = await response.json()
            return response.status == 503 and found["failed"] == ["consumer", "database"]
    except aiohttp.ClientError:
        return False
