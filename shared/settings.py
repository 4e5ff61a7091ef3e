"""Settings every service reads from its environment, and how they fail when something is missing.

A service adds its own fields in a subclass and reads them once, in its composition root:
`settings = load_settings(AccountsSettings)`. Nothing else reads the environment.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.tls import client_context

ENVIRONMENT_PREFIX = "RECOURSE_"

_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")
# How alike two names are that differ in one slip; of the names in docs/configuration.md no two are.
_SLIP = 0.93


def _brokers(value: str) -> str:
    if not all(_BROKER.fullmatch(each.strip()) for each in value.split(",")):
        raise ValueError("it should be host:port, several separated by commas, without a scheme")
    return value


def _origins(value: str) -> str:
    if not all(_ORIGIN.fullmatch(each.strip()) for each in value.split(",") if each.strip()):
        raise ValueError(
            "it should be origins as browsers name them, https://host or https://host:port in small letters"
        )
    return value


def _database_url(value: SecretStr) -> SecretStr:
    advice = "what is special in a password is percent-encoded, such as %2F for /"
    try:
        url = urlsplit(value.get_secret_value())
        _ = url.port
    except ValueError:
        raise ValueError(f"its host or port cannot be read; {advice}") from None
    if url.scheme not in {"postgresql", "postgres"}:
        raise ValueError("it should be postgresql://role:password@host:port/database")
    if "@" in url.path:
        raise ValueError(f"its host cannot be told from its password; {advice}")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]


class SettingsError(Exception):
    """The environment does not describe a service that can start; the message names each variable."""


class KafkaAccess(BaseSettings):
    """Where Kafka is and how to get in. Each field `x_y` is read from `RECOURSE_X_Y`."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_brokers)]
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_ca_file: FilePath | None = None
    kafka_ssl_certificate_file: FilePath | None = None
    kafka_ssl_key_file: FilePath | None = None
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")

    @model_validator(mode="after")
    def _fits_the_protocol(self) -> Self:
        protocol = self.kafka_security_protocol
        login = (self.kafka_sasl_username, self.kafka_sasl_password)
        if protocol.startswith("SASL") and None in login:
            raise ValueError(f"RECOURSE_KAFKA_SASL_USERNAME and _PASSWORD are both needed for {protocol}")
        if not protocol.startswith("SASL") and any(login):
            raise ValueError(f"RECOURSE_KAFKA_SASL_USERNAME or _PASSWORD is set, but not used with {protocol}")
        files = (self.kafka_ssl_ca_file, self.kafka_ssl_certificate_file, self.kafka_ssl_key_file)
        if not protocol.endswith("SSL") and any(files):
            raise ValueError(f"a file in RECOURSE_KAFKA_SSL_* is set, but not used with {protocol}")
        if self.kafka_ssl_key_file and not self.kafka_ssl_certificate_file:
            raise ValueError("RECOURSE_KAFKA_SSL_KEY_FILE is of no use without RECOURSE_KAFKA_SSL_CERTIFICATE_FILE")
        try:
            client_context(*files)
        except OSError as error:
            raise ValueError(f"a file in RECOURSE_KAFKA_SSL_* cannot be used: {error}") from None
        return self


class ServiceSettings(KafkaAccess):
    """What all four services need."""

    database_url: DatabaseUrl
    migration_database_url: DatabaseUrl | None = None
    database_pool_size: int = Field(default=10, ge=2, le=100)
    kafka_session_timeout_ms: int = Field(default=6_000, ge=1_000, le=300_000)
    kafka_fetch_wait_ms: int = Field(default=40, ge=1, le=5_000)
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=0, le=65_535)
    auth_jwks_url: str = Field(pattern=r"^(https?|file)://")
    auth_issuer: str
    auth_audience: str
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="Origins that may call from a browser, separated by commas."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load_settings(settings_class: type[SettingsT], **given: Any) -> SettingsT:
    """Read the settings from the environment, those `given` apart.

    Raises:
        SettingsError: a variable is missing or wrong. The message names the variables, never their values.
    """
    try:
        return settings_class(**given)
    except ValidationError as error:
        problems = [_describe(item["loc"], item["type"], item["msg"]) for item in error.errors()]
        problems += [f"{name} is not read: is {meant} meant?" for name, meant in slips(settings_class).items()]
        raise SettingsError("; ".join(problems)) from None


def slips(settings_class: type[BaseSettings], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that are set but not read, with the one each seems to mean: a letter missing, two swapped."""
    known = {f"{ENVIRONMENT_PREFIX}{field.upper()}" for field in settings_class.model_fields}
    unread = [name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known]
    meant = {name: get_close_matches(name, known, n=1, cutoff=_SLIP) for name in sorted(unread)}
    return {name: close[0] for name, close in meant.items() if close}


def _describe(location: tuple[int | str, ...], kind: str, message: str) -> str:
    told = message.removeprefix("Value error, ")
    if not location:
        return told
    variable = f"{ENVIRONMENT_PREFIX}{str(location[0]).upper()}"
    if kind == "missing":
        return f"{variable} is not set"
    return f"{variable} is wrong: {told}"
