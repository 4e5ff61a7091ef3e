"""Messages on disk: `<id>.eml` as received, `<id>.json` with what is still to be reported about it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ValidationError

from deploy.local.mailserver.behaviour import State, behaviour_of
from shared.telemetry import get_logger

MESSAGE_ID_HEADER = "X-Recourse-Message-Id"
CUSTOMER_ID_HEADER = "X-Recourse-Customer-Id"

log = get_logger(__name__)


class Report(BaseModel):
    """One delivery report, due at `due` (UTC) and `published` or not yet."""

    recipient: str
    state: State
    status_code: str
    diagnostic: str
    due: AwareDatetime
    published: bool = False


class Journal(BaseModel):
    """What is known of one message besides its content. Without `message_id` nobody waits for reports."""

    mail_id: str
    received_at: AwareDatetime
    sender: str
    recipients: list[str]
    subject: str
    message_id: str | None
    customer_id: str | None
    reports: list[Report]

    @property
    def pending(self) -> list[Report]:
        """The reports that Kafka does not have yet."""
        return [report for report in self.reports if not report.published]


class Mailbox:
    """All messages in one folder. Methods block on the disk: call them in a thread."""

    def __init__(self, folder: Path, *, slow_seconds: float) -> None:
        self._folder = folder
        self._slow_seconds = slow_seconds
        folder.mkdir(parents=True, exist_ok=True)

    def store(self, content: bytes, *, sender: str, recipients: list[str]) -> Journal:
        """Write a message and its journal, and return the journal."""
        journal = self._new_journal(content, sender, recipients)
        # The journal first: one without its message is ignored, a message without its journal would be silent.
        self._write(f"{journal.mail_id}.json", journal.model_dump_json().encode())
        self._write(f"{journal.mail_id}.eml", content)
        return journal

    def save(self, journals: Iterable[Journal]) -> None:
        """Replace the journals of messages."""
        for journal in journals:
            self._write(f"{journal.mail_id}.json", journal.model_dump_json().encode())

    def journals(self) -> Iterator[Journal]:
        """The journals of all messages, newest first."""
        for path in sorted(self._folder.glob("*.eml"), reverse=True):
            if (journal := _read(path.with_suffix(".json"))) is not None:
                yield journal

    def journal(self, mail_id: str) -> Journal | None:
        """The journal of one message, None when there is no such message."""
        path = self._path(mail_id)
        return _read(path.with_suffix(".json")) if path else None

    def content(self, mail_id: str) -> bytes | None:
        """One message as it was received, None when there is no such message."""
        path = self._path(mail_id)
        return path.read_bytes() if path else None

    def _path(self, mail_id: str) -> Path | None:
        """The message's file; an id with path characters in it names none."""
        path = self._folder / f"{mail_id}.eml"
        return path if path.parent == self._folder and path.exists() else None

    def _new_journal(self, content: bytes, sender: str, recipients: list[str]) -> Journal:
        now = datetime.now(UTC)
        # Not the whole message, and not by the modern rules: either takes several times as long.
        headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
        message_id, customer_id = _text(headers, MESSAGE_ID_HEADER), _text(headers, CUSTOMER_ID_HEADER)
        wanted = recipients if message_id and customer_id else []
        return Journal(
            mail_id=f"{now:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}",
            received_at=now,
            sender=sender,
            recipients=recipients,
            subject=_text(headers, "Subject") or "",
            message_id=message_id,
            customer_id=customer_id,
            reports=[self._report(recipient, now) for recipient in wanted],
        )

    def _report(self, recipient: str, now: datetime) -> Report:
        behaviour = behaviour_of(recipient, slow_seconds=self._slow_seconds)
        return Report(
            recipient=recipient,
            state=behaviour.state,
            status_code=behaviour.status_code,
            diagnostic=behaviour.diagnostic,
            due=now + timedelta(seconds=behaviour.delay),
        )

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._folder / f"{name}.tmp"
        temporary.write_bytes(content)
        temporary.replace(self._folder / name)


def _read(path: Path) -> Journal | None:
    """A journal; None for what cannot be read, as when the machine lost power: nothing is flushed to the disk."""
    try:
        return Journal.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        log.warning("a journal cannot be read", mail_id=path.stem, error=type(error).__name__)
        return None


def _text(headers: Message, name: str) -> str | None:
    """A header for people: on one line, encoded words decoded as far as that is possible; None without the header."""
    line = " ".join(str(headers.get(name, "")).split())
    try:
        # Some encodings have surrogates, which no journal can hold.
        return str(make_header(decode_header(line))).encode(errors="replace").decode() or None
    except (LookupError, ValueError, HeaderParseError):
        return line


def parse(content: bytes) -> EmailMessage:
    """The message, parsed by the modern rules of the standard library."""
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
