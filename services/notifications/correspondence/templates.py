"""The templates of messages: `templates/<name>/v<version>.xml.j2`, each version kept for ever.

A template is Jinja that makes the markup of `markup.py`. What is filled in is always escaped.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.correspondence.domain import Rendered
from services.notifications.correspondence.markup import MarkupError, parse, to_html, to_text
from shared.money import format_money
from shared.time_zones import zone_named

FOLDER = Path(__file__).parent / "templates"
_FILE = re.compile(r"v([1-9][0-9]*)\.xml\.j2")
# What XML cannot hold, however it is escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What the database can be given in a message's data.
_NUMBERS = range(-(2**63), 2**64)


class UnknownTemplateError(LookupError):
    """There is no template of that name."""


class TemplateDataError(ValueError):
    """The template cannot be filled with this data."""


class _Null(Undefined):
    """A value that is null: a template may ask whether there is one, and cannot show it."""

    __str__ = StrictUndefined.__str__


class Templates:
    """All templates; `organisation` is the name that they speak in."""

    def __init__(self, *, organisation: str, folder: Path = FOLDER) -> None:
        self._organisation = organisation
        self._versions = {path.name: _load(path) for path in sorted(folder.iterdir()) if path.is_dir()}

    def names(self) -> list[str]:
        """The names of all templates."""
        return list(self._versions)

    def versions(self, name: str) -> list[int]:
        """The versions of a template, the newest last.

        Raises:
            UnknownTemplateError: there is no such template.
        """
        return sorted(self._of(name))

    def render(self, name: str, data: Mapping[str, Any], *, version: int | None = None) -> Rendered:
        """The message that the template makes of `data`; of the newest version unless one is named.

        Raises:
            UnknownTemplateError: there is no such template.
            TemplateDataError: the data lacks something or does not fit.
        """
        versions = self._of(name)
        chosen = max(versions) if version is None else version
        context = {**data, "organisation": self._organisation}
        try:
            _check(context)
            document = parse(versions[chosen].render({name: _shown(name, value) for name, value in context.items()}))
        except (
            TemplateError,
            MarkupError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
            LookupError,
        ) as error:
            raise TemplateDataError(f"{name} v{chosen}: {error}") from error
        return Rendered(
            template_version=chosen,
            data=context,
            subject=document.subject,
            html=to_html(document, footer=self._organisation),
            text=to_text(document),
        )

    def _of(self, name: str) -> dict[int, Template]:
        if name not in self._versions:
            raise UnknownTemplateError(f"there is no template {name!r}")
        return self._versions[name]


def _check(data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        if "\x00" in name:
            raise ValueError(f"the name {name!r} has a NUL")
        if isinstance(value, int) and value not in _NUMBERS:
            raise ValueError(f"{name!r} has more than 64 bits")


def _shown(name: str, value: Any) -> Any:
    return _Null(hint=f"{name!r} is null") if value is None else value


def _load(folder: Path) -> dict[int, Template]:
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"money": format_money, "moment": _moment, "paragraphs": _paragraphs}
    found = {}
    for path in folder.iterdir():
        if not (match := _FILE.fullmatch(path.name)):
            raise ValueError(f"{path}: a template is named like v1.xml.j2")
        found[int(match[1])] = environment.from_string(path.read_text(encoding="utf-8"))
    return found


def _finalize(value: Any) -> Any:
    return _NOT_XML.sub("", value) if isinstance(value, str) else value


def _moment(value: str, zone: str | None) -> str:
    """A time such as "28 November 2026, 19:30 AEST", in UTC when the zone is not known."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a time is not in ISO 8601") from None
    local = moment.astimezone(zone_named(zone or None) or UTC)
    return f"{local.day} {local:%B %Y, %H:%M} {local.tzname()}"


def _paragraphs(text: str) -> list[list[str]]:
    """Paragraphs, separated by empty lines, each as its lines."""
    lines = text.replace("\r\n", "\n").strip()
    return [part.split("\n") for part in re.split(r"\n\s*\n", lines) if part.strip()]
