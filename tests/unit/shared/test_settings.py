"""Settings come from the environment, and what is wrong with it is said by name."""

import pytest

from shared.settings import ServiceSettings, SettingsError, load_settings

COMPLETE = {
    "RECOURSE_DATABASE_URL": "postgresql://accounts:hunter2@127.0.0.1:5433/accounts",
    "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9192",
    "RECOURSE_HTTP_PORT": "8101",
    "RECOURSE_AUTH_JWKS_URL": "file:///run/jwks.json",
    "RECOURSE_AUTH_ISSUER": "https://issuer.example",
    "RECOURSE_AUTH_AUDIENCE": "recourse",
}


@pytest.fixture(autouse=True)
def _complete_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)


def test_a_complete_environment_is_enough() -> None:
    settings = load_settings(ServiceSettings)
    assert settings.http_port == 8101
    assert settings.topic_prefix == ""
    assert settings.database_url.get_secret_value() == COMPLETE["RECOURSE_DATABASE_URL"]


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(load_settings(ServiceSettings))


@pytest.mark.parametrize("variable", sorted(COMPLETE))
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(SettingsError, match=f"^{variable} is not set$"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize("variable", sorted(COMPLETE))
def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "")
    with pytest.raises(SettingsError, match=f"^{variable} is not set$"):
        load_settings(ServiceSettings)


def test_a_wrong_value_is_named_but_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_HTTP_PORT", "hunter2")
    with pytest.raises(SettingsError, match=r"^RECOURSE_HTTP_PORT is wrong: ") as caught:
        load_settings(ServiceSettings)
    assert "hunter2" not in str(caught.value)
