"""The services and the mail server as processes of the stack: environment, databases, topics."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from deploy.local import postgres, signing
from deploy.local.config import MAIL, StackConfig
from deploy.local.credentials import Credentials
from deploy.local.errors import StackError
from deploy.local.ports import HOST
from deploy.local.process import ProcessSpec
from deploy.local.readiness import http_ok

_ROOT = Path(__file__).resolve().parents[2]
_REPLICATION_AT_MOST = 3


def specs(config: StackConfig, credentials: Credentials, admin_url: str) -> list[ProcessSpec]:
    """How to run the mail server and every service replica."""
    mail = [_mail_spec(config)] if config.mail else []
    return [
        *mail,
        *(_service_spec(config, credentials, admin_url, name, service) for name, service in config.service_names),
    ]


def database_url(config: StackConfig, credentials: Credentials, admin_url: str, service: str) -> str:
    """Where `service` connects, as its own role."""
    role = f"{config.database_prefix}{service}"
    return postgres.url_for(admin_url, role=role, database=role, password=credentials.password(service))


def prepare_database(config: StackConfig, credentials: Credentials, admin_url: str, service: str) -> None:
    """Create the role and the database of `service` and bring its schema up to date."""
    role = f"{config.database_prefix}{service}"
    postgres.create_role_and_database(admin_url, role=role, database=role, password=credentials.password(service))
    _run_job(
        f"services.{service}",
        "migrate",
        environment=_service_environment(config, credentials, admin_url, service, service),
        failure=f"The database of {service} could not be brought up to date",
    )


def create_topics(config: StackConfig) -> None:
    """Create the topics that are missing, with dead-letter topics beside them."""
    copies = str(min(config.kafka_nodes, _REPLICATION_AT_MOST))
    own = {} if config.kafka_bootstrap_servers else {"RECOURSE_TOPIC_REPLICATION": copies}
    _run_job(
        "shared.messaging.admin",
        environment={**own, **_common_environment(config)},
        failure="Kafka's topics could not be created",
    )


def _run_job(module: str, *arguments: str, environment: Mapping[str, str], failure: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        lines = "\n".join((result.stdout + result.stderr).splitlines()[-20:])
        raise StackError(f"{lines}\n{failure}: see the lines above.")


def _service_spec(
    config: StackConfig, credentials: Credentials, admin_url: str, name: str, service: str
) -> ProcessSpec:
    port = config.ports[name]
    return ProcessSpec(
        name=name,
        command=lambda: [sys.executable, "-m", f"services.{service}"],
        port=port,
        is_ready=partial(http_ok, f"http://{HOST}:{port}/health/ready"),
        environment=_service_environment(config, credentials, admin_url, name, service),
    )


def _mail_spec(config: StackConfig) -> ProcessSpec:
    port = config.ports[MAIL]
    return ProcessSpec(
        name=MAIL,
        command=lambda: [sys.executable, "-m", "deploy.local.mailserver"],
        port=port,
        is_ready=partial(http_ok, f"http://{HOST}:{port}/health/ready"),
        environment={
            **_common_environment(config),
            "RECOURSE_SMTP_PORT": str(config.ports["smtp"]),
            "RECOURSE_MAIL_PAGE_PORT": str(port),
            "RECOURSE_MAIL_DIR": str(config.state_dir / "mail"),
            **config.service_environment,
        },
    )


def _service_environment(
    config: StackConfig, credentials: Credentials, admin_url: str, name: str, service: str
) -> dict[str, str]:
    return {
        **_common_environment(config),
        "RECOURSE_DATABASE_URL": database_url(config, credentials, admin_url, service),
        "RECOURSE_HTTP_HOST": HOST,
        "RECOURSE_HTTP_PORT": str(config.ports[name]),
        "RECOURSE_AUTH_JWKS_URL": signing.jwks_path(config.state_dir).resolve().as_uri(),
        "RECOURSE_AUTH_ISSUER": signing.ISSUER,
        "RECOURSE_AUTH_AUDIENCE": signing.AUDIENCE,
        "RECOURSE_SMTP_HOST": HOST,
        "RECOURSE_SMTP_PORT": str(config.ports["smtp"]),
        **config.service_environment,
    }


def _common_environment(config: StackConfig) -> dict[str, str]:
    return {
        "PYTHONPATH": str(_ROOT),
        "PYTHONUNBUFFERED": "1",
        "RECOURSE_LOG_FORMAT": os.environ.get("RECOURSE_LOG_FORMAT", "text"),
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": config.bootstrap_servers,
        "RECOURSE_TOPIC_PREFIX": config.topic_prefix,
    }
