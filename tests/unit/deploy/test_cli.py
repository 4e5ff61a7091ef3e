"""The commands that need no running stack."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from deploy.cli.commands.logs import _Follower
from deploy.cli.console import show_error
from deploy.cli.main import build_app, main
from deploy.local import signing


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOURSE_STATE_DIR", str(tmp_path))
    return tmp_path


def test_help_lists_the_commands() -> None:
    output = CliRunner().invoke(build_app(), ["--help"]).output

    for command in ("up", "down", "status", "logs", "clean", "token", "psql"):
        assert f" {command} " in output


@pytest.mark.parametrize("command", ["status", "logs"])
def test_without_a_stack_one_sentence_says_what_to_do(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["recourse", command])

    with pytest.raises(SystemExit) as stopped:
        main()

    assert stopped.value.code == 1
    captured = capsys.readouterr()
    assert captured.err.strip() == "No local stack was started here yet: run `make up`."
    assert captured.out == ""


@pytest.mark.parametrize("command", ["down", "clean"])
def test_stopping_what_does_not_run_is_no_error(command: str) -> None:
    assert CliRunner().invoke(build_app(), [command]).exit_code == 0


def test_sql_on_an_unknown_service_names_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["recourse", "psql", "bets"])

    with pytest.raises(SystemExit):
        main()

    assert "choose one of accounts, tickets, notifications, loyalty" in capsys.readouterr().err


def test_a_token_says_who_and_what_and_fits_the_published_key(state_dir: Path) -> None:
    signing.ensure_signing_key(state_dir)

    result = CliRunner().invoke(build_app(), ["token", "--role", "supervisor", "--subject", "eva", "--hours", "1"])

    key = jwt.PyJWKSet.from_json(signing.jwks_path(state_dir).read_text()).keys[0]
    claims = jwt.decode(result.output.strip(), key, algorithms=["EdDSA"], issuer="recourse-local", audience="recourse")
    assert (claims["role"], claims["sub"], claims["exp"] - claims["iat"]) == ("supervisor", "eva", 3600)


def test_the_key_is_made_once_and_private(state_dir: Path) -> None:
    signing.ensure_signing_key(state_dir)
    first = signing.jwks_path(state_dir).read_text()

    signing.ensure_signing_key(state_dir)

    assert signing.jwks_path(state_dir).read_text() == first
    assert (state_dir / "keys" / "signing.pem").stat().st_mode & 0o077 == 0


def test_an_unknown_role_is_refused() -> None:
    result = CliRunner().invoke(build_app(), ["token", "--role", "boss"])

    assert result.exit_code == 2
    assert "supervisor" in result.output


def test_an_error_shows_the_log_first_and_the_sentence_last(capsys: pytest.CaptureFixture[str]) -> None:
    show_error("line one\nline [two]\nThis is the sentence.")

    assert capsys.readouterr().err.splitlines() == ["line one", "line [two]", "This is the sentence."]


def test_following_a_log_gives_complete_new_lines_and_survives_rotation(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("old\n")
    follower = _Follower(log)

    with log.open("a") as file:
        file.write("new\nhal")
    assert follower.new_lines() == ["new"]
    with log.open("a") as file:
        file.write("f\n")
    assert follower.new_lines() == ["half"]
    log.write_text("rotated\n"[:4] + "\n")
    assert follower.new_lines() == ["rota"]


def test_a_ledger_that_cannot_be_read_is_not_one_that_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://accounts:hunter2@127.0.0.1:1/accounts"
    result = CliRunner().invoke(build_app(), ["ledger", "verify", "--database-url", url])
    assert result.exit_code == 2
    told = capsys.readouterr().err + result.output
    assert "the ledger cannot be read: " in told
    assert "hunter2" not in told
