"""Which port each process gets, and how a user changes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from deploy.local.config import local_config
from deploy.local.errors import StackError
from deploy.local.ports import HOST, default_ports, free_ports, port_variable, require_free


def test_the_documented_ports_are_the_defaults() -> None:
    names = ["accounts", "tickets", "notifications", "loyalty", "kafka-1", "postgres", "smtp", "mail"]

    assert list(default_ports(names, {}).values()) == [8101, 8102, 8103, 8104, 9192, 5433, 8125, 8126]


def test_replicas_and_nodes_do_not_collide_with_anything() -> None:
    config = local_config(replicas=3, environ={})

    assert len(set(config.ports.values())) == len(config.ports)
    assert config.ports["tickets-2"] == 8202
    assert config.ports["kafka-1-controller"] == 9193


@pytest.mark.parametrize(
    ("name", "variable", "moved"),
    [
        ("tickets", "RECOURSE_TICKETS_PORT", 18000),
        ("tickets-2", "RECOURSE_TICKETS_PORT", 18100),
        ("kafka-1-controller", "RECOURSE_KAFKA_PORT", 18001),
        ("kafka-3", "RECOURSE_KAFKA_PORT", 18004),
        ("mail", "RECOURSE_MAIL_PAGE_PORT", 18000),
        ("smtp", "RECOURSE_SMTP_PORT", 18000),
    ],
)
def test_a_variable_moves_each_port(name: str, variable: str, moved: int) -> None:
    assert port_variable(name) == variable
    assert default_ports([name], {variable: "18000"}) == {name: moved}


def test_a_port_that_is_no_number_is_named() -> None:
    with pytest.raises(StackError, match="RECOURSE_KAFKA_PORT must be a port number, but is 'abc'"):
        default_ports(["kafka-1"], {"RECOURSE_KAFKA_PORT": "abc"})


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports([f"p{number}" for number in range(30)])

    assert len(set(ports.values())) == 30
    for name, port in ports.items():
        require_free(name, port)


def test_a_port_is_given_to_one_command_only() -> None:
    """Other processes pick while their servers are not listening yet."""
    script = "from deploy.local.ports import free_ports; print(*free_ports(map(str, range(20))).values())"
    commands = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(3)]
    ports = [port for command in commands for port in command.communicate()[0].split()]

    assert len(set(ports)) == len(ports) == 60


def test_after_the_last_port_comes_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"recourse-last-port-{os.getuid()}").write_text("29999")
    assert 20_000 <= free_ports(["one"])["one"] < 21_000


def test_a_taken_port_is_named() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} \(tickets\).*RECOURSE_TICKETS_PORT"):
            require_free("tickets", port)
