"""Settings every service reads from its environment, and how they fail when something is missing.

A service adds its own fields in a subclass and reads them once, in its composition root:
`settings = load_settings(AccountsSettings)`. Nothing else reads the environment.
"""

from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "RECOURSE_"


class SettingsError(Exception):
    """The environment does not describe a service that can start; the message names each variable."""


class ServiceSettings(BaseSettings):
    """What all four services need. Each field `x_y` is read from `RECOURSE_X_Y`."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: SecretStr
    migration_database_url: SecretStr | None = None
    database_pool_size: int = Field(default=10, ge=2, le=100)
    kafka_bootstrap_servers: str
    kafka_session_timeout_ms: int = Field(default=6_000, ge=1_000, le=300_000)
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=0, le=65_535)
    auth_jwks_url: str = Field(pattern=r"^(https?|file)://")
    auth_issuer: str
    auth_audience: str
    cors_origins: str = Field(default="", description="Origins that may call from a browser, separated by commas.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable is missing or wrong. The message names the variables, never their values.
    """
    try:
        return settings_class()
    except ValidationError as error:
        problems = [_describe(str(item["loc"][0]), item["type"], item["msg"]) for item in error.errors()]
        raise SettingsError("; ".join(problems)) from None


def _describe(field: str, kind: str, message: str) -> str:
    variable = f"{ENVIRONMENT_PREFIX}{field.upper()}"
    if kind == "missing":
        return f"{variable} is not set"
    return f"{variable} is wrong: {message}"
