"""The signing key of a compose installation and the tokens that its services accept."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose.tokens import ensure_key
from shared.web.auth import TokenVerifier
from shared.web.jwks import KeySet
from shared.web.permissions import Role
from tests.support.containers import ROOT


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.compose.tokens", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "RECOURSE_SIGNING_KEY_FILE": str(folder / "signing.pem"),
            "RECOURSE_JWKS_FILE": str(folder / "jwks.json"),
            "RECOURSE_AUTH_ISSUER": "recourse-compose",
            "RECOURSE_AUTH_AUDIENCE": "recourse",
        },
        capture_output=True,
        text=True,
        check=False,
    )


async def test_a_service_accepts_the_token_that_was_minted(tmp_path: Path) -> None:
    assert _run(tmp_path, "ensure-key").stdout == "signing key created\n"
    minted = _run(tmp_path, "mint", "--role", "supervisor", "--subject", "ada")
    keys = KeySet((tmp_path / "jwks.json").as_uri())
    verifier = TokenVerifier(keys, issuer="recourse-compose", audience="recourse")
    principal = await verifier.authenticate(f"Bearer {minted.stdout.strip()}")
    assert (principal.subject, principal.role) == ("ada", Role.SUPERVISOR)


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    private_key, jwks = tmp_path / "signing.pem", tmp_path / "jwks.json"
    assert ensure_key(private_key, jwks)
    before = private_key.read_text(), jwks.read_text()
    assert not ensure_key(private_key, jwks)
    assert (private_key.read_text(), jwks.read_text()) == before


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_only_its_owner_can_read_the_private_key(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        ensure_key(tmp_path / "signing.pem", tmp_path / "jwks.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "jwks.json").stat().st_mode) == 0o644


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    refused = _run(tmp_path, "mint", "--role", "king")
    assert refused.returncode == 2
    assert "invalid choice: 'king'" in refused.stderr
