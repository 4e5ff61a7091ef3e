"""The runtime that all services share: database, consumer, relay, HTTP and background jobs in one process.

A service's `app.py` builds a `Service`; its `__main__.py` hands that to `main`, which serves it, or applies its
migrations when it is started with the argument `migrate`.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

import uvloop

from shared.audit import GRANTS as AUDIT_GRANTS
from shared.audit import MIGRATIONS as AUDIT_MIGRATIONS
from shared.audit import AuditApi
from shared.db import Database, MigrationError, MigrationSource, Schema, SchemaBehindError, is_transient, migrate
from shared.dead_letters import DeadLettersApi
from shared.messaging import MIGRATIONS as MESSAGING_MIGRATIONS
from shared.messaging import AnyHandler, Consumer, KafkaSettings, Relay, UnitOfWork, backlog_gauges
from shared.messaging.batch import Lock
from shared.settings import ServiceSettings, SettingsError, load_settings, slips
from shared.telemetry.logging import configure_logging, get_logger
from shared.waiting import keep_running, sweep_until, until
from shared.web import MIGRATIONS as WEB_MIGRATIONS
from shared.web import CannotListenError, Operation, build_app, forget_before, operations_of, serving, stop_on_signals

log = get_logger(__name__)

KEEP_ANSWERS = timedelta(days=7)
_LOOK_EVERY_SECONDS = 1.0

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
# Runs until the event is set, then returns soon.
Job = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Context(Generic[SettingsT]):
    """What a service builds its parts with."""

    settings: SettingsT
    database: Database
    unit_of_work: UnitOfWork


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of. `lock` takes the locks of customers before a batch of their events is applied."""

    operations: Sequence[Operation]
    handlers: Sequence[AnyHandler]
    lock: Lock
    jobs: Sequence[Job] = ()


@dataclass(frozen=True, slots=True)
class Service(Generic[SettingsT]):
    """A service: its name is the consumer group, the CloudEvents source and the name in logs.

    `grants` are its tables that it only adds rows to, as `MigrationSource` has them.
    """

    name: str
    title: str
    version: str
    settings: type[SettingsT]
    migrations: Path
    build: Callable[[Context[SettingsT]], Parts] = field(repr=False)
    grants: Mapping[str, str] = field(default_factory=dict, hash=False)

    def migration_sources(self) -> list[MigrationSource]:
        """The shared tables first, then the service's own."""
        return [
            MigrationSource("messaging", MESSAGING_MIGRATIONS, {"operator_actions": "select, insert"}),
            MigrationSource("web", WEB_MIGRATIONS),
            MigrationSource("audit", AUDIT_MIGRATIONS, AUDIT_GRANTS),
            MigrationSource(self.name, self.migrations, self.grants),
        ]


def main(service: Service[Any]) -> int:
    """Serve until SIGTERM or SIGINT, or migrate. Returns the exit status."""
    try:
        settings = load_settings(service.settings)
    except SettingsError as error:
        sys.stderr.write(f"{service.name}: {error}\n")
        return 2
    configure_logging(service.name, level=settings.log_level, log_format=settings.log_format)
    if sys.argv[1:] == ["migrate"]:
        return _migrate(service, settings)
    if sys.argv[1:]:
        sys.stderr.write(f"usage: python -m services.{service.name} [migrate]\n")
        return 2
    for name, meant in slips(service.settings).items():
        log.warning("a variable is not read", variable=name, meant=meant)
    spare_collector()
    try:
        uvloop.run(run(service, settings))
    except CannotListenError as error:
        sys.stderr.write(f"{service.name}: {error}\n")
        return 1
    return 0


