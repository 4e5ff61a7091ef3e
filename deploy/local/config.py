"""What a stack consists of and where it lives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.local import ports as port_numbers
from deploy.local.credentials import write_private
from deploy.local.errors import StackError

SERVICES = ("accounts", "tickets", "notifications", "loyalty")
MAIL = "mail"
POSTGRES = "postgres"

_CONFIG_FILE = "stack.json"


def process_name(service: str, replica: int) -> str:
    """`tickets` for the first replica, `tickets-2` for the second."""
    return service if replica == 1 else f"{service}-{replica}"


class StackConfig(BaseModel):
    """Everything that tells one stack from another.

    `ports` has a number for each process name (`accounts`, `tickets-2`, `postgres`, `kafka-1`, `mail`), for
    `smtp` and for each Kafka controller (`kafka-1-controller`). With `kafka_bootstrap_servers` or
    `postgres_admin_url` set, the stack uses that server and starts none of its own; the prefixes then keep it
    apart from others that share the server. `service_environment` is what the services and the mail server get
    besides what they need.
    """

    model_config = ConfigDict(frozen=True)

    state_dir: Path
    ports: dict[str, int]
    kafka_nodes: int = 1
    services: tuple[str, ...] = SERVICES
    mail: bool = True
    replicas: dict[str, int] = {}
    kafka_bootstrap_servers: str | None = None
    postgres_admin_url: str | None = None
    topic_prefix: str = ""
    database_prefix: str = ""
    service_environment: dict[str, str] = {}

    @property
    def kafka_names(self) -> list[str]:
        """Names of the Kafka processes, empty when an existing Kafka is used."""
        if self.kafka_bootstrap_servers:
            return []
        return [f"kafka-{node}" for node in range(1, self.kafka_nodes + 1)]

    @property
    def service_names(self) -> list[tuple[str, str]]:
        """(process name, service) of every replica."""
        return [
            (process_name(service, replica), service)
            for service in self.services
            for replica in range(1, self.replicas.get(service, 1) + 1)
        ]

    @property
    def bootstrap_servers(self) -> str:
        """The Kafka address that clients use."""
        if self.kafka_bootstrap_servers:
            return self.kafka_bootstrap_servers
        return ",".join(f"{port_numbers.HOST}:{self.ports[name]}" for name in self.kafka_names)

    def save(self) -> None:
        """Write the configuration into the state folder, for `attach` and the other commands."""
        write_private(self.state_dir / _CONFIG_FILE, self.model_dump_json(indent=2))

    @classmethod
    def load(cls, state_dir: Path) -> StackConfig | None:
        """The configuration that a stack in `state_dir` was last started with, or None."""
        target = state_dir / _CONFIG_FILE
        if not target.exists():
            return None
        try:
            return cls.model_validate_json(target.read_text())
        except ValidationError:
            raise StackError(
                f"{target} was written by another release: stop that stack with it, then remove {state_dir}."
            ) from None


def state_root() -> Path:
    """`.recourse` in the working copy: each stack that starts there has a folder of its own in it."""
    return Path(__file__).resolve().parents[2] / ".recourse"


def default_state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The everyday stack's folder: `.recourse/local` in the working copy, or what RECOURSE_STATE_DIR says."""
    override = environ.get("RECOURSE_STATE_DIR", "").strip()
    if override:
        return Path(override).expanduser().resolve()
    return state_root() / "local"


def local_config(
    *,
    state_dir: Path | None = None,
    services: tuple[str, ...] = SERVICES,
    replicas: int = 1,
    environ: Mapping[str, str] = os.environ,
) -> StackConfig:
    """The configuration of the everyday stack: fixed ports, adjusted by the environment.

    Raises `StackError` when a variable does not make sense.
    """
    replica_counts = dict.fromkeys(services, replicas)
    names = _port_names(1, services, replica_counts)
    return StackConfig(
        state_dir=state_dir or default_state_dir(environ),
        ports=port_numbers.default_ports(names, environ),
        services=services,
        replicas=replica_counts,
        kafka_bootstrap_servers=environ.get("RECOURSE_KAFKA_BOOTSTRAP_SERVERS") or None,
        postgres_admin_url=environ.get("RECOURSE_POSTGRES_ADMIN_URL") or None,
        topic_prefix=environ.get("RECOURSE_TOPIC_PREFIX", ""),
        database_prefix=environ.get("RECOURSE_DATABASE_PREFIX", ""),
    )


def ephemeral_config(
    state_dir: Path,
    *,
    kafka_nodes: int = 1,
    services: tuple[str, ...] = SERVICES,
    mail: bool = True,
    replicas: Mapping[str, int] | None = None,
    kafka_bootstrap_servers: str | None = None,
    postgres_admin_url: str | None = None,
    topic_prefix: str = "",
    database_prefix: str = "",
    service_environment: Mapping[str, str] | None = None,
) -> StackConfig:
    """The configuration of a stack on free ports, for tests and benchmarks beside a running one."""
    replica_counts = dict(replicas or {})
    return StackConfig(
        state_dir=state_dir,
        ports=port_numbers.free_ports(_port_names(kafka_nodes, services, replica_counts)),
        kafka_nodes=kafka_nodes,
        services=services,
        mail=mail,
        replicas=replica_counts,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        postgres_admin_url=postgres_admin_url,
        topic_prefix=topic_prefix,
        database_prefix=database_prefix,
        service_environment=dict(service_environment or {}),
    )


def _port_names(kafka_nodes: int, services: tuple[str, ...], replicas: Mapping[str, int]) -> list[str]:
    kafka = [f"kafka-{node}{part}" for node in range(1, kafka_nodes + 1) for part in ("", "-controller")]
    replica_names = [
        process_name(service, replica) for service in services for replica in range(1, replicas.get(service, 1) + 1)
    ]
    return [POSTGRES, *kafka, "smtp", MAIL, *replica_names]
