"""Topics, publishing and reading over TLS with a login, against a Kafka that accepts nothing else."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local.kafka import KafkaCluster
from deploy.local.ports import free_ports
from deploy.local.process import ManagedProcess
from shared.contracts.activity import VisitMade
from shared.messaging import EventPublisher, KafkaError, KafkaSettings, Received
from shared.messaging.admin import ensure_topics
from shared.messaging.follow import follow
from shared.settings import KafkaAccess

NAME, PASSWORD = "accounts", "open-sesame"


class _GuardedKafka(KafkaCluster):
    """One node whose clients come in through SASL_SSL; it talks to itself without."""

    def settings(self, node: int) -> str:
        inside, outside = self._ports["kafka-1"], self._ports["outside"]
        login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{NAME}="{PASSWORD}";'
        guarded = {
            "listeners": f"PLAINTEXT://127.0.0.1:{inside},OUTSIDE://127.0.0.1:{outside},"
            f"CONTROLLER://127.0.0.1:{self._ports['kafka-1-controller']}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{inside},OUTSIDE://127.0.0.1:{outside}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:SASL_SSL",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.outside.plain.sasl.jaas.config": login,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "broker.pem",
        }
        return super().settings(node) + "".join(f"{name}={value}\n" for name, value in guarded.items())


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaAccess]:
    folder = tmp_path_factory.mktemp("guarded")
    ports = free_ports(["kafka-1", "kafka-1-controller", "outside"])
    kafka = _GuardedKafka(folder, ports=ports, nodes=1)
    _write_certificate(folder)
    kafka.initialise()
    process = ManagedProcess(kafka.specs()[0], folder)
    process.start()
    try:
        yield KafkaAccess.model_validate(
            {
                "kafka_bootstrap_servers": f"127.0.0.1:{ports['outside']}",
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_mechanism": "PLAIN",
                "kafka_sasl_username": NAME,
                "kafka_sasl_password": PASSWORD,
                "kafka_ssl_ca_file": folder / "authority.pem",
            }
        )
    finally:
        process.stop()


def _write_certificate(folder: Path) -> None:
    """`broker.pem` for the node, signed by itself, and `authority.pem` for those who trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "authority.pem").write_bytes(public)
    (folder / "broker.pem").write_bytes(private + public)


async def test_who_has_the_login_creates_publishes_and_reads(access: KafkaAccess) -> None:
    kafka = KafkaSettings.of(access)
    assert "activity" in await ensure_topics(kafka, partitions=1)
    event = VisitMade.model_validate_json(json.dumps(VisitMade.example))
    async with EventPublisher(kafka, source="tests") as publisher:
        await publisher.publish(event, event_id="one")
    read = [record async for record in follow(kafka, "activity", from_beginning=True, to_present=True)]
    assert [record.id for record in read if isinstance(record, Received)] == ["one"]


@pytest.mark.parametrize("wrong", [{"kafka_sasl_password": "guessed"}, {"kafka_ssl_ca_file": None}])
async def test_who_lacks_the_login_or_the_authority_is_told(access: KafkaAccess, wrong: dict[str, str | None]) -> None:
    kafka = KafkaSettings.of(KafkaAccess.model_validate(access.model_dump() | wrong))
    with pytest.raises(KafkaError):
        await ensure_topics(kafka)
