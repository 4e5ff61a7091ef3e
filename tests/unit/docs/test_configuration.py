"""docs/configuration.md says what the code reads: every variable and every default."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from deploy.local.mailserver.__main__ import MailSettings
from services.accounts.settings import AccountsSettings
from services.loyalty.settings import LoyaltySettings
from services.notifications.settings import NotificationsSettings
from services.tickets.settings import TicketsSettings
from shared.messaging.admin import TopicSettings
from shared.settings import KafkaAccess, ServiceSettings, slips
from tests.support.containers import ROOT, references

TEXT = (ROOT / "docs" / "configuration.md").read_text()
SERVICE_SECTIONS: dict[str, type[ServiceSettings]] = {
    "accounts": AccountsSettings,
    "tickets": TicketsSettings,
    "notifications": NotificationsSettings,
    "loyalty": LoyaltySettings,
}
# What the mail server shares with the services is said there.
SHARED_WITH_SERVICES = {*KafkaAccess.model_fields, "log_level"}
# Made up in docstrings, or only for the tests of something.
NOT_SETTINGS = {"RECOURSE_X_Y"}


def _section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _documented(section: str) -> dict[str, str]:
    """Defaults by variable, of the tables with three columns."""
    return dict(re.findall(r"^\| `(RECOURSE_\w+)` \| (.+?) \| .+ \|$", section, flags=re.MULTILINE))


def _read(settings: type[BaseSettings], names: set[str]) -> dict[str, str]:
    fields = settings.model_fields
    return {f"RECOURSE_{name.upper()}": _default(fields[name]) for name in names}


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "*required*"
    if value is None:
        return "none"
    if isinstance(value, SecretStr):
        raise TypeError("a secret has no default")
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_settings_of_every_service() -> None:
    assert _documented(_section("Every service")) == _read(ServiceSettings, set(ServiceSettings.model_fields))


@pytest.mark.parametrize("title", SERVICE_SECTIONS)
def test_the_settings_of_one_service(title: str) -> None:
    settings = SERVICE_SECTIONS[title]
    shared = ServiceSettings.model_fields
    own = {
        name for name, field in settings.model_fields.items()
        if name not in shared or field.default != shared[name].default
    }  # fmt: skip
    assert _documented(_section(title)) == _read(settings, own)


def test_the_settings_of_the_mail_server() -> None:
    own = set(MailSettings.model_fields) - SHARED_WITH_SERVICES
    assert _documented(_section("The local mail server")) == _read(MailSettings, own)


def test_the_settings_of_the_job_that_creates_topics() -> None:
    own = set(TopicSettings.model_fields) - set(KafkaAccess.model_fields)
    assert _documented(_section("The job that creates topics")) == _read(TopicSettings, own)


@pytest.mark.parametrize("settings", [*SERVICE_SECTIONS.values(), MailSettings, TopicSettings])
def test_no_variable_of_something_else_passes_for_a_slip(settings: type[BaseSettings]) -> None:
    names = re.findall(r"\bRECOURSE_[A-Z]+(?:_[A-Z]+)*\b", TEXT)
    assert slips(settings, dict.fromkeys(names, "1")) == {}


def test_every_variable_of_the_containers_is_documented() -> None:
    assert {name for name in references() if f"`{name}`" not in TEXT} == set()


def test_every_variable_that_the_code_names_is_documented() -> None:
    files = [
        *(path for folder in ("shared", "services", "deploy") for path in (ROOT / folder).rglob("*.py")),
        *(ROOT / name for name in ("docker-compose.yml", "Dockerfile", ".env.example", "Makefile")),
    ]
    named = {name for path in files for name in re.findall(r"\bRECOURSE_[A-Z]+(?:_[A-Z]+)*\b", path.read_text())}
    documented = set(re.findall(r"\bRECOURSE_[A-Z]+(?:_[A-Z]+)*\b", TEXT))
    assert named - NOT_SETTINGS - documented == set()
