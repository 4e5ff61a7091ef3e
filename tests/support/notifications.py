"""Events for tests of notifications, a mail server that does as it is told, and a look at what became of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import free_ports
from services.notifications.delivery.mail import Sender
from services.notifications.delivery.smtp import Server
from services.notifications.delivery.worker import DeliveryWorker
from shared.contracts import CorrespondenceRequested, CustomerChanged, DeliveryReported, TicketCancelled, TicketsPaid
from shared.service import Job
from tests.support.partition import Partition

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HANG_UP = ""


def customer(customer_id: str, email: str | None = "", version: int = 1, **changes: Any) -> CustomerChanged:
    """A customer as accounts publishes it; the address is `<id>@example.com` unless given."""
    address = f"{customer_id}@example.com" if email == "" else email
    data = CustomerChanged.example | {"customer_id": customer_id, "email": address, "version": version} | changes
    return CustomerChanged.model_validate_json(orjson.dumps(data))


def paid(customer_id: str, order: str = "order-1", **changes: Any) -> TicketsPaid:
    """An order that is paid."""
    data = TicketsPaid.example | {"customer_id": customer_id, "order_id": order} | changes
    return TicketsPaid.model_validate_json(orjson.dumps(data))


def cancelled(customer_id: str, ticket_id: str = "tic-1", **changes: Any) -> TicketCancelled:
    """A ticket that was cancelled."""
    ticket = TicketCancelled.example["ticket"] | {"id": ticket_id}
    data = TicketCancelled.example | {"customer_id": customer_id, "ticket": ticket} | changes
    return TicketCancelled.model_validate_json(orjson.dumps(data))


def request(customer_id: str, key: str = "key-1", **changes: Any) -> CorrespondenceRequested:
    """Another service's request to tell a customer something."""
    data = CorrespondenceRequested.example | {"customer_id": customer_id, "idempotency_key": key} | changes
    return CorrespondenceRequested.model_validate_json(orjson.dumps(data))


def report(customer_id: str, message_id: object, state: str, **changes: Any) -> DeliveryReported:
    """A provider's report."""
    named = {"customer_id": customer_id, "message_id": str(message_id), "state": state}
    return DeliveryReported.model_validate_json(orjson.dumps(DeliveryReported.example | named | changes))


@dataclass
class MailSink:
    """An SMTP server. `rcpt` and `data` have, by recipient, the replies to give before it accepts.

    The reply HANG_UP closes the connection instead. A recipient in `stalled_rcpt` or `stalled_data` gets no reply at
    that point until `resume` is set. `received` has what came with its final dot, whatever was replied. `options` are
    those of aiosmtpd's `SMTP`.
    """

    port: int
    rcpt: dict[str, list[str]] = field(default_factory=dict)
    data: dict[str, list[str]] = field(default_factory=dict)
    stalled_rcpt: set[str] = field(default_factory=set)
    stalled_data: set[str] = field(default_factory=set)
    resume: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    sessions: set[SMTP] = field(default_factory=set)
    options: dict[str, Any] = field(default_factory=dict)

    def hang_up(self) -> None:
        """Close all connections at once."""
        for protocol in self.sessions:
            _abort(protocol)
        self.sessions.clear()

    def received_by(self, recipient: str) -> list[EmailMessage]:
        """What came for one recipient."""
        return [mail for address, mail in self.received if address == recipient]

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.offered.append(address)
        if address in self.stalled_rcpt:
            await self.resume.wait()
        if reply := self._reply(server, self.rcpt.get(address, [])):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (address,) = envelope.rcpt_tos
        content = envelope.content
        assert isinstance(content, bytes)
        self.received.append((address, message_from_bytes(content, EmailMessage, policy=policy.default)))
        if address in self.stalled_data:
            await self.resume.wait()
        return self._reply(server, self.data.get(address, [])) or "250 2.0.0 queued"

    def _reply(self, server: SMTP, replies: list[str]) -> str | None:
        if not replies:
            return None
        reply = replies.pop(0)
        if reply == HANG_UP:
            _abort(server)
            return "451 never read"
        return reply


def _abort(protocol: SMTP) -> None:
    if isinstance(protocol.transport, asyncio.WriteTransport):
        protocol.transport.abort()


@asynccontextmanager
async def mail_sink(port: int | None = None) -> AsyncIterator[MailSink]:
    """A running sink on a free port."""
    sink = MailSink(port or free_ports(["sink"])["sink"])
    async with sink_listening(sink):
        yield sink


@asynccontextmanager
async def sink_listening(sink: MailSink) -> AsyncIterator[None]:
    """Let the sink answer for the duration of the block; its connections end with it."""
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        protocol = SMTP(sink, hostname="localhost", loop=loop, **sink.options)
        sink.sessions.add(protocol)
        return protocol

    server = await loop.create_server(session, "127.0.0.1", sink.port)
    try:
        yield
    finally:
        sink.resume.set()
        server.close()
        sink.hang_up()


def another_worker(partition: Partition, sink: MailSink) -> Job:
    """A worker of another process that sends for the same database."""
    server = Server("127.0.0.1", sink.port, username=None, password=None, starttls=False, timeout=60)
    sender = Sender("Recourse", "no-reply@recourse.example")
    lease = timedelta(seconds=30)
    return DeliveryWorker(partition.unit_of_work, server=server, sender=sender, lease=lease, connections=3).run


@asynccontextmanager
async def working(partition: Partition, job: Job | None = None) -> AsyncIterator[None]:
    """Run the delivery worker for the duration of the block, and stop it as a signal would."""
    stop = asyncio.Event()
    task = asyncio.create_task((job or partition.parts.jobs[0])(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def messages(partition: Partition, customer_id: str) -> list[tuple[str, str, str | None]]:
    """(template, status, address) of a customer's messages, in the order in which they were made."""
    return await partition.fetch(
        """select template, status, recipient_address from correspondence
           where customer_id = $1 order by created_at, id""",
        customer_id,
    )


async def message_id(partition: Partition, customer_id: str) -> str:
    """The id of a customer's only message."""
    ((found,),) = await partition.fetch("select id::text from correspondence where customer_id = $1", customer_id)
    return str(found)


async def status(partition: Partition, customer_id: str) -> str:
    """The status of a customer's only message."""
    ((found,),) = await partition.fetch("select status from correspondence where customer_id = $1", customer_id)
    return str(found)


async def outcomes(partition: Partition, customer_id: str) -> list[str]:
    """How the attempts for a customer's only message ended, in order."""
    rows = await partition.fetch(
        "select outcome from delivery_attempts where customer_id = $1 order by attempt", customer_id
    )
    return [row[0] for row in rows]


async def outcomes_are(partition: Partition, customer_id: str, expected: list[str]) -> bool:
    """Whether the attempts for a customer's only message ended so."""
    return await outcomes(partition, customer_id) == expected


async def ended(partition: Partition, customer_id: str, attempts: int) -> bool:
    """Whether so many attempts for a customer's only message are over."""
    return len(await outcomes(partition, customer_id)) == attempts


async def expire_leases(partition: Partition) -> None:
    """Let the leases of all claims have run out, as when their worker was paused for long."""
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update outgoing set lease_until = now() - interval '1 second' where phase <> 'queued'"
        )


async def all_due(partition: Partition) -> None:
    """Let every pause before another attempt be over."""
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update outgoing set due_at = now() where phase = 'queued'")
