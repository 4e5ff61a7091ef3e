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
_LINES_SHOWN = 20
# Points and mails follow from money and tickets: on a machine that is fully used these come first.
_FOLLOWERS = {"loyalty", "notifications"}
_NICENESS = 5


class Services:
    """What runs on top of PostgreSQL (reached as superuser at `admin_url`) and Kafka."""

    def __init__(self, config: StackConfig, credentials: Credentials, admin_url: str) -> None:
        self._config = config
        self._credentials = credentials
        self._admin_url = admin_url

    def specs(self) -> list[ProcessSpec]:
        """How to run the mail server and every service replica."""
        mail = [self._mail_spec()] if self._config.mail else []
        return [*mail, *(self._service_spec(name, service) for name, service in self._config.service_names)]

    def database_url(self, service: str) -> str:
        """Where `service` connects, as its own role."""
        role, password = self._role(service), self._credentials.password(service)
        return postgres.url_for(self._admin_url, role=role, database=role, password=password)

    def owner_url(self, service: str) -> str:
        """The same database as the owner of its tables."""
        owner, password = self._owner(service), self._credentials.password(f"{service}-owner")
        return postgres.url_for(self._admin_url, role=owner, database=self._role(service), password=password)

    def prepare_database(self, service: str) -> None:
        """Create the roles and the database of `service` and bring its schema up to date."""
        role, owner = self._role(service), self._owner(service)
        owner_password, password = self._credentials.password(f"{service}-owner"), self._credentials.password(service)
        postgres.create_role_and_database(self._admin_url, role=owner, database=role, password=owner_password)
        postgres.separate_owner(self._admin_url, owner=owner, role=role, database=role, password=password)
        _run_job(
            f"services.{service}",
            "migrate",
            environment={
                **self._service_environment(service, service),
                "RECOURSE_MIGRATION_DATABASE_URL": self.owner_url(service),
            },
            failure=f"The database of {service} could not be brought up to date",
        )

    def create_topics(self) -> None:
        """Create the topics that are missing, with dead-letter topics beside them."""
        copies = str(min(self._config.kafka_nodes, _REPLICATION_AT_MOST))
        own = {} if self._config.kafka_bootstrap_servers else {"RECOURSE_TOPIC_REPLICATION": copies}
        _run_job(
            "shared.messaging.admin",
            environment={**own, **self._common_environment()},
            failure="Kafka's topics could not be created",
        )

    def _role(self, service: str) -> str:
        return f"{self._config.database_prefix}{service}"

    def _owner(self, service: str) -> str:
        return f"{self._role(service)}_owner"

    def _service_spec(self, name: str, service: str) -> ProcessSpec:
        port = self._config.ports[name]
        return ProcessSpec(
            name=name,
            command=lambda: [sys.executable, "-m", f"services.{service}"],
            port=port,
            is_ready=partial(http_ok, f"http://{HOST}:{port}/health/ready"),
            environment=self._service_environment(name, service),
            niceness=_NICENESS if service in _FOLLOWERS else 0,
        )

    def _mail_spec(self) -> ProcessSpec:
        port = self._config.ports[MAIL]
        return ProcessSpec(
            name=MAIL,
            command=lambda: [sys.executable, "-m", "deploy.local.mailserver"],
            port=port,
            is_ready=partial(http_ok, f"http://{HOST}:{port}/health/ready"),
            environment={
                **self._common_environment(),
                "RECOURSE_MAIL_PAGE_PORT": str(port),
                "RECOURSE_MAIL_DIR": str(self._config.state_dir / "mail"),
                **self._config.service_environment,
            },
            niceness=_NICENESS,
        )

    def _service_environment(self, name: str, service: str) -> dict[str, str]:
        return {
            **self._common_environment(),
            "RECOURSE_DATABASE_URL": self.database_url(service),
            "RECOURSE_HTTP_HOST": HOST,
            "RECOURSE_HTTP_PORT": str(self._config.ports[name]),
            "RECOURSE_AUTH_JWKS_URL": signing.jwks_path(self._config.state_dir).resolve().as_uri(),
            "RECOURSE_AUTH_ISSUER": signing.ISSUER,
            "RECOURSE_AUTH_AUDIENCE": signing.AUDIENCE,
            "RECOURSE_SMTP_HOST": HOST,
            **self._config.service_environment,
        }

    def _common_environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
            "RECOURSE_LOG_FORMAT": os.environ.get("RECOURSE_LOG_FORMAT", "text"),
            "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": self._config.bootstrap_servers,
            "RECOURSE_TOPIC_PREFIX": self._config.topic_prefix,
            "RECOURSE_SMTP_PORT": str(self._config.ports["smtp"]),
        }


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
        lines = "\n".join((result.stdout + result.stderr).splitlines()[-_LINES_SHOWN:])
        raise StackError(f"{lines}\n{failure}: see the lines above.")
