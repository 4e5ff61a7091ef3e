"""What docker-compose.yml tells the images of PostgreSQL and Kafka, tried on the same programs without the images."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.compose.environment import TEMPLATE, render
from deploy.local.config import SERVICES, ephemeral_config
from deploy.local.java import find_java
from deploy.local.kafka_jars import ensure_jars
from deploy.local.postgres import client_program, execute, url_for
from deploy.local.stack import Stack
from tests.support.containers import ROOT, load_compose
from tests.support.stack import temporary_state_dir

PASSWORDS = {f"{service.upper()}_DB_PASSWORD": f"password-of-{service}" for service in SERVICES} | {
    f"{service.upper()}_OWNER_DB_PASSWORD": f"password-of-{service}-owner" for service in SERVICES
}
INIT_SCRIPT = ROOT / "deploy" / "compose" / "postgres" / "10-services.sql"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Stack]:
    """A cluster of its own: the script creates roles, which belong to the whole cluster."""
    with temporary_state_dir() as state_dir:
        stack = Stack(ephemeral_config(state_dir, services=(), mail=False, kafka_bootstrap_servers="127.0.0.1:1"))
        try:
            stack.up_infrastructure()
            yield stack
        finally:
            stack.clean()


def _run_init_script(stack: Stack, passwords: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As the entry point of the image runs it."""
    return subprocess.run(
        [str(client_program("psql")), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", stack.admin_url, "-f", INIT_SCRIPT],
        env={"PATH": os.environ["PATH"], **passwords},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_each_service_gets_a_database_that_no_other_can_open(postgres: Stack) -> None:
    incomplete = _run_init_script(postgres, {})
    assert incomplete.returncode != 0, "a missing password must stop the start"
    assert _run_init_script(postgres, PASSWORDS).returncode == 0
    for service in SERVICES:
        await _execute(postgres, f"{service}_owner", service, "create table probe (id integer primary key)")
        await _execute(postgres, service, service, "select 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _execute(postgres, service, service, "create table mine (id integer primary key)")
        for other in set(SERVICES) - {service}:
            for role in (service, f"{service}_owner"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await _execute(postgres, role, other, "select 1")


async def test_it_may_be_run_again_and_hands_over_what_services_owned_before(postgres: Stack) -> None:
    assert _run_init_script(postgres, PASSWORDS).returncode == 0
    await _execute(postgres, "accounts_owner", "accounts", "create table old (id integer)")
    assert _run_init_script(postgres, PASSWORDS).returncode == 0
    execute(postgres.admin_url, "alter database accounts owner to accounts")
    await _execute(postgres, "accounts", "accounts", "create table older (id integer)")
    assert _run_init_script(postgres, PASSWORDS).returncode == 0
    await _execute(postgres, "accounts_owner", "accounts", "alter table older add column name text")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _execute(postgres, "accounts", "accounts", "drop table older")


async def _execute(postgres: Stack, role: str, database: str, sql: str) -> None:
    password = PASSWORDS[f"{role.upper()}_DB_PASSWORD"]
    connection = await asyncpg.connect(url_for(postgres.admin_url, role=role, database=database, password=password))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def test_kafka_accepts_its_settings(tmp_path: Path) -> None:
    secrets = [line for line in render(TEMPLATE.read_text()).splitlines() if line and not line.startswith("#")]
    environment = load_compose(dict(line.split("=", 1) for line in secrets))["services"]["kafka"]["environment"]
    for folder in ("defaults", "mounted", "final"):
        (tmp_path / folder).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "defaults" / name).write_text("# stands for the image's default, which the environment replaces\n")
    # The class with which the image turns its environment into settings and formats the storage.
    result = subprocess.run(
        [
            *(str(find_java()), "-cp", os.pathsep.join(str(jar) for jar in ensure_jars(lambda _done, _total: None))),
            *("kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", tmp_path / "defaults"),
            *("--mounted-configs-dir", tmp_path / "mounted", "--final-configs-dir", tmp_path / "final"),
        ],
        env={
            "PATH": os.environ["PATH"],
            **environment,
            "KAFKA_LOG_DIRS": str(tmp_path / "data"),
            "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    settings = (tmp_path / "final" / "server.properties").read_text()
    assert "advertised.listeners=PLAINTEXT://kafka:9092,OUTSIDE://localhost:9192" in settings
    assert (tmp_path / "data" / "meta.properties").exists()
