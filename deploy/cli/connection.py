"""Where the commands find Kafka, the services and a token: options, then the environment, then the local stack."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from deploy.local.config import StackConfig, default_state_dir
from deploy.local.errors import StackError
from deploy.local.ports import HOST
from deploy.local.signing import local_token
from shared.messaging import KafkaError, KafkaSettings
from shared.settings import KafkaAccess, SettingsError, load_settings

T = TypeVar("T")

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        help="Kafka as host:port,host:port; else RECOURSE_KAFKA_BOOTSTRAP_SERVERS, else the local stack's.",
        show_default=False,
    ),
]


def kafka_settings(bootstrap_servers: str | None) -> KafkaSettings:
    """The Kafka to talk to. Raises `StackError` when none is known."""
    servers = bootstrap_servers or os.environ.get("RECOURSE_KAFKA_BOOTSTRAP_SERVERS")
    stack = StackConfig.load(default_state_dir())
    prefix = os.environ.get("RECOURSE_TOPIC_PREFIX")
    if prefix is None:
        prefix = stack.topic_prefix if stack is not None and not servers else ""
    if not servers and stack is None:
        raise StackError("No Kafka is known here: run `make up`, or name one with --bootstrap-servers.")
    if not servers:
        return KafkaSettings(stack.bootstrap_servers if stack else "", prefix)
    try:
        return KafkaSettings.of(load_settings(KafkaAccess, kafka_bootstrap_servers=servers, topic_prefix=prefix))
    except SettingsError as error:
        raise StackError(str(error)) from None


def service_url(service: str, url: str | None) -> str:
    """The base URL of a service. Raises `StackError` when none is known."""
    if url:
        return url.rstrip("/")
    stack = StackConfig.load(default_state_dir())
    if stack is None:
        raise StackError("No local stack was started here yet: run `make up`, or name the service with --url.")
    if service not in stack.services:
        raise StackError(f"There is no service '{service}': choose one of {', '.join(stack.services)}.")
    return f"http://{HOST}:{stack.ports[service]}"


def operator_token(token: str | None) -> str:
    """The given token, or one of the local stack for a supervisor. Raises `StackError` when there is none."""
    return token or local_token(default_state_dir(), role="supervisor", subject=os.environ.get("USER") or "operator")


def run_kafka(work: Coroutine[Any, Any, T], kafka: KafkaSettings) -> T:
    """Run work with Kafka. Raises `StackError` when the broker does not answer."""
    # What the client logs comes to the user as one sentence.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    try:
        return asyncio.run(work)
    except (KafkaError, OSError, TimeoutError) as error:
        raise StackError(
            f"{type(error).__name__}\nKafka at {kafka.bootstrap_servers} does not answer: is it running?"
        ) from error
