"""Real PostgreSQL and Kafka for the tests: one pair a session, a database and topic prefix for each test.

RECOURSE_TEST_STACK=<state folder> keeps the pair running between sessions: started once, never stopped here.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from deploy.local import postgres
from deploy.local.config import StackConfig, ephemeral_config, state_root
from deploy.local.errors import StackError
from deploy.local.stack import Stack
from tests.support.databases import Databases, Prepare

MakeStack = Callable[..., Stack]

_ROLE = "recourse_tests"
_OWNER_FILE = "owner.json"


class Infra:
    """The servers that the tests of a session share."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._databases = Databases(stack.admin_url, role=_ROLE, password=stack.credentials.password(_ROLE))

    @property
    def bootstrap_servers(self) -> str:
        """The address of Kafka."""
        return self.stack.bootstrap_servers

    @property
    def admin_url(self) -> str:
        """Where PostgreSQL's superuser connects; tests use `create_database` instead."""
        return self.stack.admin_url

    def topic_prefix(self) -> str:
        """A prefix for topic and consumer group names that nothing else uses."""
        return f"t{secrets.token_hex(4)}."

    async def create_database(self, name_hint: str = "test") -> str:
        """Create an empty database owned by an ordinary role and return its URL."""
        return await self._databases.create(name_hint)

    def prepared_database(self, name_hint: str, prepare: Prepare) -> AbstractAsyncContextManager[str]:
        """The URL of a database as `prepare(url)`, such as a migration, leaves it, for the duration of the block.

        `prepare` runs once per session for each pair of hint and function.
        """
        return self._databases.lent(name_hint, prepare)

    def prepare(self) -> None:
        """Make sure of the role which owns the tests' databases, and that nothing vacuums these by itself."""
        password = self.stack.credentials.password(_ROLE)
        postgres.create_role_and_database(self.admin_url, role=_ROLE, database=_ROLE, password=password)
        postgres.execute(self.admin_url, "alter system set autovacuum = off; select pg_reload_conf();")


@contextmanager
def running_infra() -> Iterator[Infra]:
    """Start PostgreSQL and Kafka, or use the running pair that RECOURSE_TEST_STACK names."""
    if kept := os.environ.get("RECOURSE_TEST_STACK"):
        yield _started(_kept_stack(Path(kept).expanduser().resolve()))
        return
    with temporary_state_dir() as state_dir:
        stack = Stack(ephemeral_config(state_dir, services=(), mail=False))
        try:
            yield _started(stack)
        finally:
            stack.clean()


@contextmanager
def stack_factory(infra: Infra) -> Iterator[MakeStack]:
    """A function that builds stacks, not started yet, which are all removed at the end.

    They use the servers of `infra`, apart from each other by prefixes, unless called with `own_kafka` or
    `own_postgres`, which tests need that stop or kill those. Further arguments as for `ephemeral_config`.
    """
    with ExitStack() as cleanup:

        def build(*, own_kafka: bool = False, own_postgres: bool = False, **options: Any) -> Stack:
            prefix = infra.topic_prefix()
            config = ephemeral_config(
                cleanup.enter_context(temporary_state_dir()),
                kafka_bootstrap_servers=None if own_kafka else infra.bootstrap_servers,
                postgres_admin_url=None if own_postgres else infra.admin_url,
                topic_prefix=prefix,
                database_prefix=prefix.replace(".", "_"),
                **options,
            )
            stack = Stack(config)
            cleanup.callback(stack.clean)
            return stack

        yield build


@contextmanager
def temporary_state_dir() -> Iterator[Path]:
    """A state folder for a test's own stack; the stack must be cleaned before the context ends.

    Stacks that earlier, killed test runs left behind are removed first.
    """
    base = state_root()
    base.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(base)
    state_dir = Path(tempfile.mkdtemp(prefix="test-", dir=base))
    state_dir.chmod(0o711)
    me = psutil.Process()
    (state_dir / _OWNER_FILE).write_text(json.dumps({"pid": me.pid, "started": me.create_time()}))
    yield state_dir


def _started(stack: Stack) -> Infra:
    stack.up_infrastructure()
    infra = Infra(stack)
    infra.prepare()
    return infra


def _kept_stack(state_dir: Path) -> Stack:
    saved = StackConfig.load(state_dir)
    return Stack(saved or ephemeral_config(state_dir, services=(), mail=False))


def _remove_abandoned(base: Path) -> None:
    for state_dir in base.glob("test-*"):
        if _owner_lives(state_dir):
            continue
        # Another session may be removing the same one right now.
        with contextlib.suppress(StackError):
            Stack(StackConfig.load(state_dir) or ephemeral_config(state_dir)).clean()


def _owner_lives(state_dir: Path) -> bool:
    record = state_dir / _OWNER_FILE
    if not record.exists():
        return True
    owner = json.loads(record.read_text())
    try:
        return abs(psutil.Process(owner["pid"]).create_time() - float(owner["started"])) < 1.0
    except psutil.NoSuchProcess:
        return False
