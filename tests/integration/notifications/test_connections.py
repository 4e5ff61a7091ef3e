"""Connections to the mail server: opened when it lets us in, left when it does not."""

from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from deploy.local.ports import free_ports
from services.notifications.app import SERVICE
from services.notifications.delivery.smtp import ConnectError, Connection, Server
from services.notifications.delivery.worker import DeliveryWorker
from tests.support.messaging import eventually
from tests.support.notifications import MailSink, customer, outcomes_are, paid, sink_listening, working
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra


@pytest.fixture
def unused_port() -> int:
    return free_ports(["unused"])["unused"]


def server_at(sink: MailSink, **changes: Any) -> Server:
    details = {"username": None, "password": None, "starttls": False, "timeout": 10}
    return Server("127.0.0.1", sink.port, **(details | changes))


async def test_a_server_that_is_away_costs_no_attempt(infra: Infra, unused_port: int) -> None:
    away = MailSink(unused_port)
    async with partition_of(infra, SERVICE, smtp_port=away.port) as partition:
        worker = getattr(partition.parts.jobs[0], "__self__")  # noqa: B009 - functions have none
        await partition.deliver(customer("c1"), paid("c1"))
        async with working(partition):
            await eventually(lambda: _is_unreachable(worker))
            assert await partition.fetch("select phase, attempt from outgoing") == [("queued", 0)]
            async with sink_listening(away):
                await eventually(lambda: outcomes_are(partition, "c1", ["accepted"]))
    assert len(away.received) == 1


async def test_a_connection_that_was_closed_while_idle_is_not_used(partition: Partition, sink: MailSink) -> None:
    async with working(partition):
        for name in ("c1", "c2", "c3"):
            await partition.deliver(customer(name), paid(name))
            await eventually(lambda n=name: outcomes_are(partition, n, ["accepted"]))  # type: ignore[misc]
            sink.hang_up()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_server_with_a_password_gets_it(sink: MailSink) -> None:
    sink.options |= {"auth_required": True, "auth_require_tls": False, "authenticator": _check}
    connection = await Connection.open(server_at(sink, username="recourse", password="correct"))
    assert connection.is_usable()
    await connection.close()
    assert not connection.is_usable()
    with pytest.raises(ConnectError, match="535"):
        await Connection.open(server_at(sink, username="recourse", password="wrong"))


async def test_without_encryption_nothing_is_said_where_it_is_demanded(sink: MailSink) -> None:
    with pytest.raises(ConnectError, match="STARTTLS"):
        await Connection.open(server_at(sink, starttls=True))


async def test_a_port_where_nobody_answers_is_no_connection(unused_port: int) -> None:
    with pytest.raises(ConnectError):
        await Connection.open(server_at(MailSink(unused_port)))


def _check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data == LoginPassword(b"recourse", b"correct"), handled=False)


async def _is_unreachable(worker: DeliveryWorker) -> bool:
    return not worker._reachable
