"""A stack starts, survives kills, stops without a trace, and says clearly what keeps it from starting."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local import machine
from deploy.local.config import local_config
from deploy.local.errors import StackError
from deploy.local.ports import HOST
from deploy.local.readiness import kafka_brokers
from deploy.local.stack import Stack
from tests.support.processes import family, lives
from tests.support.stack import MakeStack
from tests.support.wait import eventually


async def _value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_infrastructure_survives_kills_and_leaves_nothing_behind(make_stack: MakeStack) -> None:
    stack = make_stack(own_kafka=True, own_postgres=True, services=(), mail=False)
    stack.up_infrastructure()
    postgres, kafka = stack.processes["postgres"], stack.processes["kafka-1"]
    await _value(stack.admin_url, "create table kept (id int)")
    await _value(stack.admin_url, "insert into kept values (7)")
    started = family(stack)
    assert len(started) > 2

    postgres.kill()
    kafka.kill()
    assert [process.pid for process in started if lives(process)] == []
    postgres.start()
    kafka.start()
    assert await _value(stack.admin_url, "select id from kept") == 7
    assert kafka_brokers(HOST, kafka.port) == 1

    restarted = family(stack)
    stack.down()
    assert [process.pid for process in restarted if lives(process)] == []
    assert not stack.is_running()

    stack.clean()
    assert not stack.config.state_dir.exists()


async def test_another_command_finds_the_stack_and_up_changes_nothing_that_runs(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    stack.up()
    pids = {name: process.pid for name, process in stack.processes.items()}

    attached = Stack.attach(stack.config.state_dir)
    attached.up()

    assert {name: process.pid for name, process in attached.processes.items()} == pids
    assert [(entry.name, entry.healthy) for entry in attached.status()] == [("mail", True)]
    attached.down()
    assert [(entry.pid, entry.healthy) for entry in stack.status()] == [(None, False)]


async def test_a_paused_process_is_alive_but_not_healthy_and_can_be_stopped(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    stack.up()
    mail = stack.processes["mail"]

    mail.pause()
    [status] = stack.status()
    assert status.pid is not None
    assert not status.healthy
    mail.resume()
    await eventually(lambda: stack.status()[0].healthy)

    mail.pause()
    started = time.monotonic()
    mail.stop()
    assert mail.pid is None
    assert time.monotonic() - started < mail.spec.stop_timeout


async def test_a_pid_file_of_another_process_is_never_acted_on(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    run = stack.config.state_dir / "run"
    run.mkdir(parents=True)
    mine = psutil.Process()
    (run / "mail.json").write_text(f'{{"pid": {mine.pid}, "started": {mine.create_time() - 3600}}}')

    assert stack.processes["mail"].pid is None
    stack.processes["mail"].kill()
    stack.down()

    assert os.getpid() == mine.pid


async def test_a_port_in_use_is_named_with_the_variable_that_changes_it(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    clear_sentence = r"Port \d+ \(smtp\) is used .* RECOURSE_SMTP_PORT"
    with (
        socket.create_server((HOST, stack.config.ports["smtp"])),
        pytest.raises(StackError, match=clear_sentence),
    ):
        stack.up()
    assert not stack.is_running()


async def test_two_commands_do_not_work_on_one_stack(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=False)
    with (
        machine.exclusive(stack.config.state_dir),
        pytest.raises(StackError, match=rf"Another command \(pid {os.getpid()}\)"),
    ):
        stack.up()


async def test_a_running_stack_keeps_its_settings(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    stack.up()
    other = Stack(local_config(state_dir=stack.config.state_dir))

    with pytest.raises(StackError, match="already runs with other settings"):
        other.up_infrastructure()


async def test_a_process_that_dies_while_starting_shows_why(make_stack: MakeStack) -> None:
    stack = make_stack(services=(), mail=True)
    (stack.config.state_dir / "mail").write_text("a file where the mail folder should be")

    with pytest.raises(StackError, match=r"(?s)FileExistsError.*\nmail stopped while starting"):
        stack.up()


async def test_a_stale_server_lock_does_not_keep_postgres_from_starting(make_stack: MakeStack) -> None:
    stack = make_stack(own_postgres=True, services=(), mail=False)
    stack.up_infrastructure()
    lock_file = Path(str(await _value(stack.admin_url, "show data_directory"))) / "postmaster.pid"
    lock = lock_file.read_text()
    stack.down()
    # The recycled pid of a process that lives: this one.
    lock_file.write_text("\n".join([str(os.getpid()), *lock.splitlines()[1:]]) + "\n")

    stack.up_infrastructure()

    assert await _value(stack.admin_url, "select 1") == 1


@pytest.mark.timeout(180)
async def test_three_kafka_nodes_form_one_cluster_that_survives_one(make_stack: MakeStack) -> None:
    stack = make_stack(own_kafka=True, services=(), mail=False, kafka_nodes=3)
    stack.up_infrastructure()
    nodes = [stack.processes[f"kafka-{n}"] for n in (1, 2, 3)]
    await eventually(lambda: all(kafka_brokers(HOST, node.port) == 3 for node in nodes), timeout=60)

    nodes[0].kill()
    await eventually(lambda: kafka_brokers(HOST, nodes[1].port) == 2, timeout=60)

    nodes[0].start()
    await eventually(lambda: kafka_brokers(HOST, nodes[1].port) == 3, timeout=60)
