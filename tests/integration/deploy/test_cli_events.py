"""`recourse publish` and `recourse follow` as a user runs them, against real Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from shared.contracts import PurchaseCompleted
from shared.messaging import EventPublisher, KafkaSettings, Publication
from shared.messaging.admin import ensure_topics
from tests.support.stack import Infra

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "deploy.cli.main"]


@pytest.fixture
async def kafka(infra: Infra) -> KafkaSettings:
    """Topics of their own."""
    settings = KafkaSettings(infra.bootstrap_servers, infra.topic_prefix())
    await ensure_topics(settings, partitions=2)
    return settings


@pytest.fixture
def environment(kafka: KafkaSettings, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RECOURSE_STATE_DIR": str(tmp_path / "state"),
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "RECOURSE_TOPIC_PREFIX": kafka.topic_prefix,
    }


@pytest.fixture
def recourse(environment: dict[str, str]) -> Run:
    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def purchase(customer: str, number: int) -> str:
    data = PurchaseCompleted.example | {
        "purchase_id": f"pur-{customer}-{number}",
        "customer": PurchaseCompleted.example["customer"] | {"id": customer},
    }
    return orjson.dumps({"type": PurchaseCompleted.type, "id": f"{customer}-{number}", "data": data}).decode()


def followed(output: str) -> list[str]:
    return [orjson.loads(line)["id"] for line in output.splitlines()]


async def test_a_file_is_published_and_can_be_followed_and_published_again(recourse: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    names = [(customer, n) for n in range(1200) for customer in ("c1", "c2")]
    file.write_text("\n".join(purchase(*name) for name in names), encoding="utf-8")
    published = await asyncio.to_thread(recourse, "publish", str(file))
    assert (published.returncode, published.stderr) == (0, "Published 2400 events.\n")
    shown = await asyncio.to_thread(recourse, "follow", "purchases", "--until-now", "--json", "--customer", "c1")
    assert followed(shown.stdout) == [f"c1-{n}" for n in range(1200)]
    again = await asyncio.to_thread(recourse, "publish", "-", stdin=shown.stdout)
    assert (again.returncode, again.stderr) == (0, "Published 1200 events.\n")


async def test_nothing_of_a_bad_file_is_published_unless_told(recourse: Run) -> None:
    bad = f'{purchase("c1", 1)}\n{{"type": "{PurchaseCompleted.type}", "data": {{}}}}\n{purchase("c1", 2)}\n'
    refused = await asyncio.to_thread(recourse, "publish", "-", stdin=bad)
    assert refused.returncode == 3
    assert "line 2: data.purchase_id: Field required" in refused.stderr
    assert refused.stderr.endswith("1 of 3 events are invalid; nothing was published.\n")
    assert (await asyncio.to_thread(recourse, "follow", "purchases", "--until-now", "--json")).stdout == ""
    skipped = await asyncio.to_thread(recourse, "publish", "-", "--skip-invalid", stdin=bad)
    assert skipped.returncode == 3
    assert "line 2: data.purchase_id: Field required" in skipped.stderr
    assert skipped.stderr.endswith("Published 2 events; invalid lines skipped: 1.\n")
    shown = await asyncio.to_thread(recourse, "follow", "purchases", "--until-now", "--json")
    assert followed(shown.stdout) == ["c1-1", "c1-2"]


async def test_what_is_no_event_is_shown_as_such(recourse: Run, kafka: KafkaSettings) -> None:
    async with EventPublisher(kafka, source="tests") as publisher:
        await publisher.send([Publication("tickets", b"cus-[red]", (), b"\xff[bold]")])
    shown = await asyncio.to_thread(recourse, "follow", "tickets", "--until-now")
    assert "not_a_cloudevent specversion: CloudEvents 1.0 is expected cus-[red] (7 bytes)" in shown.stdout
    as_json = await asyncio.to_thread(recourse, "follow", "tickets", "--until-now", "--json")
    assert as_json.stdout == ""
    assert "not_a_cloudevent" in as_json.stderr


async def test_follow_shows_what_comes_filtered_and_ends_at_ctrl_c(environment: dict[str, str], recourse: Run) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "follow", "purchases", "--type", "recourse.purchase.*", "--customer", "c2",
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await _first_line(process.stdout, recourse)
        assert f"{PurchaseCompleted.type} c2 " in line
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(15):
            _, errors = await process.communicate()
        assert process.returncode == 0
        assert b"Traceback" not in errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _first_line(output: asyncio.StreamReader, recourse: Run) -> str:
    """Publish until the follower, which shows only what comes after its start, shows something."""
    reading = asyncio.create_task(output.readline())
    for number in range(60):
        await asyncio.to_thread(recourse, "publish", "-", stdin=f"{purchase('c1', number)}\n{purchase('c2', number)}\n")
        if reading.done():
            break
    async with asyncio.timeout(10):
        return (await reading).decode()


async def test_what_cannot_be_had_is_one_sentence(recourse: Run) -> None:
    unknown = await asyncio.to_thread(recourse, "follow", "nonsense", "--until-now")
    assert unknown.returncode == 1
    assert "There is no topic 'nonsense': choose one of activity, activity.dead, balances" in unknown.stderr
    missing = await asyncio.to_thread(recourse, "publish", "/nowhere/events.jsonl")
    assert (missing.returncode, missing.stderr) == (
        1,
        "/nowhere/events.jsonl cannot be read: No such file or directory.\n",
    )
    broker = ("--bootstrap-servers", "127.0.0.1:1")
    silent = await asyncio.to_thread(recourse, "publish", "-", *broker, stdin=purchase("c1", 1))
    assert silent.returncode == 1
    assert silent.stderr.endswith("Kafka at 127.0.0.1:1 does not answer: is it running?\n")
