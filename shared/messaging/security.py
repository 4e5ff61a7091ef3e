"""How a client of Kafka proves who it is, and knows whom it talks to."""

from typing import Any

from shared.settings import KafkaAccess
from shared.tls import client_context


def security_options(access: KafkaAccess) -> dict[str, Any]:
    """The keyword arguments of aiokafka's clients for encryption and login; none where neither is asked for.

    Raises OSError for a certificate that cannot be read.
    """
    protocol = access.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return {}
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = client_context(
            access.kafka_ssl_ca_file, access.kafka_ssl_certificate_file, access.kafka_ssl_key_file
        )
    if protocol.startswith("SASL") and access.kafka_sasl_password is not None:
        options["sasl_mechanism"] = access.kafka_sasl_mechanism
        options["sasl_plain_username"] = access.kafka_sasl_username
        options["sasl_plain_password"] = access.kafka_sasl_password.get_secret_value()
    return options
