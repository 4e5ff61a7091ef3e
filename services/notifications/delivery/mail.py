"""A message as the bytes that SMTP carries."""

import re
from binascii import b2a_qp
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import cache
from uuid import UUID

import idna

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"(?=.{{1,64}}$){_ATOM}(\.{_ATOM})*")
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# Of an address as SMTP knows it (RFC 5321, 4.5.3.1.3); in other letters than those of ASCII it may look shorter.
_LONGEST = 254
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


# What needs neither quotes nor encoding in a header.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 '-]*")
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,:;!/()'-]*")
_LINE, _FOLD = 78, "\r\n "


class UnsendableError(ValueError):
    """The message cannot be written as mail, now or ever; `code` is an enhanced status code (RFC 3463)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail is made of."""

    message_id: UUID
    customer_id: str
    created_at: datetime
    recipient_name: str
    recipient_address: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail ready for SMTP: lines end in CR LF, all is ASCII."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name mail is sent."""

    name: str
    address: str


def compose(letter: Letter, sender: Sender) -> Envelope:
    """The mail, byte for byte the same whenever it is made, so that receivers know a copy by its Message-ID.

    Raises:
        UnsendableError: the recipient's address cannot stand in a mail.
    """
    local, domain = ascii_address(letter.recipient_address)
    boundary = f"=_{letter.message_id.hex}"
    headers = (
        _from(sender)
        + _mailbox("To", _printable(letter.recipient_name), f"{local}@{domain}")
        + _subject(_printable(letter.subject))
        + f"Date: {format_datetime(letter.created_at)}\r\n"
        f"Message-ID: <{letter.message_id}@{sender.address.rpartition('@')[2]}>\r\n"
        f"X-Recourse-Message-Id: {letter.message_id}\r\n"
        f"X-Recourse-Customer-Id: {letter.customer_id}\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    )
    parts = _part(boundary, "plain", letter.text) + _part(boundary, "html", letter.html)
    return Envelope(
        sender.address, f"{local}@{domain}", headers.encode("ascii") + parts + f"--{boundary}--\r\n".encode()
    )


@cache
def _from(sender: Sender) -> str:
    return _mailbox("From", sender.name, sender.address)


def _mailbox(header: str, name: str, address: str) -> str:
    words = f"{header}: {_encoded(header, name, _PLAIN_NAME)}" if name else f"{header}:"
    fits = len(words) - words.rfind("\n") + len(address) + len("<>") <= _LINE
    return f"{words}{' ' if fits else _FOLD}<{address}>\r\n"


def _subject(subject: str) -> str:
    return f"Subject: {_encoded('Subject', subject, _PLAIN_TEXT)}\r\n"


def _encoded(header: str, text: str, plain: re.Pattern[str]) -> str:
    """What stands in a header for the text: itself if it is plain and short, else encoded words (RFC 2047), folded.

    The modern classes of the standard library take ten times as long for it, longer than for all the rest of a mail.
    """
    if plain.fullmatch(text) and len(f"{header}: {text}") <= _LINE:
        return text
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _part(boundary: str, subtype: str, text: str) -> bytes:
    # Quoted-printable never has "=_", so that no text can end its part.
    body = b2a_qp(text.replace("\r\n", "\n").encode(), istext=True).replace(b"\n", b"\r\n")
    headers = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return headers.encode() + body + b"\r\n"


def ascii_address(address: str) -> tuple[str, str]:
    """The local part and the domain as SMTP and the DNS know them (RFC 5321's Mailbox, without quoted strings).

    Raises:
        UnsendableError: 5.6.7 for a local part beyond ASCII, 5.1.3 for what is no address.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise UnsendableError("5.6.7", "The part before the @ is not ASCII.")
    domain = _ascii_domain(domain)
    fits = len(f"{local}@{domain}") <= _LONGEST
    if not (fits and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        raise UnsendableError("5.1.3", "The address is not valid.")
    return local, domain


def _ascii_domain(domain: str) -> str:
    if not domain.isascii():
        # The older rules below make another domain of one with ß, but know symbols.
        with suppress(UnicodeError):
            return idna.encode(domain, uts46=True).decode("ascii")
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise UnsendableError("5.1.2", "The domain is not valid.") from None


def _printable(text: str) -> str:
    """The text on one line, without what the header parser of the standard library stumbles over."""
    return " ".join(_CONTROL.sub(" ", text).split())
