"""Kafka's settings, its locked files, and the Java it needs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.local import kafka_jars
from deploy.local.errors import StackError
from deploy.local.java import parse_major
from deploy.local.kafka import KafkaCluster


def _cluster(folder: Path, nodes: int) -> KafkaCluster:
    names = [f"kafka-{n}{part}" for n in range(1, nodes + 1) for part in ("", "-controller")]
    return KafkaCluster(folder, ports={name: 9000 + i for i, name in enumerate(names)}, nodes=nodes)


def _settings(cluster: KafkaCluster, node: int) -> dict[str, str]:
    return dict(line.split("=", 1) for line in cluster.settings(node).splitlines())


def test_one_node_keeps_single_copies(tmp_path: Path) -> None:
    settings = _settings(_cluster(tmp_path, 1), 1)

    assert settings["default.replication.factor"] == "1"
    assert settings["min.insync.replicas"] == "1"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9001"
    assert settings["auto.create.topics.enable"] == "false"


def test_three_nodes_keep_three_copies_two_in_sync(tmp_path: Path) -> None:
    settings = _settings(_cluster(tmp_path, 3), 2)

    assert settings["node.id"] == "2"
    assert settings["default.replication.factor"] == settings["offsets.topic.replication.factor"] == "3"
    assert settings["min.insync.replicas"] == settings["transaction.state.log.min.isr"] == "2"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9001,2@127.0.0.1:9003,3@127.0.0.1:9005"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9002,CONTROLLER://127.0.0.1:9003"


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("3.9.0")

    with pytest.raises(StackError, match=r"written by Kafka 3\.9\.0, but this is 4.*run `make clean`"):
        _cluster(tmp_path, 1).initialise()


def test_the_lock_pins_one_version_of_every_file() -> None:
    jars = kafka_jars.parse_lock(kafka_jars.LOCK_FILE.read_text())
    names = [jar.coordinate.rpartition(":")[0] for jar in jars]

    assert len(names) == len(set(names)) > 40
    assert set(kafka_jars.ROOTS) <= {jar.coordinate for jar in jars}
    kafka_own = [jar.coordinate for jar in jars if jar.coordinate.startswith("org.apache.kafka:")]
    assert all(coordinate.endswith(f":{kafka_jars.KAFKA_VERSION}") for coordinate in kafka_own)


@pytest.mark.parametrize("line", ["a:b:1", "a:b 0123", f"a:b {'0' * 64}"])
def test_a_damaged_lock_is_refused(line: str) -> None:
    with pytest.raises(StackError, match=r"Line 2 of kafka.lock is damaged"):
        kafka_jars.parse_lock(f"# comment\n{line}\n")


def test_a_cached_file_that_was_changed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline: the altered file is thrown away and the sentence says what to do."""
    lock = tmp_path / "kafka.lock"
    good = hashlib.sha256(b"good").hexdigest()
    lock.write_text(f"org.example:thing:1.0 {good}\n")
    jar = tmp_path / "maven/org/example/thing/1.0/thing-1.0.jar"
    jar.parent.mkdir(parents=True)
    monkeypatch.setattr(kafka_jars, "LOCK_FILE", lock)
    monkeypatch.setenv("RECOURSE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")

    jar.write_bytes(b"good")
    assert kafka_jars.ensure_jars() == [jar]

    jar.write_bytes(b"evil")
    with pytest.raises(StackError, match=r"could not be downloaded.*check the network connection"):
        kafka_jars.ensure_jars()
    assert not jar.exists()


@pytest.mark.parametrize(
    ("output", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_401"', 8),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ("command not found", 0),
    ],
)
def test_java_versions_are_read(output: str, major: int) -> None:
    assert parse_major(output) == major
