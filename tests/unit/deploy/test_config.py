"""What a stack consists of, and that it is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.config import StackConfig, default_state_dir, ephemeral_config, local_config
from deploy.local.errors import StackError


def test_the_environment_points_to_existing_servers(tmp_path: Path) -> None:
    config = local_config(
        environ={
            "RECOURSE_STATE_DIR": str(tmp_path),
            "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": "kafka.internal:9092",
            "RECOURSE_POSTGRES_ADMIN_URL": "postgresql://admin:x@db.internal/postgres",
        }
    )

    assert config.state_dir == tmp_path
    assert config.bootstrap_servers == "kafka.internal:9092"
    assert config.kafka_names == []
    assert config.postgres_admin_url == "postgresql://admin:x@db.internal/postgres"


def test_an_empty_variable_counts_as_unset() -> None:
    config = local_config(environ={"RECOURSE_KAFKA_BOOTSTRAP_SERVERS": "", "RECOURSE_STATE_DIR": " "})

    assert config.kafka_names == ["kafka-1"]
    assert config.state_dir == default_state_dir({})


def test_the_state_folder_is_in_the_working_copy_by_default() -> None:
    assert default_state_dir({}) == Path(__file__).resolve().parents[3] / ".recourse" / "local"


def test_a_saved_configuration_is_loaded_as_it_was_and_private(tmp_path: Path) -> None:
    config = ephemeral_config(tmp_path, kafka_nodes=3, replicas={"tickets": 2}, topic_prefix="x.")

    config.save()

    assert StackConfig.load(tmp_path) == config
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
    assert len(config.bootstrap_servers.split(",")) == 3
    assert [name for name, service in config.service_names if service == "tickets"] == ["tickets", "tickets-2"]


def test_no_saved_configuration_is_not_an_error(tmp_path: Path) -> None:
    assert StackConfig.load(tmp_path) is None


def test_a_configuration_of_another_release_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"state_dir": 3}')

    with pytest.raises(StackError, match="written by another release: stop that stack"):
        StackConfig.load(tmp_path)
