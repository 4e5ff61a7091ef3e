"""The `.env` of a compose installation."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.compose.environment import TEMPLATE, render, write


def test_each_empty_name_gets_a_secret_of_its_own(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("# A comment ends in =\nFIRST=\nSECOND=\n#OFF=\nSET=kept\n")
    write(template, tmp_path / ".env")
    lines = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines()[1:])
    assert len(lines["FIRST"]) == len(lines["SECOND"]) == 43
    assert lines["FIRST"] != lines["SECOND"]
    assert (lines["#OFF"], lines["SET"]) == ("", "kept")


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    write(TEMPLATE, tmp_path / ".env")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_secrets_that_are_in_use_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("kept")
    with pytest.raises(FileExistsError):
        write(TEMPLATE, tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "kept"


def test_secrets_can_stand_in_a_url() -> None:
    secrets = [line.partition("=")[2] for line in render("A=\nB=\nC=\n").splitlines()]
    assert all(secret.replace("-", "").replace("_", "").isalnum() for secret in secrets)
