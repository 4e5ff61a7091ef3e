"""The accounts service without its broker: events go straight to its handlers, requests to its HTTP application."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from services.accounts.app import SERVICE
from services.accounts.settings import AccountsSettings
from shared.audit import AuditApi
from shared.contracts import Event, PurchaseFailed, TicketCancellationRequested, TicketsPurchased
from shared.db import Database, migrate
from shared.messaging import AnyHandler, Publication, UnitOfWork
from shared.messaging.breaker import Breaker
from shared.messaging.processor import Processor
from shared.messaging.progress import stored_offset
from shared.messaging.records import Received, Record
from shared.service import Context
from shared.web import Role, build_app, generate_signing_key, mint_token, operations_of, serving
from tests.support.stack import Infra

_PRIVATE_KEY, _JWKS = generate_signing_key()
_ISSUER, _AUDIENCE = "tests", "recourse"
_numbers = itertools.count(1)


async def prepare(url: str) -> None:
    """All tables of the service."""
    await migrate(url, SERVICE.migration_sources())


def token(role: Role = Role.AGENT, subject: str = "agent-7") -> str:
    """A token that the service of these tests accepts."""
    return mint_token(_PRIVATE_KEY, subject=subject, role=role, issuer=_ISSUER, audience=_AUDIENCE)


def customer(customer_id: str, **changes: Any) -> dict[str, Any]:
    """A customer as purchases name it."""
    return {
        "id": customer_id, "first_name": "Ada", "last_name": "Novák", "email": f"{customer_id}@example.com",
        "phone": None, "language": "en",
    } | changes  # fmt: skip


def purchase(
    customer_id: str,
    order_id: str,
    amount: int = 2000,
    method: str = "card",
    currency: str = "AUD",
    *,
    occurred_at: datetime | None = None,
    **details: Any,
) -> TicketsPurchased:
    """An order of two tickets, `<order>-1` and `<order>-2`."""
    example = TicketsPurchased.example
    tickets = [
        ticket | {"id": f"{order_id}-{n}", "price": amount // 2} for n, ticket in enumerate(example["tickets"], start=1)
    ]
    payment = {"transaction_id": f"txn-{order_id}", "method": method, "amount": amount, "currency": currency}
    changes = {"order_id": order_id, "customer": customer(customer_id, **details), "payment": payment}
    if occurred_at is not None:
        changes["occurred_at"] = occurred_at.isoformat()
    return TicketsPurchased.model_validate_json(json.dumps(example | changes | {"tickets": tickets}))


def failed_purchase(
    customer_id: str, order_id: str, amount: int = 2000, *, occurred_at: datetime | None = None, **details: Any
) -> PurchaseFailed:
    """An order that was not taken."""
    example = PurchaseFailed.example
    changes = {
        "purchase_id": order_id,
        "customer": customer(customer_id, **details),
        "payment": example["payment"] | {"amount": amount},
    }
    if occurred_at is not None:
        changes["occurred_at"] = occurred_at.isoformat()
    return PurchaseFailed.model_validate_json(json.dumps(example | changes))


def cancellation(
    customer_id: str,
    order_id: str,
    number: int = 1,
    *,
    price: int = 1000,
    under: str | None = None,
    currency: str = "AUD",
    requested_at: datetime = datetime(2026, 11, 22, 10, tzinfo=UTC),
) -> TicketCancellationRequested:
    """The cancellation of ticket `number` of an order."""
    return TicketCancellationRequested(
        cancellation_id=under or f"can-{order_id}-{number}",
        customer_id=customer_id,
        order_id=order_id,
        ticket_id=f"{order_id}-{number}",
        price=price,
        currency=currency,
        reason="Customer bought the wrong draw",
        requested_by="agent-7",
        requested_at=requested_at,
    )


@dataclass
class Accounts:
    """The service's parts on a database of their own, and how a test drives and reads them."""

    url: str = field(repr=False)
    settings: AccountsSettings
    database: Database
    unit_of_work: UnitOfWork
    processor: Processor
    handlers: Sequence[AnyHandler]
    client: aiohttp.ClientSession
    _offset: int = field(default=-1)

    async def apply(self, *events: Event, ids: Sequence[str] | None = None) -> None:
        """Apply events as one batch, each under a new event id unless `ids` are given."""
        records = self._records(events, ids or [f"event-{next(_numbers)}" for _ in events])
        if self._offset < 0:
            async with self.unit_of_work.begin() as transaction:
                self._offset = await stored_offset(
                    transaction.connection, consumer=self.processor.consumer, topic="tests", partition=0, start=0
                )
        records = [replace(record, offset=self._offset + n) for n, record in enumerate(records)]
        self._offset = await self.processor.apply(self.processor.decode(records), expected=self._offset)

    async def statements(self, *events: Event) -> int:
        """Apply events and count the statements that their handlers took."""
        records = self._records(events, [f"event-{next(_numbers)}" for _ in events])
        received = [item for item in self.processor.decode(records) if isinstance(item, Received)]
        seen: list[object] = []
        async with self.unit_of_work.begin() as transaction:
            with transaction.connection.query_logger(seen.append):
                await self.processor.handle(transaction, received)
        return len(seen)

    async def expire_waiting(self) -> None:
        """Let the time run out of every event that waits for its cause."""
        async with self.unit_of_work.begin() as transaction:
            await transaction.connection.execute("update waiting_events set expires_at = now()")

    @staticmethod
    def _records(events: Sequence[Event], ids: Sequence[str]) -> list[Record]:
        sent = [Publication.of(event, source="tests", event_id=name) for event, name in zip(events, ids, strict=True)]
        return [Record("tests", 0, 0, each.key, each.headers, each.value) for each in sent]

    async def fetch(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        async with self.database.read() as connection:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]

    async def entries(self, customer_id: str) -> list[dict[str, Any]]:
        """The ledger of a customer, oldest first."""
        return await self.fetch("select * from ledger_entries where customer_id = $1 order by seq", customer_id)

    async def lines(self, customer_id: str) -> list[tuple[str, str, int, int, int]]:
        """(kind, status, in, out, balance) of each entry, oldest first."""
        return [
            (row["kind"], row["status"], row["amount_in"], row["amount_out"], row["balance"])
            for row in await self.entries(customer_id)
        ]

    async def published(self, topic: str) -> list[dict[str, Any]]:
        """What the outbox holds for a topic, in order: the events' data, with the short type in `event`."""
        rows = await self.fetch("select type, payload from outbox where aggregatetype = $1 order by sequence", topic)
        return [json.loads(row["payload"]) | {"event": row["type"].split(".")[2]} for row in rows]

    async def dead_letters(self) -> list[tuple[str, str]]:
        """(code, detail) of each dead letter."""
        return [(row["code"], row["detail"]) for row in await self.fetch("select code, detail from dead_letters")]

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        status: int | None,
        role: Role = Role.AGENT,
        **headers: str,
    ) -> Any:
        """Call the HTTP interface and return the JSON answer; fails on another status than the one given."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {token(role)}"
        async with self.client.request(method, path, json=body, headers=sent) as response:
            answer = await response.json(content_type=None)
            assert status in {None, response.status}, answer
            return answer

    async def items(self, path: str, query: str = "", *, limit: int = 100, role: Role = Role.AGENT) -> list[Any]:
        """All items of a list, page by page; `query` is more of it, as `kind=a&kind=b`."""
        items: list[Any] = []
        cursor = ""
        while True:
            page = await self.call("GET", f"{path}?limit={limit}&{query}{cursor}", status=200, role=role)
            assert len(page["items"]) <= limit
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def etag(self, path: str) -> str:
        """The entity tag of what is at `path`."""
        async with self.client.get(path, headers={"Authorization": f"Bearer {token()}"}) as response:
            assert response.status == 200
            return response.headers["ETag"]


@asynccontextmanager
async def running_accounts(infra: Infra, folder: Path, **settings: Any) -> AsyncIterator[Accounts]:
    """The service on a database of its own; `folder` gets the key set."""
    async with infra.prepared_database("accounts", prepare) as url, _accounts_on(url, folder, settings) as accounts:
        yield accounts


@asynccontextmanager
async def _accounts_on(url: str, folder: Path, settings: dict[str, Any]) -> AsyncIterator[Accounts]:
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(_JWKS))
    loaded = AccountsSettings.model_validate(
        {
            "database_url": url, "kafka_bootstrap_servers": "unused", "http_port": 0, "auth_issuer": _ISSUER,
            "auth_jwks_url": jwks.as_uri(), "auth_audience": _AUDIENCE,
        } | settings
    )  # fmt: skip
    database = await Database.connect(url, application="accounts")
    try:
        unit_of_work = UnitOfWork(database)
        parts = SERVICE.build(Context(loaded, database, unit_of_work))
        assert not hasattr(parts, "__await__")
        processor = Processor(
            consumer="accounts", unit_of_work=unit_of_work, handlers=parts.handlers, lock=parts.lock, breaker=Breaker()
        )
        operations = [*parts.operations, *operations_of(AuditApi(database))]
        app = build_app(title="Accounts", version="test", operations=operations, settings=loaded)
        async with serving(app, "127.0.0.1", 0) as address, aiohttp.ClientSession(address) as client:
            yield Accounts(url, loaded, database, unit_of_work, processor, parts.handlers, client)
    finally:
        await database.close()
