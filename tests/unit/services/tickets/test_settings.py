"""What the environment says about AutoPlays reaches the runner."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.tickets.autoplay.runs import AfterFailure, RetryPolicy
from services.tickets.settings import TicketsSettings
from shared.settings import SettingsError, load_settings

REQUIRED = ("KAFKA_BOOTSTRAP_SERVERS", "AUTH_ISSUER", "AUTH_AUDIENCE")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.setenv(f"RECOURSE_{name}", "x")
    monkeypatch.setenv("RECOURSE_DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("RECOURSE_HTTP_PORT", "0")
    monkeypatch.setenv("RECOURSE_AUTH_JWKS_URL", "file:///x")


@pytest.mark.parametrize(
    ("minutes", "delays"),
    [
        ("", [60, 240, 720]),
        ("never", []),
        ("0.5", [0.5]),
        ("1,2", [1, 2]),
    ],
)
def test_when_refused_payments_are_tried_again(
    minutes: str, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_AUTOPLAY_RETRY_MINUTES", minutes)
    expected = RetryPolicy(tuple(timedelta(minutes=each) for each in delays), AfterFailure.PAUSE)
    assert load_settings(TicketsSettings).retry_policy == expected


@pytest.mark.parametrize("minutes", ["sometimes", "1,never", "1,,2", "-1"])
def test_anything_else_is_refused(minutes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_AUTOPLAY_RETRY_MINUTES", minutes)
    with pytest.raises(SettingsError, match="RECOURSE_AUTOPLAY_RETRY_MINUTES"):
        load_settings(TicketsSettings)
