"""docker-compose.yml: valid, complete, hardened, without a secret in it."""

from __future__ import annotations

import importlib
import re
from typing import Any

import compose_spec
import pytest
import yaml

from deploy.compose.environment import TEMPLATE, render
from deploy.local.config import SERVICES
from deploy.local.kafka_jars import KAFKA_VERSION
from deploy.local.mailserver.__main__ import MailSettings
from deploy.local.ports import DEFAULT_PORTS
from deploy.local.postgres import MAJOR
from shared.settings import ServiceSettings, load_settings
from tests.support.containers import (
    COMPOSE_FILE,
    MissingVariableError,
    image_environment,
    load_compose,
    references,
    stages,
)


def _environment() -> dict[str, str]:
    lines = [line for line in render(TEMPLATE.read_text()).splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return load_compose(_environment())


def _own(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if "build" in service}


def _adopted(compose: dict[str, Any]) -> set[str]:
    """The one-shot services that a long-running one waits for."""
    return {
        job
        for service in compose["services"].values()
        if service["restart"] == "unless-stopped"
        for job, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def test_it_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    # Anchors and merges are YAML's; the parser wants them resolved.
    parsed = compose_spec.PyCompose.from_yaml(yaml.dump(compose, Dumper=_Plain))
    parsed.validate()
    assert set(parsed.service_names()) == set(compose["services"])


def test_an_unknown_key_does_not_follow_it(compose: dict[str, Any]) -> None:
    broken = yaml.dump(compose | {"services": {"a": {"image": "b:1", "resart": "always"}}}, Dumper=_Plain)
    with pytest.raises(ValueError, match="resart"):
        compose_spec.PyCompose.from_yaml(broken)


@pytest.mark.parametrize("name", [name for name, required in references().items() if required])
def test_it_does_not_start_without_its_secrets(name: str) -> None:
    incomplete = {key: value for key, value in _environment().items() if key != name}
    with pytest.raises(MissingVariableError, match=f"{name}: run make env first"):
        load_compose(incomplete)


def test_every_reference_is_in_the_template() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", TEMPLATE.read_text(), flags=re.MULTILINE))
    assert named == set(references())


def test_no_password_stands_in_the_file() -> None:
    for line in COMPOSE_FILE.read_text().splitlines():
        if re.search(r"password\s*:|://[^/]*@", line, flags=re.IGNORECASE):
            assert re.search(r"(:|: )\$\{[A-Z_]+:[?-]", line), line


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_gets_all_settings_that_it_needs(
    service: str, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = image_environment(service) | compose["services"][service]["environment"]
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    settings = load_settings(_settings_class(service))
    assert settings.http_host == "0.0.0.0"  # noqa: S104 - inside the container
    assert settings.http_port == DEFAULT_PORTS[service]
    assert settings.database_url.get_secret_value().endswith(f"@postgres:5432/{service}")


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_is_given_a_setting_that_it_does_not_know(service: str, compose: dict[str, Any]) -> None:
    known = {f"RECOURSE_{name.upper()}" for name in _settings_class(service).model_fields}
    assert set(compose["services"][service]["environment"]) <= known


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_one_service_alone_can_be_given(service: str, compose: dict[str, Any]) -> None:
    own = set(_settings_class(service).model_fields) - set(ServiceSettings.model_fields)
    assert {f"RECOURSE_{name.upper()}" for name in own} <= set(compose["services"][service]["environment"])


def test_the_mail_server_gets_all_settings_that_it_needs(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (image_environment("mail") | compose["services"]["mail"]["environment"]).items():
        monkeypatch.setenv(name, str(value))
    settings = MailSettings()
    assert (settings.smtp_port, settings.mail_page_port) == (DEFAULT_PORTS["smtp"], DEFAULT_PORTS["mail"])
    assert compose["services"]["notifications"]["environment"]["RECOURSE_SMTP_PORT"] == str(settings.smtp_port)


def test_migrations_run_with_the_settings_and_the_image_of_their_service(compose: dict[str, Any]) -> None:
    for service in SERVICES:
        job, running = compose["services"][f"{service}-migrate"], compose["services"][service]
        # The service itself does not learn the password of the tables' owner.
        owner_url = job["environment"].pop("RECOURSE_MIGRATION_DATABASE_URL")
        assert owner_url.startswith(f"postgresql://{service}_owner:")
        assert owner_url.endswith(f"@postgres:5432/{service}")
        assert (job["image"], job["environment"]) == (running["image"], running["environment"])
        assert job["command"] == ["migrate"]


def test_every_job_ends_before_a_service_that_waits_for_it(compose: dict[str, Any]) -> None:
    jobs = {name for name, service in compose["services"].items() if service["restart"] == "no"}
    on_demand = {name for name in jobs if "profiles" in compose["services"][name]}
    # `up --wait` takes the end of any other container for a failure.
    assert _adopted(compose) == jobs - on_demand


def test_the_stores_are_the_ones_of_the_local_stack(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert compose["services"]["postgres"]["image"].startswith(f"postgres:{MAJOR}-")


def test_each_store_has_a_volume_of_its_own(compose: dict[str, Any]) -> None:
    named = [volume.split(":")[0] for store in ("postgres", "kafka", "mail") for volume in _volumes(compose, store)]
    assert [name for name in named if not name.startswith(".")] == ["postgres", "kafka", "mail"]
    mounted = {volume.split(":")[0] for name in compose["services"] for volume in _volumes(compose, name)}
    assert set(compose["volumes"]) == {name for name in mounted if not name.startswith(".")}


def test_every_container_is_confined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert service.get("read_only", False) == (name != "kafka"), name
        assert not service.get("privileged"), name


def test_our_images_have_a_target_and_theirs_a_version(compose: dict[str, Any]) -> None:
    own = _own(compose)
    assert {service["build"]["target"] for service in own.values()} <= set(stages())
    for name, service in compose["services"].items():
        if name not in own:
            assert re.fullmatch(r"[a-z/]+:\d[\w.-]*", service["image"]), service["image"]


def test_ports_are_published_to_this_machine_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    expected = {
        **{s: DEFAULT_PORTS[s] for s in SERVICES},
        "kafka": DEFAULT_PORTS["kafka"],
        "mail": DEFAULT_PORTS["mail"],
    }
    assert sorted(published) == sorted(f"127.0.0.1:{port}:{port}" for port in expected.values())


def test_only_the_token_tool_and_the_keys_job_see_the_private_key(compose: dict[str, Any]) -> None:
    holders = {name for name in compose["services"] if any("signing-key" in v for v in _volumes(compose, name))}
    assert holders == {"keys", "token"}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _volumes(compose: dict[str, Any], name: str) -> list[str]:
    volumes: list[str] = compose["services"][name].get("volumes", [])
    return volumes


def _settings_class(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    [found] = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    return found


def test_money_and_tickets_come_before_points_and_mails(compose: dict[str, Any]) -> None:
    shares = {name: compose["services"][name].get("cpu_shares", 1024) for name in ("mail", *SERVICES)}
    assert max(shares[name] for name in ("mail", "loyalty", "notifications")) < shares["accounts"] == shares["tickets"]
