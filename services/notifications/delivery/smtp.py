"""One connection to the SMTP server, and how far a message got on it."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPSenderRefused

from services.notifications.delivery.mail import Envelope
from services.notifications.tracking.domain import Outcome

_START_INPUT = 354
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
_LONGEST_DETAIL = 1000
_REFUSALS = {4: Outcome.DEFERRED, 5: Outcome.REFUSED}
_CLOSING = 421
# Unknown or misplaced commands, and a login that is missing or too weak (RFC 5321, RFC 4954): no word of the recipient.
_ABOUT_US = {500, 502, 503, 504, 530, 534, 535, 538}


class ConnectError(Exception):
    """The server cannot be reached, or does not let us in."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes and how long one answer may take."""

    host: str
    port: int
    username: str | None
    password: str | None
    starttls: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Result:
    """How handing a message over ended. `code` is the server's reply code, None when it gave none."""

    outcome: Outcome
    code: int | None
    detail: str

    @property
    def status_code(self) -> str | None:
        """The enhanced status code (RFC 3463) that the answer begins with, else the reply code."""
        if match := _ENHANCED_CODE.match(self.detail):
            return match[0]
        return str(self.code) if self.code is not None else None


class Connection:
    """A connection that takes one message after the other. Anything unexpected closes it."""

    def __init__(self, client: SMTP) -> None:
        self._client = client

    @classmethod
    async def open(cls, server: Server) -> Self:
        """Connect, and log in when there is a user name.

        Raises:
            ConnectError: no connection; what the server said is in the message.
        """
        client = SMTP(
            hostname=server.host, port=server.port, username=server.username, password=server.password,
            start_tls=server.starttls, timeout=server.timeout,
        )  # fmt: skip
        try:
            await client.connect()
            await client.ehlo()
        except (SMTPException, OSError) as error:
            client.close()
            raise ConnectError(f"{type(error).__name__}: {error}") from error
        return cls(client)

    def is_usable(self) -> bool:
        """Whether the connection is open."""
        return self._client.is_connected

    async def hand_over(self, mail: Envelope, commit: Callable[[], Awaitable[bool]]) -> Result | None:
        """Give the mail to the server.

        `commit` is awaited when only the content is left to be sent. When it says False, or raises, nothing was
        handed over and the connection is closed; the result is then None.
        """
        if (ended := await self._offer(mail)) is not None:
            return ended
        committed = False
        try:
            committed = await commit()
        finally:
            # After the server's 354 there is no way back but to hang up.
            if not committed:
                self._client.close()
        return await self._give(mail.content) if committed else None

    async def close(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        with suppress(SMTPException, OSError):
            await self._client.quit(timeout=1)
        self._client.close()

    async def _offer(self, mail: Envelope) -> Result | None:
        """Sender, recipient and DATA; None when the server waits for the content."""
        try:
            await self._client.mail(mail.sender)
            await self._client.rcpt(mail.recipient)
            response = await self._client.execute_command(b"DATA")
            if response.code == _START_INPUT:
                return None
            result = _refusal(response.code, response.message)
        except SMTPSenderRefused as error:
            # The sender is ours: that the server does not like it says nothing about the recipient.
            result = _result(Outcome.DEFERRED, error.code, error.message)
        except SMTPResponseException as error:
            result = _refusal(error.code, error.message)
        except (SMTPException, OSError) as error:
            result = _result(Outcome.DEFERRED, None, str(error))
        await self._reset()
        return result

    async def _give(self, content: bytes) -> Result:
        """The content and the final dot. An answer that does not come leaves the outcome open."""
        protocol = self._client.protocol
        if protocol is None or not protocol.is_connected:
            self._client.close()
            return _result(Outcome.DEFERRED, None, "The connection was lost before the content was sent.")
        try:
            protocol.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            response = await protocol.read_response(timeout=self._client.timeout)
        except (SMTPException, OSError) as error:
            self._client.close()
            return _result(Outcome.UNCONFIRMED, None, str(error))
        if response.code // 100 == 2:
            return _result(Outcome.ACCEPTED, response.code, response.message)
        understood = response.code // 100 in _REFUSALS
        if response.code == _CLOSING or not understood:
            self._client.close()
        if understood:
            return _refusal(response.code, response.message)
        return _result(Outcome.UNCONFIRMED, response.code, response.message)

    async def _reset(self) -> None:
        """Leave the refused transaction, so that the next message can begin."""
        try:
            await self._client.rset()
        except (SMTPException, OSError):
            self._client.close()


def _refusal(code: int, message: str) -> Result:
    """A reply that is not the hoped-for one: for good, or for now (RFC 5321, 4.2.1), as is what we can put right."""
    outcome = Outcome.DEFERRED if code in _ABOUT_US else _REFUSALS.get(code // 100, Outcome.DEFERRED)
    return _result(outcome, code, message)


def _result(outcome: Outcome, code: int | None, detail: str) -> Result:
    # Servers may answer in any bytes; aiosmtplib passes what is not UTF-8 on as surrogates.
    clean = detail.encode("utf-8", errors="replace").decode().replace("\x00", "?")
    return Result(outcome, code, clean[:_LONGEST_DETAIL])
