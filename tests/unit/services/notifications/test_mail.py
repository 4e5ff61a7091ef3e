"""Mail as bytes: every message that can be sent reads back as it was written."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.mail import Letter, Sender, UnsendableError, ascii_address, compose

SENDER = Sender("Lotto & Söhne, Inc.", "no-reply@recourse.example")
IDENTITY = UUID("01a2012e-fd63-72d7-9059-71007f0ac649")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
PLAIN = st.text("Ab9 .,:;!/()'-=?", max_size=90).map(lambda text: " ".join(text.split()))
LINE = PLAIN | TEXT.map(lambda text: " ".join("".join(char if char.isprintable() else " " for char in text).split()))


def letter(**changes: object) -> Letter:
    details: dict[str, object] = {
        "message_id": IDENTITY, "customer_id": "cus-1", "created_at": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "recipient_name": "Ada", "recipient_address": "ada@example.com", "subject": "Hello", "text": "t", "html": "h",
    }  # fmt: skip
    return Letter(**(details | changes))  # type: ignore[arg-type]


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, EmailMessage, policy=policy.default)


@given(text=TEXT, html=TEXT)
def test_bodies_read_back(text: str, html: str) -> None:
    content = compose(letter(text=text, html=html), SENDER).content
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line and len(line) <= 998 for line in lines)
    mail = read(content)
    assert not mail.defects
    plain, rich = mail.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert rich.get_content().replace("\r\n", "\n").rstrip("\n") == html.rstrip("\n")


@given(name=LINE, subject=LINE)
def test_names_and_subjects_read_back_or_at_least_stay_in_their_header(name: str, subject: str) -> None:
    content = compose(letter(recipient_name=name, subject=subject), SENDER).content
    assert all(len(line) <= 78 for line in content.partition(b"\r\nDate: ")[0].split(b"\r\n"))
    mail = read(content)
    assert mail["To"].addresses[0].addr_spec == "ada@example.com"
    assert mail["From"].addresses[0].addr_spec == SENDER.address
    assert mail.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "X-Recourse-Message-Id", "X-Recourse-Customer-Id",
        "MIME-Version", "Content-Type",
    ]  # fmt: skip
    if subject.isascii() and "=?" not in subject:
        assert mail["Subject"] == subject


@pytest.mark.parametrize("name", ["Zoë O'Brien, Jr.", "李小龍", "José 'Pepe' <x@evil.example>", 'Q "the" R', ""])
def test_names_read_back(name: str) -> None:
    mail = read(compose(letter(recipient_name=name, subject=f"Für {name}".strip()), SENDER).content)
    assert mail["To"].addresses[0].display_name == name
    assert mail["Subject"] == f"Für {name}".strip()


@pytest.mark.parametrize("name", ["Ann " * 40 + "Bee", "a" * 200, "李小龍" * 40])
def test_long_names_read_back(name: str) -> None:
    content = compose(letter(recipient_name=name), SENDER).content
    # The modern parser of the standard library leaves blanks between the encoded words of a name.
    words, _, address = message_from_bytes(content)["To"].rpartition(" ")
    assert (str(make_header(decode_header(words.rstrip()))), address) == (name, "<ada@example.com>")


def test_a_line_break_in_a_name_adds_no_header() -> None:
    mail = read(compose(letter(recipient_name="Ada\r\nBcc: x@evil.example", subject="a\nX-Evil: 1"), SENDER).content)
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert len(mail["To"].addresses) == 1


def test_the_same_letter_is_the_same_bytes() -> None:
    assert compose(letter(), SENDER) == compose(letter(), SENDER)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("jürgen@example.com", "5.6.7"),
        ("a..b@example.com", "5.1.3"),
        ("<a@example.com", "5.1.3"),
        ("a,b@example.com", "5.1.3"),
        ('"a b"@example.com', "5.1.3"),
        ("a@exam_ple.com", "5.1.3"),
        ("a@-example.com", "5.1.3"),
        ("a@example..com", "5.1.2"),
        (f"{'a' * 65}@example.com", "5.1.3"),
        ("@example.com", "5.1.3"),
        ("nobody", "5.1.3"),
        # 199 characters, and 273 as the DNS knows them.
        ("ada@" + ".".join(["中" * 15] * 12) + ".com", "5.1.3"),
    ],
)
def test_what_is_no_address_is_refused(address: str, code: str) -> None:
    with pytest.raises(UnsendableError) as refusal:
        ascii_address(address)
    assert refusal.value.code == code


def test_the_longest_address_is_sendable() -> None:
    longest = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 61}"
    assert "@".join(ascii_address(longest)) == longest
    with pytest.raises(UnsendableError):
        ascii_address(f"{longest}e")


def test_a_domain_beyond_ascii_is_written_as_the_dns_knows_it() -> None:
    assert ascii_address("info@bücher.example") == ("info", "xn--bcher-kva.example")
    # Not fass.example, which belongs to somebody else.
    assert ascii_address("info@faß.example") == ("info", "xn--fa-hia.example")
    assert ascii_address("info@BÜCHER。Example") == ("info", "xn--bcher-kva.example")
    assert ascii_address("info@i❤.example") == ("info", "xn--i-7iq.example")
    assert compose(letter(recipient_address="info@bücher.example"), SENDER).recipient == "info@xn--bcher-kva.example"


@given(st.text())
def test_any_address_is_either_sendable_or_refused(address: str) -> None:
    try:
        envelope = compose(letter(recipient_address=address), SENDER)
    except UnsendableError:
        return
    assert read(envelope.content)["To"].addresses[0].addr_spec == envelope.recipient
