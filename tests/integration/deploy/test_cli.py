"""The `recourse` command as a user runs it: a process of its own, everything by environment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.ports import DEFAULT_PORTS, free_ports, port_variable
from deploy.local.stack import Stack
from tests.support.processes import family, lives
from tests.support.stack import Infra, temporary_state_dir

ROOT = Path(__file__).resolve().parents[3]
Recourse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with temporary_state_dir() as folder:
        yield folder
        if (folder / "stack.json").exists():
            Stack.attach(folder).clean()


@pytest.fixture
def recourse(infra: Infra, state_dir: Path) -> Recourse:
    """Run the command on the shared servers; returns the finished process."""
    prefix = infra.topic_prefix()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RECOURSE_STATE_DIR": str(state_dir),
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": infra.bootstrap_servers,
        "RECOURSE_POSTGRES_ADMIN_URL": infra.admin_url,
        "RECOURSE_TOPIC_PREFIX": prefix,
        "RECOURSE_DATABASE_PREFIX": prefix.replace(".", "_"),
        **{port_variable(name): str(port) for name, port in free_ports(DEFAULT_PORTS).items()},
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


def _status_of(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.timeout(240)
async def test_up_status_token_logs_down_clean(recourse: Recourse, state_dir: Path) -> None:
    up = await asyncio.to_thread(recourse, "up")
    assert up.returncode == 0, up.stderr
    assert "✓ Starting the services" in up.stderr

    stack = Stack.attach(state_dir)
    pids = [process.pid for process in stack.processes.values()]
    assert set(stack.processes) == {"mail", "accounts", "tickets", "notifications", "loyalty"}
    assert None not in pids
    token = (await asyncio.to_thread(recourse, "token", "--role", "viewer")).stdout.strip()
    url = f"{stack.service_url('accounts')}/v1/customers/nobody-knows-me"
    assert await asyncio.to_thread(_status_of, url, token) == 404
    assert await asyncio.to_thread(_status_of, url, "not-a-token") == 401

    stack.processes["loyalty"].kill()
    status = await asyncio.to_thread(recourse, "status")
    assert [line for line in status.stdout.splitlines() if "stopped" in line and "loyalty" in line]
    assert status.stdout.count("healthy") == 4
    logs = await asyncio.to_thread(recourse, "logs", "mail", "-n", "5")
    assert logs.stdout.startswith("mail | ")
    sql = await asyncio.to_thread(recourse, "psql", "tickets", "-At", "-c", "select current_user")
    assert sql.stdout.endswith("_tickets\n")
    sql = await asyncio.to_thread(recourse, "psql", "tickets", "--owner", "-At", "-c", "select current_user")
    assert sql.stdout.endswith("_tickets_owner\n")
    again = await asyncio.to_thread(recourse, "up")
    assert again.returncode == 0, again.stderr
    assert stack.processes["loyalty"].pid not in {None, *pids}

    running = family(stack)
    assert (await asyncio.to_thread(recourse, "down")).returncode == 0
    assert [process.pid for process in running if lives(process)] == []
    assert (await asyncio.to_thread(recourse, "clean")).returncode == 0
    assert not await asyncio.to_thread(state_dir.exists)


async def test_an_error_is_one_sentence_on_standard_error(recourse: Recourse) -> None:
    result = await asyncio.to_thread(recourse, "status")

    assert result.returncode == 1
    assert result.stderr == "No local stack was started here yet: run `make up`.\n"
    assert result.stdout == ""
