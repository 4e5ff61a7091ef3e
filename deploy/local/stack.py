"""The local stack as a whole: start, stop, look at, forget; for the `recourse` command and the tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local import machine, owner, ports
from deploy.local.config import POSTGRES, StackConfig
from deploy.local.credentials import Credentials
from deploy.local.errors import StackError
from deploy.local.kafka import KafkaCluster
from deploy.local.postgres import Postgres
from deploy.local.process import ManagedProcess, ProcessSpec
from deploy.local.progress import Progress, SilentProgress
from deploy.local.services import Services
from deploy.local.signing import ensure_signing_key, local_token


@dataclass(frozen=True)
class ProcessStatus:
    """One line of `recourse status`."""

    name: str
    pid: int | None
    port: int
    healthy: bool
    memory_bytes: int


class Stack:
    """One local stack; `processes` has them by name: `postgres`, `kafka-1`, `mail`, `tickets`, `tickets-2`.

    Methods block; call them through `asyncio.to_thread` from a coroutine. They raise `StackError`.
    """

    def __init__(self, config: StackConfig, progress: Progress | None = None) -> None:
        self.config = config
        self.credentials = Credentials(config.state_dir)
        self._progress = progress or SilentProgress()
        self._postgres = self._make_postgres()
        self._kafka = self._make_kafka()
        self._services = Services(config, self.credentials, self.admin_url)
        self.processes = {
            spec.name: ManagedProcess(spec, config.state_dir)
            for spec in (*self._infrastructure_specs(), *self._services.specs())
        }

    @classmethod
    def attach(cls, state_dir: Path, progress: Progress | None = None) -> Stack:
        """The stack that was last started in `state_dir`; raises `StackError` when there was none."""
        config = StackConfig.load(state_dir)
        if config is None:
            raise StackError("No local stack was started here yet: run `make up`.")
        return cls(config, progress)

    @property
    def bootstrap_servers(self) -> str:
        """The Kafka address for clients."""
        return self.config.bootstrap_servers

    @property
    def admin_url(self) -> str:
        """Where PostgreSQL's superuser connects."""
        if self._postgres is None:
            return str(self.config.postgres_admin_url)
        return self._postgres.admin_url

    def database_url(self, service: str) -> str:
        """Where `service` connects, as its own role."""
        return self._services.database_url(service)

    def owner_url(self, service: str) -> str:
        """The same database as the owner of its tables, who may alter them."""
        return self._services.owner_url(service)

    def service_url(self, name: str) -> str:
        """The base URL of a service replica (`tickets`, `tickets-2`) or of the mail page (`mail`)."""
        return f"http://{ports.HOST}:{self.config.ports[name]}"

    def token(self, *, role: str = "agent", subject: str = "agent-1") -> str:
        """A bearer token that the services accept."""
        return local_token(self.config.state_dir, role=role, subject=subject)

    def up(self) -> None:
        """Start everything that does not run yet, and wait until all of it answers."""
        with machine.exclusive(self.config.state_dir):
            self._prepare()
            self._in_parallel(self._bring_up_databases, self._bring_up_kafka)
            self._start(name for name in self.processes if name not in self._infrastructure_names)

    def up_infrastructure(self) -> None:
        """Start PostgreSQL and Kafka only, and wait until both answer."""
        with machine.exclusive(self.config.state_dir):
            self._prepare()
            self._in_parallel(self._start_postgres, self._start_kafka)

    def down(self) -> None:
        """Stop everything, services first, and leave no process behind."""
        with machine.exclusive(self.config.state_dir):
            self._down()

    def clean(self) -> None:
        """Stop everything and forget all data."""
        with machine.exclusive(self.config.state_dir):
            # What is forgotten need not be brought to the disk first.
            self._down(kill_infrastructure=True)
            owner.forget_dir(self.config.state_dir)
            shutil.rmtree(self.config.state_dir, ignore_errors=True)

    def status(self) -> list[ProcessStatus]:
        """What runs and answers now."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(_status_of, self.processes.values()))

    def is_running(self) -> bool:
        """Whether any process of the stack runs."""
        return any(process.pid is not None for process in self.processes.values())

    @property
    def _infrastructure_names(self) -> list[str]:
        return [spec.name for spec in self._infrastructure_specs()]

    def _infrastructure_specs(self) -> list[ProcessSpec]:
        postgres = [self._postgres.spec()] if self._postgres else []
        return [*postgres, *(self._kafka.specs() if self._kafka else [])]

    def _make_postgres(self) -> Postgres | None:
        if self.config.postgres_admin_url:
            return None
        return Postgres(
            self.config.state_dir,
            port=self.config.ports[POSTGRES],
            admin_password=self.credentials.password("postgres-admin"),
        )

    def _make_kafka(self) -> KafkaCluster | None:
        if self.config.kafka_bootstrap_servers:
            return None
        return KafkaCluster(
            self.config.state_dir / "kafka",
            ports=self.config.ports,
            nodes=self.config.kafka_nodes,
            advance=partial(self._progress.advance, "Fetching Apache Kafka"),
        )

    def _prepare(self) -> None:
        self._require_same_settings()
        stopped = [process for process in self.processes.values() if process.pid is None]
        machine.require_memory(sum(_memory_need_mib(process.name) for process in stopped))
        for name in self._port_names(stopped):
            ports.require_free(name, self.config.ports[name])
        ensure_signing_key(self.config.state_dir)
        self.config.save()

    def _port_names(self, processes: Iterable[ManagedProcess]) -> list[str]:
        """The names of all ports that the processes listen on."""
        more = {"mail": ["smtp"], **{name: [f"{name}-controller"] for name in self.config.kafka_names}}
        return [name for process in processes for name in (process.name, *more.get(process.name, []))]

    def _require_same_settings(self) -> None:
        """A stack that runs keeps its settings; `down` would not find processes under changed ones."""
        saved = StackConfig.load(self.config.state_dir)
        if saved is None or saved == self.config:
            return
        if Stack(saved).is_running():
            raise StackError("The stack already runs with other settings: run `make down` first.")

    def _bring_up_databases(self) -> None:
        self._start_postgres()
        with self._progress.task("Preparing the databases"):
            prepare = self._services.prepare_database
            stopped = {service for name, service in self.config.service_names if self.processes[name].pid is None}
            self._in_parallel(*(partial(prepare, service) for service in stopped))

    def _bring_up_kafka(self) -> None:
        self._start_kafka()
        if any(self.processes[spec.name].pid is None for spec in self._services.specs()):
            with self._progress.task("Creating the topics"):
                self._services.create_topics()

    def _start_postgres(self) -> None:
        if self._postgres is None:
            return
        with self._progress.task("Starting PostgreSQL"):
            self._postgres.initialise()
            self.processes[POSTGRES].start()

    def _start_kafka(self) -> None:
        if self._kafka is None:
            return
        with self._progress.task("Starting Apache Kafka"):
            self._kafka.initialise()
            self._in_parallel(*(self.processes[spec.name].start for spec in self._kafka.specs()))

    def _start(self, names: Iterable[str]) -> None:
        with self._progress.task("Starting the services"):
            self._in_parallel(*(self.processes[name].start for name in names))

    def _down(self, *, kill_infrastructure: bool = False) -> None:
        infrastructure = [self.processes[name] for name in self._infrastructure_names]
        services = [process for process in self.processes.values() if process not in infrastructure]
        with self._progress.task("Stopping the services"):
            self._in_parallel(*(process.stop for process in services))
        with self._progress.task("Stopping PostgreSQL and Kafka"):
            for process in infrastructure if kill_infrastructure else ():
                process.kill()
            self._in_parallel(*(process.stop for process in infrastructure))

    @staticmethod
    def _in_parallel(*jobs: Callable[[], None]) -> None:
        if not jobs:
            return
        with ThreadPoolExecutor(len(jobs)) as pool:
            futures = [pool.submit(job) for job in jobs]
        for future in futures:
            future.result()


def _status_of(process: ManagedProcess) -> ProcessStatus:
    pid = process.pid
    return ProcessStatus(
        name=process.name,
        pid=pid,
        port=process.port,
        healthy=pid is not None and process.spec.is_ready(),
        memory_bytes=process.memory_bytes(),
    )


def _memory_need_mib(name: str) -> int:
    if name.startswith("kafka-"):
        return machine.KAFKA_NODE_MIB
    return machine.POSTGRES_MIB if name == POSTGRES else machine.SERVICE_MIB