def spare_collector() -> None:
    """Let the garbage collector look at what is new, less often: batches make many objects and hardly any cycle.

    Call it once, when all modules are loaded; what exists by then is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _migrate(service: Service[Any], settings: ServiceSettings) -> int:
    try:
        url = settings.database_url.get_secret_value()
        owner_url = settings.migration_database_url.get_secret_value() if settings.migration_database_url else url
        role = unquote(urlsplit(url).username or "") or None
        applied = asyncio.run(migrate(owner_url, service.migration_sources(), role=role))
    except MigrationError as error:
        sys.stderr.write(f"{service.name}: {error}\n")
        return 1
    log.info("migrated", applied=applied)
    return 0


async def run(service: Service[SettingsT], settings: SettingsT) -> None:
    """Run all parts of the service until a signal asks it to stop; then drain, commit and return."""
    stop = stop_on_signals()
    database = await Database.connect(
        settings.database_url.get_secret_value(), application=service.name, max_size=settings.database_pool_size
    )
    try:
        unit_of_work = UnitOfWork(database)
        parts = service.build(Context(settings, database, unit_of_work))
        await _run_parts(service, settings, unit_of_work, parts, stop)
    finally:
        await database.close()


async def _run_parts(
    service: Service[Any], settings: ServiceSettings, unit_of_work: UnitOfWork, parts: Parts, stop: asyncio.Event
) -> None:
    schema = Schema(unit_of_work.database, service.migration_sources())
    kafka = _kafka(settings)
    consumer = Consumer(
        name=settings.topic_prefix + service.name,
        kafka=kafka,
        unit_of_work=unit_of_work,
        handlers=parts.handlers,
        lock=parts.lock,
    )
    relay = Relay(dsn=settings.database_url.get_secret_value(), kafka=kafka, source=f"recourse/{service.name}")
    unit_of_work.on_published(relay.wake)
    app = build_app(
        title=service.title,
        version=service.version,
        operations=[*parts.operations, *_own_operations(unit_of_work, consumer)],
        settings=settings,
        ready_checks={"database": unit_of_work.database.ping, "schema": schema.check, "consumer": consumer.check},
    )
    jobs_stop = asyncio.Event()
    start = partial(_kept_running, schema, jobs_stop)
    jobs: list[Job] = [*parts.jobs, backlog_gauges(unit_of_work.database).run, partial(_forget_answers, unit_of_work)]
    background = [
        start(consumer.run, name="consumer"),
        *(start(partial(job, jobs_stop), name=_name_of(job)) for job in jobs),
    ]
    relay_task = start(relay.run, name="relay")
    async with serving(app, settings.http_host, settings.http_port) as url:
        log.info("serving", url=url)
        await _until_stopped(stop, [*background, relay_task])
        consumer.stop()
        jobs_stop.set()
        # Requests in flight end while the consumer drains: both together have ten seconds.
    await _finish(background, seconds=6)
    # The relay goes last: what the others committed while they drained is still published.
    relay.stop()
    await _finish([relay_task], seconds=2)
    log.info("stopped")


def _kafka(settings: ServiceSettings) -> KafkaSettings:
    times = {"session_timeout_ms": settings.kafka_session_timeout_ms, "fetch_wait_ms": settings.kafka_fetch_wait_ms}
    return KafkaSettings.of(settings, **times)


def _kept_running(
    schema: Schema, stop: asyncio.Event, run: Callable[[], Awaitable[None]], *, name: str
) -> asyncio.Task[None]:
    return asyncio.create_task(keep_running(stop, partial(_once_migrated, schema, stop, run), name=name), name=name)


async def _once_migrated(schema: Schema, stop: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
    """Run once the tables are there: without them, the events that come would all end as dead letters."""
    while not stop.is_set():
        try:
            await schema.check()
        except Exception as error:
            if not isinstance(error, SchemaBehindError) and not is_transient(error):
                raise
            await until(stop, _LOOK_EVERY_SECONDS)
        else:
            return await run()
    return None


def _name_of(job: Job) -> str:
    owner = getattr(job, "__self__", None)
    return type(owner).__name__ if owner is not None else "forget answers"


def _own_operations(unit_of_work: UnitOfWork, consumer: Consumer) -> list[Operation]:
    """What every service has."""
    return operations_of(AuditApi(unit_of_work.database), DeadLettersApi(unit_of_work, consumer.processor))


async def _forget_answers(unit_of_work: UnitOfWork, stop: asyncio.Event) -> None:
    """Forget, hour by hour, the answers kept for idempotency keys that nobody will repeat any more."""

    async def forget() -> None:
        async with unit_of_work.begin() as transaction:
            await forget_before(transaction.connection, datetime.now(UTC) - KEEP_ANSWERS)

    await sweep_until(stop, forget, pause=3600, looking_for="old answers")


async def _until_stopped(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the signal. A background task that ends by itself, which none does, must end the process."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if waiting in done:
        return
    waiting.cancel()
    for task in done:
        log.error("a background task ended", task=task.get_name(), exc_info=task.exception())
    raise SystemExit(1)


async def _finish(tasks: Sequence[asyncio.Task[None]], *, seconds: float) -> None:
    """Let the tasks end by themselves for a while, then cancel them."""
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
