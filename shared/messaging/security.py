"""How a client of Kafka proves who it is, and knows whom it talks to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from shared.settings import KafkaAccess
from shared.tls import client_context


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Encryption and login. Without `ca_file` a broker's certificate must be signed by an authority of the system."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: KafkaAccess) -> Self:
        """What the environment says."""
        password = settings.kafka_sasl_password
        return cls(
            protocol=settings.kafka_security_protocol,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_username,
            password=password.get_secret_value() if password else None,
            ca_file=settings.kafka_ssl_ca_file,
            certificate_file=settings.kafka_ssl_certificate_file,
            key_file=settings.kafka_ssl_key_file,
        )

    def options(self) -> dict[str, Any]:
        """The keyword arguments of aiokafka's clients. Raises OSError for a certificate that cannot be read."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = client_context(self.ca_file, self.certificate_file, self.key_file)
        if self.protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"], options["sasl_plain_password"] = self.username, self.password
        return options


OPEN = KafkaSecurity()
