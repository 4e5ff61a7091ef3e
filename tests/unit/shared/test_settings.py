"""Settings come from the environment, and what is wrong with it is said by name."""

import ssl

import pytest

from shared.messaging import KafkaSettings
from shared.settings import ServiceSettings, SettingsError, load_settings, slips

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


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://accounts:hunter2@db/accounts", r"it should be postgresql://"),
        ("db.example:5432", r"it should be postgresql://"),
        ("postgresql://accounts:hunter2@db:abc/accounts", "its host or port cannot be read"),
        ("postgresql://accounts:hunter2#@db/accounts", "its host or port cannot be read"),
        ("postgresql://accounts:hunt/er2@db/accounts", "its host or port cannot be read"),
        ("postgresql://accounts:hunter2@hunt/er2@db/accounts", "its host cannot be told from its password"),
    ],
)
@pytest.mark.parametrize("variable", ["RECOURSE_DATABASE_URL", "RECOURSE_MIGRATION_DATABASE_URL"])
def test_what_is_no_address_of_a_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, told: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(SettingsError, match=f"^{variable} is wrong: {told}") as caught:
        load_settings(ServiceSettings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("servers", ["kafka://k:9092", "k:port", "k:9092;l:9092", "k:9092,", "a b:1"])
def test_what_is_no_address_of_kafka_is_refused(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    monkeypatch.setenv("RECOURSE_KAFKA_BOOTSTRAP_SERVERS", servers)
    with pytest.raises(SettingsError, match=r"^RECOURSE_KAFKA_BOOTSTRAP_SERVERS is wrong: it should be host:port"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize("servers", ["k", "k-1.example:9092, k-2.example:9092", "[::1]:9092", "10.0.0.1:9092"])
def test_an_address_of_kafka_is_taken(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    monkeypatch.setenv("RECOURSE_KAFKA_BOOTSTRAP_SERVERS", servers)
    assert load_settings(ServiceSettings).kafka_bootstrap_servers == servers


@pytest.mark.parametrize(
    "origins",
    ["*", "null", "desk.example", "https://desk.example/", "https://desk.example/app", "https://Desk.example"],
)
def test_what_no_browser_names_as_its_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("RECOURSE_CORS_ORIGINS", f"https://ui.example,{origins}")
    with pytest.raises(SettingsError, match=r"^RECOURSE_CORS_ORIGINS is wrong: it should be origins as browsers name"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize(
    "origins", ["http://localhost:5173", "https://a.example, https://b.example,", "http://[::1]:80"]
)
def test_an_origin_is_taken(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("RECOURSE_CORS_ORIGINS", origins)
    assert load_settings(ServiceSettings).cors_origins == origins


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "RECOURSE_KAFKA_SASL_USERNAME and _PASSWORD are both needed for SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "u"}, "both needed"),
        ({"SASL_PASSWORD": "hunter2"}, "RECOURSE_KAFKA_SASL_USERNAME or _PASSWORD is set, but not used with PLAINTEXT"),
        ({"SSL_CA_FILE": __file__}, r"a file in RECOURSE_KAFKA_SSL_\* is set, but not used with PLAINTEXT"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_FILE": "/nowhere.pem"}, "RECOURSE_KAFKA_SSL_CA_FILE is wrong: "),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_FILE": __file__}, r"a file in RECOURSE_KAFKA_SSL_\* cannot be used"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEY_FILE": __file__}, "is of no use without"),
        ({"SECURITY_PROTOCOL": "TLS"}, "RECOURSE_KAFKA_SECURITY_PROTOCOL is wrong: "),
    ],
)
def test_a_way_into_kafka_that_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], told: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"RECOURSE_KAFKA_{name}", value)
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(ServiceSettings)
    assert "hunter2" not in str(caught.value)


def test_the_way_into_kafka_reaches_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "accounts", "SASL_PASSWORD": "hunter2"}
    for name, value in given.items():
        monkeypatch.setenv(f"RECOURSE_KAFKA_{name}", value)
    kafka = KafkaSettings.of(load_settings(ServiceSettings))
    options = dict(kafka.security)
    assert options.pop("ssl_context").verify_mode is ssl.CERT_REQUIRED
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "accounts",
        "sasl_plain_password": "hunter2",
    }
    assert "hunter2" not in repr(kafka)


def test_a_slip_in_a_name_is_pointed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_DATABASE_URL")
    monkeypatch.setenv("RECOURSE_DATABSE_URL", "postgresql://accounts:hunter2@db/accounts")
    expected = r"^RECOURSE_DATABASE_URL is not set; RECOURSE_DATABSE_URL is not read: is RECOURSE_DATABASE_URL meant\?$"
    with pytest.raises(SettingsError, match=expected):
        load_settings(ServiceSettings)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("RECOURSE_LOG_LEVL", "RECOURSE_LOG_LEVEL"),
        ("RECOURSE_CORS_ORIGIN", "RECOURSE_CORS_ORIGINS"),
        ("RECOURSE_TOPIC_PERFIX", "RECOURSE_TOPIC_PREFIX"),
        ("RECOURSE_DATABASE_POOLSIZE", "RECOURSE_DATABASE_POOL_SIZE"),
    ],
)
def test_a_slip_in_an_optional_name_is_known(slip: str, meant: str) -> None:
    assert slips(ServiceSettings, {slip: "1", "RECOURSE_SMTP_PORT": "25", "PATH": "/bin"}) == {slip: meant}
