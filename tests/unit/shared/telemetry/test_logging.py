"""What reaches standard output, and what must not."""

import json
import logging
from collections.abc import Iterator
from typing import Literal

import asyncpg
import pytest
import structlog
from pydantic import BaseModel, ValidationError

from shared.telemetry import bind_trace, configure_logging, get_logger, new_trace
from shared.telemetry.logging import REDACTED


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_names_service_time_level_and_span(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("accounts")
    with bind_trace(new_trace()) as span:
        get_logger("tests").info("batch applied", events=12)
    (line,) = _lines(capsys)
    assert line["service"] == "accounts"
    assert line["level"] == "info"
    assert line["event"] == "batch applied"
    assert line["events"] == 12
    assert line["trace_id"] == span.trace_id
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("token", "eyJhbGciOi"),
        ("Authorization", "Bearer eyJhbGciOi"),
        ("smtp_password", "hunter2"),
        ("client_secret", "s3cr3t"),
        ("email", "ada@example.org"),
        ("e_mail", "ada@example.org"),
        ("phone_number", "+49 30 1234"),
        ("first_name", "Ada"),
        ("body", '{"name": "Ada"}'),
        ("detail", "mail to ada@example.org bounced"),
        ("url", "postgresql://accounts:hunter2@127.0.0.1/accounts"),
        ("nested", {"customer": {"phone": "+49 30 1234"}}),
        ("listed", [{"email": "ada@example.org"}]),
    ],
)
def test_secrets_and_personal_data_are_redacted(capsys: pytest.CaptureFixture[str], key: str, value: object) -> None:
    configure_logging("accounts")
    get_logger("tests").info("something happened", **{key: value})
    written = capsys.readouterr().out
    assert REDACTED in written
    for secret in ("eyJhbGciOi", "hunter2", "s3cr3t", "ada@example.org", "1234", "Ada"):
        assert secret not in written


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_exceptions_are_written_without_addresses(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "text"]
) -> None:
    configure_logging("accounts", log_format=log_format)
    try:
        raise ValueError("no mailbox ada@example.org")
    except ValueError:
        get_logger("tests").exception("delivery failed")
    written = capsys.readouterr().out
    assert "ValueError: no mailbox" in written
    assert "ada@example.org" not in written


def test_lines_of_libraries_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("accounts", level="warning")
    logging.getLogger("some.library").warning("retrying %s", "ada@example.org")
    logging.getLogger("some.library").info("not written")
    (line,) = _lines(capsys)
    assert line["event"] == f"retrying {REDACTED}"
    assert line["service"] == "accounts"


def test_text_is_one_readable_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("accounts", log_format="text")
    get_logger("tests").info("batch applied", events=12, email="ada@example.org")
    (line,) = capsys.readouterr().out.splitlines()
    assert "batch applied" in line
    assert "events=12" in line
    assert "ada@example.org" not in line


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_does_not_quote_the_row_that_the_database_refused(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "text"]
) -> None:
    configure_logging("accounts", log_format=log_format)
    refused = asyncpg.UniqueViolationError("duplicate key value")
    refused.detail = "Key (name)=(Ada\nLovelace) already exists."
    refused.hint = "Choose another."
    try:
        try:
            raise refused
        except asyncpg.UniqueViolationError as error:
            raise RuntimeError("the job failed") from error
    except RuntimeError:
        get_logger("tests").exception("a job failed")
    written = capsys.readouterr().out
    for kept in ("duplicate key value", "Choose another.", "the job failed", REDACTED):
        assert kept in written
    assert "Ada" not in written
    assert "Lovelace" not in written


def _misfit(name: str) -> ValidationError:
    class Profile(BaseModel):
        name: int

    with pytest.raises(ValidationError) as caught:
        Profile.model_validate({"name": name})
    return caught.value


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (
            asyncpg.DataError("invalid input for query argument $3: ['Ada (née B)'] (expected str, got list)"),
            "argument $3: ",
        ),
        (_misfit("Ada"), "input_value="),
    ],
)
def test_a_traceback_does_not_quote_what_could_not_be_taken(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "text"], fault: Exception, kept: str
) -> None:
    configure_logging("accounts", log_format=log_format)
    try:
        raise fault
    except type(fault):
        get_logger("tests").exception("request failed")
    written = capsys.readouterr().out
    assert kept + REDACTED in written
    assert "Ada" not in written
