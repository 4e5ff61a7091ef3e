"""Where commands look for Kafka, services and a token."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from deploy.cli.connection import kafka_settings, operator_token, run_kafka, service_url
from deploy.local.config import ephemeral_config
from deploy.local.errors import StackError
from deploy.local.signing import ensure_signing_key
from shared.messaging import KafkaError, KafkaSettings


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOURSE_STATE_DIR", str(tmp_path))
    for name in ("RECOURSE_KAFKA_BOOTSTRAP_SERVERS", "RECOURSE_TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_options_go_before_the_environment_and_that_before_the_local_stack(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ephemeral_config(state_dir, topic_prefix="local.")
    config.save()
    assert kafka_settings(None) == KafkaSettings(config.bootstrap_servers, "local.")
    assert kafka_settings("other:9092") == KafkaSettings("other:9092", "")
    monkeypatch.setenv("RECOURSE_KAFKA_BOOTSTRAP_SERVERS", "env:9092")
    monkeypatch.setenv("RECOURSE_TOPIC_PREFIX", "env.")
    assert kafka_settings(None) == KafkaSettings("env:9092", "env.")
    assert kafka_settings("other:9092") == KafkaSettings("other:9092", "env.")


def test_services_are_found_in_the_local_stack(state_dir: Path) -> None:
    config = ephemeral_config(state_dir)
    config.save()
    assert service_url("loyalty", None) == f"http://127.0.0.1:{config.ports['loyalty']}"
    assert service_url("loyalty", "https://loyalty.example/") == "https://loyalty.example"
    with pytest.raises(StackError, match="choose one of accounts, tickets"):
        service_url("bets", None)


def test_without_a_stack_one_sentence_says_what_to_do() -> None:
    for find in (lambda: kafka_settings(None), lambda: service_url("loyalty", None), lambda: operator_token(None)):
        with pytest.raises(StackError, match="run `make up`"):
            find()


def test_the_local_token_is_a_supervisors(state_dir: Path) -> None:
    ensure_signing_key(state_dir)
    claims = jwt.decode(operator_token(None), options={"verify_signature": False})
    assert claims["role"] == "supervisor"
    assert operator_token("given") == "given"


@pytest.mark.parametrize("error", [KafkaError(), ConnectionRefusedError(), TimeoutError()])
def test_a_silent_broker_is_one_sentence(error: Exception) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(StackError, match="Kafka at k:1 does not answer"):
        run_kafka(fail(), KafkaSettings("k:1"))
