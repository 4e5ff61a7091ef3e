"""What notifications refuses in its environment."""

import pytest

from services.notifications.settings import NotificationsSettings
from shared.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {
        "DATABASE_URL": "postgresql://n:p@db/n", "KAFKA_BOOTSTRAP_SERVERS": "k:9092", "HTTP_PORT": "0",
        "AUTH_JWKS_URL": "file:///jwks.json", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a",
    }  # fmt: skip
    for name, value in needed.items():
        monkeypatch.setenv(f"RECOURSE_{name}", value)


@pytest.mark.parametrize("name", ["RECOURSE_SMTP_USERNAME", "RECOURSE_SMTP_PASSWORD"])
def test_half_a_login_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(SettingsError, match=r"^RECOURSE_SMTP_USERNAME and RECOURSE_SMTP_PASSWORD are both") as caught:
        load_settings(NotificationsSettings)
    assert "hunter2" not in str(caught.value)


def test_a_whole_login_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_SMTP_USERNAME", "recourse")
    monkeypatch.setenv("RECOURSE_SMTP_PASSWORD", "hunter2")
    assert load_settings(NotificationsSettings).smtp_username == "recourse"
