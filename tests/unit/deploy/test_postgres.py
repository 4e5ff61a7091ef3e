"""Connection URLs and the checks before PostgreSQL starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import owner, postgres
from deploy.local.credentials import Credentials
from deploy.local.errors import StackError


@given(password=st.text(min_size=1), role=st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_any_password_survives_the_url(password: str, role: str) -> None:
    admin = "postgresql://postgres:secret@127.0.0.1:5433/postgres"
    url = urlsplit(postgres.url_for(admin, role=role, database=role, password=password))

    assert (url.hostname, url.port, url.path) == ("127.0.0.1", 5433, f"/{role}")
    assert unquote(url.password or "") == password
    assert url.username == role


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    owner.forget_dir(tmp_path)


def test_data_of_another_major_version_is_refused(state_dir: Path) -> None:
    server = postgres.Postgres(state_dir, port=1, admin_password="x")
    server.initialise()
    data = Path(server.spec().command()[2])
    assert (data / "PG_VERSION").read_text().strip() == postgres.MAJOR

    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match=r"written by PostgreSQL 15, but this is 18: run `make clean`"):
        server.initialise()


def test_passwords_are_random_kept_and_private(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)

    first = credentials.password("tickets")

    assert len(first) >= 40
    assert credentials.password("accounts") != first
    assert Credentials(tmp_path).password("tickets") == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
