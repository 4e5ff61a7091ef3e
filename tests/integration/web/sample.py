"""A small application that has one operation of each kind, on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web
from pydantic import Field, SecretStr

from shared.contracts.base import Identifier, MinorUnits, ShortText
from shared.settings import ServiceSettings
from shared.telemetry import current_trace
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Instant,
    Keyset,
    Page,
    PageQuery,
    ReadyCheck,
    Reply,
    RequestContext,
    RequestModel,
    ResponseModel,
    Role,
    Stream,
    build_app,
    generate_signing_key,
    mint_token,
    no_customer,
    operation,
    operations_of,
    serving,
)

ISSUER = "https://issuer.example"
AUDIENCE = "recourse"
PRIVATE_KEY, JWKS = generate_signing_key()
BY_NUMBER = Keyset(tuple[int])
ENTRIES = 60


class EntriesQuery(PageQuery):
    kind: list[Identifier] = Field(default=[], max_length=5)
    since: Instant | None = None


class NameChange(RequestModel):
    name: ShortText


class Order(RequestModel):
    amount_minor: MinorUnits
    note: ShortText | None = None


class Entry(ResponseModel):
    number: int
    kind: str


class Customer(ResponseModel):
    customer_id: str
    name: str


class Seen(ResponseModel):
    subject: str
    traceparent: str
    request_id: str


@dataclass
class SampleApi:
    """Holds one customer, `c1`; `fault` is raised by `fail`."""

    name: str = "Ada"
    version: int = 1
    fault: Exception = field(default_factory=lambda: RuntimeError("secret of the house"))
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @operation(
        "GET",
        "/v1/customers/{customer_id}/entries",
        permission="ledger:read",
        summary="Transaction history",
        tags=("ledger",),
        problems=(CUSTOMER_NOT_FOUND,),
    )
    async def list_entries(self, ctx: RequestContext, path: CustomerPath, query: EntriesQuery) -> Page[Entry]:
        """The entries of a customer, oldest first."""
        _known(path)
        after = BY_NUMBER.position(ctx, query)
        first = 0 if after is None else after[0] + 1
        rows = [
            Entry(number=number, kind=kind)
            for number in range(first, min(first + query.limit + 1, ENTRIES))
            for kind in ("deposit",)
            if not query.kind or kind in query.kind
        ]
        return BY_NUMBER.page(ctx, query, rows, key=lambda row: (row.number,), item=lambda row: row)

    @operation("GET", "/v1/customers/{customer_id}", permission="customers:read", summary="A customer")
    async def get_customer(self, path: CustomerPath) -> Reply[Customer]:
        _known(path)
        return Reply(Customer(customer_id="c1", name=self.name), version=self.version)

    @operation(
        "PATCH",
        "/v1/customers/{customer_id}",
        permission="customers:write",
        summary="Rename",
        if_match=True,
    )
    async def rename(self, ctx: RequestContext, path: CustomerPath, body: NameChange) -> Reply[Customer]:
        _known(path)
        ctx.require_version(self.version)
        self.name, self.version = body.name, self.version + 1
        return Reply(Customer(customer_id="c1", name=self.name), version=self.version)

    @operation("DELETE", "/v1/customers/{customer_id}", permission="dead_letters:manage", summary="Nothing")
    async def remove(self, path: CustomerPath) -> None:
        _known(path)

    @operation("POST", "/v1/orders", permission="notes:write", status=201, summary="Order")
    async def order(self, body: Order) -> Reply[Order]:
        return Reply(body, headers={"Location": "/v1/orders/1"})

    @operation("GET", "/v1/seen", permission="customers:read", summary="What the handler sees")
    async def seen(self, ctx: RequestContext) -> Seen:
        trace = current_trace.get()
        assert trace is not None
        return Seen(subject=ctx.principal.subject, traceparent=trace.traceparent, request_id=ctx.request_id)

    @operation("GET", "/v1/page", permission=None, summary="A page", produces="text/html")
    async def page(self) -> Stream:
        return Stream(_hello())

    @operation("POST", "/v1/failures", permission=None, summary="Fails")
    async def fail(self) -> None:
        raise self.fault

    @operation("GET", "/v1/slow", permission=None, summary="Waits until it is released")
    async def slow(self) -> Entry:
        self.started.set()
        await self.release.wait()
        return Entry(number=1, kind="slow")


def _known(path: CustomerPath) -> None:
    if path.customer_id != "c1":
        raise no_customer(path.customer_id)


def token(role: Role = Role.ADMINISTRATOR, **changes: Any) -> str:
    claims: dict[str, Any] = {"subject": "agent-1", "issuer": ISSUER, "audience": AUDIENCE} | changes
    return mint_token(PRIVATE_KEY, role=role, **claims)


def bearer(role: Role = Role.ADMINISTRATOR, **changes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(role, **changes)}"}


def settings_for(jwks: Path, **changes: str) -> ServiceSettings:
    return ServiceSettings(
        database_url=SecretStr("postgresql://unused"),
        kafka_bootstrap_servers="unused",
        http_port=0,
        auth_issuer=ISSUER,
        auth_audience=AUDIENCE,
        **{"auth_jwks_url": jwks.as_uri(), **changes},  # type: ignore[arg-type]
    )


async def _hello() -> AsyncIterator[bytes]:
    yield b"<p>hello</p>"


def application(
    api: object, folder: Path, ready_checks: Mapping[str, ReadyCheck] | None = None, **settings: str
) -> web.Application:
    """An application of `api`, whose keys are in `folder`."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(JWKS))
    return build_app(
        title="Sample",
        version="1.2.3",
        operations=operations_of(api),
        settings=settings_for(jwks, **settings),
        ready_checks=ready_checks,
    )


@asynccontextmanager
async def running(
    api: object, folder: Path, ready_checks: Mapping[str, ReadyCheck] | None = None, **settings: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server that runs `api`; it sends an administrator's token."""
    app = application(api, folder, ready_checks, **settings)
    async with serving(app, "127.0.0.1", 0) as url, aiohttp.ClientSession(url, headers=bearer()) as client:
        yield client


CONNECTION_FAULTS: list[Exception] = [
    ConnectionRefusedError(),
    TimeoutError(),
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.CannotConnectNowError("starting"),
    asyncpg.InterfaceError("connection is closed"),
]
