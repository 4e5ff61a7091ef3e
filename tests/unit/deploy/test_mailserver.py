"""What becomes of a mail, and what is kept of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.mailserver.behaviour import behaviour_of, is_refused
from deploy.local.mailserver.mailbox import Journal, Mailbox
from deploy.local.mailserver.smtp import Handler
from tests.support.wait import eventually

MAIL = (
    b"X-Recourse-Message-Id: msg-1\r\n"
    b"X-Recourse-Customer-Id: cus-1\r\n"
    b"Subject: =?utf-8?q?f=C3=BCr_dich?=\r\n"
    b"\r\nHello\r\n"
)


@pytest.mark.parametrize(
    ("address", "state", "delay"),
    [
        ("ada@example.com", "delivered", 0.0),
        ("bounce-hard@example.com", "hard_bounce", 0.0),
        ("BOUNCE-HARD.x@example.com", "hard_bounce", 0.0),
        ("bounce-soft+1@example.com", "soft_bounce", 0.0),
        ("slow.ada@example.com", "delivered", 7.5),
        ("not-bounce-hard@example.com", "delivered", 0.0),
    ],
)
def test_the_start_of_an_address_decides(address: str, state: str, delay: float) -> None:
    behaviour = behaviour_of(address, slow_seconds=7.5)

    assert (behaviour.state, behaviour.delay) == (state, delay)


def test_only_refuse_is_refused() -> None:
    assert is_refused("Refuse@example.com")
    assert not is_refused("ada.refuse@example.com")


def test_a_stored_mail_is_complete_and_its_journal_survives(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, slow_seconds=3)

    journal = mailbox.store(MAIL, sender="s@example.com", recipients=["slow@example.com", "b@example.com"])

    assert mailbox.content(journal.mail_id) == MAIL
    assert journal.subject == "für dich"
    assert [report.state for report in journal.pending] == ["delivered", "delivered"]
    assert (journal.reports[0].due - journal.received_at).total_seconds() == 3
    journal.reports[0].published = True
    mailbox.save([journal])
    [reloaded] = Mailbox(tmp_path, slow_seconds=3).journals()
    assert [report.recipient for report in reloaded.pending] == ["b@example.com"]


async def test_a_mail_whose_sender_goes_away_while_it_is_stored_is_reported(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, slow_seconds=3)
    stored: list[Journal] = []
    handler = Handler(mailbox, stored.append)
    server, session, envelope = SMTP(handler), Session(asyncio.get_running_loop()), Envelope()
    envelope.content, envelope.mail_from, envelope.rcpt_tos = MAIL, "s@example.com", ["b@example.com"]
    answer = asyncio.create_task(handler.handle_DATA(server, session, envelope))
    await asyncio.sleep(0)

    answer.cancel()

    with pytest.raises(asyncio.CancelledError):
        await answer
    await eventually(lambda: len(stored) == 1)
    assert [journal.mail_id for journal in mailbox.journals()] == [stored[0].mail_id]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"=?utf-8?q?f=C3=BCr?=\r\n =?utf-8?q?_dich?=", "für dich"),
        (b"Order o1\r\n is confirmed", "Order o1 is confirmed"),
        (b"=?utf-8?b?not base64?=", "=?utf-8?b?not base64?="),
        (b"=?no-charset?q?a?=", "=?no-charset?q?a?="),
        (b"=?utf-7?q?a+2AA-?=", "a?"),
        ("für dich".encode(), "f\ufffd\ufffdr dich"),
        (b"", ""),
    ],
)
def test_a_subject_is_read_as_far_as_it_can_be(tmp_path: Path, written: bytes, read: str) -> None:
    mail = MAIL.replace(b"=?utf-8?q?f=C3=BCr_dich?=", written)

    assert Mailbox(tmp_path, slow_seconds=3).store(mail, sender="s@example.com", recipients=[]).subject == read


@pytest.mark.parametrize("header", [b"X-Recourse-Message-Id", b"X-Recourse-Customer-Id"])
def test_nobody_waits_for_reports_on_mail_without_ids(tmp_path: Path, header: bytes) -> None:
    journal = Mailbox(tmp_path, slow_seconds=3).store(
        MAIL.replace(header, b"X-Other"), sender="s@example.com", recipients=["b@example.com"]
    )

    assert journal.reports == []


def test_a_journal_without_its_mail_is_ignored(tmp_path: Path) -> None:
    """A crash between the two writes: the sender never got its 250 and sends again."""
    mailbox = Mailbox(tmp_path, slow_seconds=3)
    journal = mailbox.store(MAIL, sender="s@example.com", recipients=["b@example.com"])
    (tmp_path / f"{journal.mail_id}.eml").unlink()

    assert list(mailbox.journals()) == []
    assert mailbox.journal(journal.mail_id) is None


@pytest.mark.parametrize("mail_id", ["../secrets", "..", "", "a/b", "/etc/passwd"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, mail_id: str) -> None:
    (tmp_path / "secrets.eml").write_text("x")
    mailbox = Mailbox(tmp_path / "mail", slow_seconds=3)

    assert mailbox.content(mail_id) is None


def test_a_journal_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, slow_seconds=3)
    lost, kept = (mailbox.store(MAIL, sender="s@example.com", recipients=["b@example.com"]) for _ in range(2))
    (tmp_path / f"{lost.mail_id}.json").write_bytes(b"")

    assert [journal.mail_id for journal in mailbox.journals()] == [kept.mail_id]
