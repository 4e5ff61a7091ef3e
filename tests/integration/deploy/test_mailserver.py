"""The local mail server keeps every mail and reports what became of it, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.local.ports import HOST
from deploy.local.stack import Stack
from tests.support.messaging import eventually
from tests.support.stack import Infra, MakeStack

SLOW_SECONDS = 2.0


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    """A mail server of its own on the shared Kafka."""
    stack = make_stack(services=(), service_environment={"RECOURSE_MAIL_SLOW_SECONDS": str(SLOW_SECONDS)})
    stack.up()
    return stack


@pytest.fixture
async def reports(stack: Stack) -> AsyncIterator[Reports]:
    """What arrives on the stack's `deliveries`."""
    topic = f"{stack.config.topic_prefix}deliveries"
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    yield Reports(consumer)
    await consumer.stop()


class Reports:
    """Reads events of `deliveries`."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def next(self, count: int) -> list[dict[str, Any]]:
        """The next `count` events as {key, id, type, data}."""
        async with asyncio.timeout(30):
            return [_event(await self._consumer.getone()) for _ in range(count)]


def _event(record: Any) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in record.headers}
    return {
        "key": record.key.decode(),
        "id": headers["ce_id"],
        "type": headers["ce_type"],
        "data": json.loads(record.value),
    }


def _mail(recipient: str, *, message_id: str | None = "msg-1", customer_id: str | None = "cus-1") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "support@example.com"
    mail["To"] = recipient
    mail["Subject"] = "Ihre Bestellung über 3 €"
    if message_id:
        mail["X-Recourse-Message-Id"] = message_id
    if customer_id:
        mail["X-Recourse-Customer-Id"] = customer_id
    mail.set_content("Plain text")
    mail.add_alternative("<p>Rich <b>text</b><script>alert(1)</script></p>", subtype="html")
    return mail


def _send(stack: Stack, *mails: EmailMessage) -> None:
    with smtplib.SMTP(HOST, stack.config.ports["smtp"], timeout=20) as client:
        for mail in mails:
            client.send_message(mail)


def _get(stack: Stack, path: str) -> tuple[str, str]:
    with urllib.request.urlopen(f"{stack.service_url('mail')}{path}", timeout=10) as response:  # noqa: S310
        return response.read().decode(), response.headers.get("Content-Security-Policy", "")


def _mails(stack: Stack) -> Iterator[dict[str, Any]]:
    yield from json.loads(_get(stack, "/mails.json")[0])


async def test_each_kind_of_address_is_reported_as_it_should(stack: Stack, reports: Reports) -> None:
    recipients = {
        "slow@example.com": ("delivered", "2.0.0"),
        "ada@example.com": ("delivered", "2.0.0"),
        "bounce-hard@example.com": ("hard_bounce", "5.1.1"),
        "Bounce-Soft.ada@example.com": ("soft_bounce", "4.2.2"),
    }
    mails = [
        _mail(address, message_id=f"msg-{number}", customer_id=f"cus-{number}")
        for number, address in enumerate(recipients)
    ]

    await asyncio.to_thread(_send, stack, *mails)

    events = await reports.next(4)
    assert {(event["data"]["state"], event["data"]["status_code"]) for event in events} == set(recipients.values())
    for event in events:
        number = list(recipients).index(event["data"]["recipient"])
        assert event["key"] == event["data"]["customer_id"] == f"cus-{number}"
        assert event["data"]["message_id"] == f"msg-{number}"
        assert event["type"] == "recourse.delivery.reported.v1"
    assert events[-1]["data"]["recipient"] == "slow@example.com"


async def test_a_refused_recipient_gets_550_and_no_mail(stack: Stack, infra: Infra) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        await asyncio.to_thread(_send, stack, _mail("refuse.me@example.com"))

    [(code, _text)] = refusal.value.recipients.values()
    assert code == 550
    assert list(_mails(stack)) == []


async def test_mails_can_be_read_and_html_cannot_do_harm(stack: Stack) -> None:
    await asyncio.to_thread(_send, stack, _mail("ada@example.com", message_id=None))

    [mail] = _mails(stack)
    assert mail["subject"] == "Ihre Bestellung über 3 €"
    assert mail["reports"] == []
    assert "Ihre Bestellung über 3 €" in _get(stack, "/")[0]
    page, _ = _get(stack, f"/mails/{mail['mail_id']}")
    assert '<iframe sandbox=""' in page
    assert "Plain text" in page
    assert "<script>" not in page
    html, policy = _get(stack, f"/mails/{mail['mail_id']}/html")
    assert "Rich <b>text</b>" in html
    assert policy.startswith("sandbox; default-src 'none'")
    raw, _ = _get(stack, f"/mails/{mail['mail_id']}/raw")
    assert raw.replace("\r\n", "\n") == (
        stack.config.state_dir / "mail" / f"{mail['mail_id']}.eml"
    ).read_bytes().decode().replace("\r\n", "\n")
    for missing in ("nothing", "..%2Fsecrets", "%2e%2e%2fstack"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(stack, f"/mails/{missing}/raw")


async def test_what_cannot_be_reported_is_told_and_holds_up_no_report(stack: Stack, reports: Reports) -> None:
    odd = [
        _mail("ada@example.com", message_id="no id at all"),
        _mail("ada@example.com", message_id="m" * 65),
        _mail("ada@example.com", customer_id="Ada Novák <ada@example.com>"),
        _mail("postmaster"),
        _mail(f"ada@{'.'.join(['example'] * 40)}.com"),
    ]
    for mail in odd:
        await asyncio.to_thread(_send, stack, mail)
    await asyncio.to_thread(_send, stack, _mail("bob@example.com", message_id="msg-2"))

    [event] = await reports.next(1)

    assert event["data"]["message_id"] == "msg-2"
    await eventually(lambda: _all_are_settled(stack))
    log = stack.processes["mail"].log_path.read_text()
    assert log.count("a delivery cannot be reported") == len(odd)
    assert "ada@" not in log


async def _all_are_settled(stack: Stack) -> bool:
    mails = await asyncio.to_thread(lambda: list(_mails(stack)))
    return all(report["published"] for mail in mails for report in mail["reports"])


async def test_a_mail_that_cannot_be_kept_is_refused_for_now(stack: Stack) -> None:
    folder = stack.config.state_dir / "mail"
    folder.rename(folder.with_name("away"))
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        await asyncio.to_thread(_send, stack, _mail("ada@example.com"))
    assert refusal.value.smtp_code == 451
    assert list(_mails(stack)) == []

    folder.mkdir()
    await asyncio.to_thread(_send, stack, _mail("ada@example.com"))
    assert len(list(_mails(stack))) == 1


async def test_a_report_due_after_a_kill_is_made_after_the_restart(stack: Stack, reports: Reports) -> None:
    await asyncio.to_thread(_send, stack, _mail("slow@example.com"))
    await asyncio.to_thread(stack.processes["mail"].kill)
    await asyncio.to_thread(stack.processes["mail"].start)

    [event] = await reports.next(1)

    assert event["data"]["state"] == "delivered"


@pytest.mark.timeout(180)
async def test_reports_wait_for_a_dead_kafka(make_stack: MakeStack) -> None:
    stack = make_stack(own_kafka=True, services=())
    await asyncio.to_thread(stack.up)
    kafka = stack.processes["kafka-1"]
    await asyncio.to_thread(_send, stack, _mail("ada@example.com", message_id="before"))

    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(_send, stack, _mail("ada@example.com", message_id="while-dead"))
    await asyncio.to_thread(stack.processes["mail"].kill)
    await asyncio.to_thread(stack.processes["mail"].start)
    await asyncio.to_thread(kafka.start)

    topic = f"{stack.config.topic_prefix}deliveries"
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        seen: dict[str, set[str]] = {}
        async with asyncio.timeout(60):
            while set(seen) != {"before", "while-dead"}:
                event = _event(await consumer.getone())
                seen.setdefault(event["data"]["message_id"], set()).add(event["id"])
    assert all(len(ids) == 1 for ids in seen.values())
