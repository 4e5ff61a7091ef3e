"""The servers that a run of the benchmark has for itself, and what the lines share."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.figures import Round
from deploy.local import postgres
from deploy.local.config import ephemeral_config, state_root
from deploy.local.stack import Stack
from services.accounts.app import SERVICE as ACCOUNTS
from shared.db import migrate
from shared.messaging import KafkaSettings
from shared.messaging.admin import ensure_topics

_ROLE = "bench"
_TEMPLATE = "bench_accounts"
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class NotDurableError(Exception):
    """The server would be faster than it is allowed to be."""


@dataclass(frozen=True)
class Bench:
    """One run: its servers, the number of rounds, and `scale`, a factor on the amount of work (1 is the real one).

    `shared` keeps rounds that several lines make use of.
    """

    stack: Stack
    rounds: int
    scale: float
    shared: dict[str, list[Round]] = field(default_factory=dict)

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka is."""
        return self.stack.bootstrap_servers

    def amount(self, full: int, *, least: int = 1000) -> int:
        """How much of the full amount of work to do."""
        return max(least, int(full * self.scale))

    async def in_turn(self, *sides: Callable[[], Awaitable[Round]]) -> list[Round]:
        """Run the sides one after the other, round by round; a round joins what each of them returned."""
        rounds: list[Round] = []
        for number in range(1, self.rounds + 1):
            taken: Round = {}
            for side in sides:
                taken |= await side()
            rounds.append(taken)
            print(f"    {number}: " + "  ".join(f"{name} {value:,.4g}" for name, value in taken.items()), flush=True)
        return rounds

    async def topics(self) -> KafkaSettings:
        """New, empty topics under a prefix of their own."""
        kafka = KafkaSettings(self.bootstrap_servers, f"b{secrets.token_hex(4)}.")
        await ensure_topics(kafka)
        return kafka

    @asynccontextmanager
    async def accounts_database(self, *, template: str = _TEMPLATE) -> AsyncIterator[str]:
        """The URL of an empty database of accounts, or of a copy of another one that is idle; gone after the block."""
        name = f"bench_{secrets.token_hex(4)}"
        await self._admin(f'create database "{name}" owner "{_ROLE}" template "{template}"')
        try:
            yield self._url(name)
        finally:
            await self._admin(f'drop database "{name}" with (force)')

    @asynccontextmanager
    async def services(self, *names: str, mail: bool = False) -> AsyncIterator[Stack]:
        """Service processes with databases and topics of their own, not started yet; gone after the block."""
        prefix = f"b{secrets.token_hex(4)}"
        config = ephemeral_config(
            self.stack.config.state_dir / prefix,
            services=names,
            mail=mail,
            kafka_bootstrap_servers=self.bootstrap_servers,
            postgres_admin_url=self.stack.admin_url,
            topic_prefix=f"{prefix}.",
            database_prefix=f"{prefix}_",
            service_environment={"RECOURSE_LOG_LEVEL": "warning"},
        )
        stack = Stack(config)
        try:
            yield stack
        finally:
            await asyncio.to_thread(stack.clean)
            for name in names:
                await self._admin(f'drop database if exists "{prefix}_{name}" with (force)')

    async def prepare(self) -> None:
        """Make the template of the databases, and sure that commits are durable."""
        postgres.create_role_and_database(
            self.stack.admin_url, role=_ROLE, database=_TEMPLATE, password=self.stack.credentials.password(_ROLE)
        )
        await migrate(self._url(_TEMPLATE), ACCOUNTS.migration_sources())
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            for setting in _DURABLE:
                if (value := await connection.fetchval("select current_setting($1)", setting)) != "on":
                    raise NotDurableError(f"{setting} is {value}")
        finally:
            await connection.close()

    def _url(self, database: str) -> str:
        password = self.stack.credentials.password(_ROLE)
        return postgres.url_for(self.stack.admin_url, role=_ROLE, database=database, password=password)

    async def _admin(self, sql: str) -> None:
        connection = await asyncpg.connect(self.stack.admin_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def running_stack() -> Iterator[Stack]:
    """PostgreSQL and Kafka on free ports in a state folder of their own; all of it removed afterwards."""
    base = state_root()
    base.mkdir(parents=True, exist_ok=True)
    state_dir = Path(tempfile.mkdtemp(prefix="bench-", dir=base))
    state_dir.chmod(0o711)
    stack = Stack(ephemeral_config(state_dir, services=(), mail=False))
    try:
        stack.up_infrastructure()
        yield stack
    finally:
        stack.clean()
        shutil.rmtree(state_dir, ignore_errors=True)


def port_of(url: str) -> int:
    """The port in a base URL."""
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{url} names no port")
    return port
