"""The whole process with real Kafka: mail to the local mail server, and what becomes of it when it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from shared.contracts import Event
from shared.messaging import EventPublisher, KafkaSettings
from tests.support.messaging import eventually
from tests.support.notifications import MailSink, customer, paid, request
from tests.support.stack import Infra, stack_factory

SERVICE = "notifications"


async def test_purchases_become_mail_whose_fate_is_known(infra: Infra) -> None:
    names = {
        "ann": ("ann@example.com", "delivered"),
        "hard": ("bounce-hard@example.com", "hard_bounce"),
        "soft": ("bounce-soft@example.com", "soft_bounce"),
        "refused": ("refuse@example.com", "hard_bounce"),
        "nobody": (None, "not_sent"),
    }
    async with _running(infra, mail=True) as (stack, publish):
        # The orders come before their customers are known.
        await publish(*(paid(name, f"order-{name}") for name in names))
        await publish(*(customer(name, address) for name, (address, _) in names.items()))
        await publish(*(paid(name, f"order-{name}") for name in names))
        for name, (_, expected) in names.items():
            await eventually(lambda n=name, e=expected: _statuses_are(stack, n, [e]), seconds=60)  # type: ignore[misc]
        mails = [path.read_text() for path in (stack.config.state_dir / "mail").glob("*.eml")]
    assert sorted(_recipient(mail) for mail in mails) == [
        "ann@example.com", "bounce-hard@example.com", "bounce-soft@example.com",
    ]  # fmt: skip
    assert all("Saturday Lotto" in mail for mail in mails)


async def test_killed_between_final_dot_and_answer_it_is_unconfirmed_and_never_sent_again(
    infra: Infra, sink: MailSink
) -> None:
    sink.stalled_data.add("stall@example.com")
    async with _running(infra, sink=sink) as (stack, publish):
        await publish(customer("c1", "stall@example.com"), paid("c1"))
        await eventually(lambda: _received(sink, "stall@example.com", 1))
        await _kill_and_start(stack)
        await eventually(lambda: _statuses_are(stack, "c1", ["unconfirmed"]), seconds=60)
        await publish(customer("c2", "next@example.com"), paid("c2"))
        await eventually(lambda: _received(sink, "next@example.com", 1))
        assert len(sink.received_by("stall@example.com")) == 1
        (message,) = await _history(stack, "c1")
        assert [each["outcome"] for each in message["attempts"]] == ["unconfirmed"]


async def test_killed_while_claimed_it_is_sent_exactly_once(infra: Infra, sink: MailSink) -> None:
    sink.stalled_rcpt.add("stall@example.com")
    async with _running(infra, sink=sink) as (stack, publish):
        await publish(customer("c1", "stall@example.com"), *(request("c1", f"k{n}") for n in range(12)))
        # Eight connections hold one each; the others are claimed and not begun, or not claimed.
        await eventually(lambda: _offered(sink, 8))
        await _kill_and_start(stack)
        sink.resume.set()
        await eventually(lambda: _received(sink, "stall@example.com", 12), seconds=60)
        await eventually(lambda: _all_accepted(stack, "c1", 12))
        messages = await _history(stack, "c1")
        assert {message["status"] for message in messages} == {"pending"}
        assert len({mail["Message-ID"] for mail in sink.received_by("stall@example.com")}) == 12
        ends = [[each["outcome"] for each in message["attempts"]] for message in messages]
        assert all(end in (["accepted"], ["abandoned", "accepted"]) for end in ends)
        assert ends.count(["abandoned", "accepted"]) >= 8


@asynccontextmanager
async def _running(
    infra: Infra, *, mail: bool = False, sink: MailSink | None = None
) -> AsyncIterator[tuple[Stack, Any]]:
    """Notifications as a process with short leases, and a function that publishes as other services do."""
    environment = {"RECOURSE_LEASE_SECONDS": "2"}
    if sink is not None:
        environment["RECOURSE_SMTP_PORT"] = str(sink.port)
    with stack_factory(infra) as build:
        stack = build(services=(SERVICE,), mail=mail, service_environment=environment)
        await asyncio.to_thread(stack.up)
        kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        async with EventPublisher(kafka, source="tests/outside") as publisher:

            async def publish(*events: Event) -> None:
                for event in events:
                    await publisher.publish(event)

            yield stack, publish


async def _kill_and_start(stack: Stack) -> None:
    await asyncio.to_thread(stack.processes[SERVICE].kill)
    await asyncio.to_thread(stack.processes[SERVICE].start)


async def _history(stack: Stack, name: str) -> list[dict[str, Any]]:
    """A customer's messages in full."""
    headers = {"Authorization": f"Bearer {stack.token(role='viewer', subject='tester')}"}
    async with aiohttp.ClientSession(stack.service_url(SERVICE), headers=headers) as client:
        async with client.get(f"/v1/customers/{name}/correspondence") as response:
            items = (await response.json())["items"]
        found = []
        for item in items:
            async with client.get(f"/v1/correspondence/{item['id']}") as response:
                found.append(await response.json())
        return found


async def _statuses_are(stack: Stack, name: str, expected: list[str]) -> bool:
    return [message["status"] for message in await _history(stack, name)] == expected


async def _all_accepted(stack: Stack, name: str, count: int) -> bool:
    last = [message["attempts"][-1]["outcome"] for message in await _history(stack, name) if message["attempts"]]
    return last == ["accepted"] * count


async def _received(sink: MailSink, address: str, count: int) -> bool:
    return len(sink.received_by(address)) == count


async def _offered(sink: MailSink, count: int) -> bool:
    return len(sink.offered) == count


def _recipient(mail: str) -> str:
    (line,) = [line for line in mail.splitlines() if line.startswith("To: ")]
    return line.rpartition("<")[2].rstrip(">")
