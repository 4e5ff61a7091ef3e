"""Apache Kafka in KRaft mode: one node, or three for failover. Every node is broker and controller."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.java import find_java
from deploy.local.kafka_jars import KAFKA_VERSION, ensure_jars
from deploy.local.ports import HOST
from deploy.local.process import ProcessSpec
from deploy.local.readiness import kafka_brokers

_HEAP = ("-Xmx512m", "-Xms256m")
# The quick compiler alone: a node is up with 3.6 s of processor time instead of 8.8. Benchmarks set the variable to "".
_JVM_OPTIONS = os.environ.get("RECOURSE_KAFKA_JVM_OPTIONS", "-XX:TieredStopAtLevel=1").split()
_LOGGING = Path(__file__).with_name("log4j2.properties")


class KafkaCluster:
    """The Kafka nodes of one stack, data in `folder`; `ports` has `kafka-N` and `kafka-N-controller` for each.

    `advance(done, total)` hears how many of Kafka's files are at hand while they are fetched or verified.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[str, int],
        nodes: int,
        advance: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self.folder = folder
        self.nodes = nodes
        self._ports = ports
        self._advance = advance

    def specs(self) -> list[ProcessSpec]:
        """How to run the nodes. Needs `initialise` first."""
        return [self._spec(node) for node in range(1, self.nodes + 1)]

    def initialise(self) -> None:
        """Write each node's settings and format its storage unless that is done.

        Raises `StackError` when the data was written by another major version.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_version()
        cluster_id = self._cluster_id()
        unformatted = []
        for node in range(1, self.nodes + 1):
            self._node_dir(node).mkdir(exist_ok=True)
            self._settings_file(node).write_text(self.settings(node))
            if not self._formatted_mark(node).exists():
                unformatted.append((node, self._start_formatting(node, cluster_id)))
        for node, formatting in unformatted:
            output, _ = formatting.communicate()
            if formatting.returncode == 0:
                self._formatted_mark(node).touch()
            else:
                raise StackError(f"{output.strip()}\nKafka's data folder in {self.folder} could not be formatted.")

    def settings(self, node: int) -> str:
        """The server properties of `node` (1, 2, ...)."""
        copies = min(self.nodes, 3)
        in_sync = max(1, copies - 1)
        voters = ",".join(f"{n}@{HOST}:{self._controller_port(n)}" for n in range(1, self.nodes + 1))
        values = {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:{self._port(node)},CONTROLLER://{HOST}:{self._controller_port(node)}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self._port(node)}",
            "log.dirs": self._node_dir(node) / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 6,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 6,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            # The few consumers of one stack start together: waiting for more only delays the first batch.
            "group.initial.rebalance.delay.ms": 0,
            # A killed node cannot come back before its old session ends, which takes 9 s by default.
            "broker.session.timeout.ms": 3000 if self.nodes == 1 else 6000,
            "broker.heartbeat.interval.ms": 500,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _spec(self, node: int) -> ProcessSpec:
        return ProcessSpec(
            name=f"kafka-{node}",
            command=partial(self._command, node, "kafka.Kafka", str(self._settings_file(node))),
            port=self._port(node),
            is_ready=self._is_ready(node),
            ready_timeout=150.0,
            stop_timeout=20.0,
        )

    def _is_ready(self, node: int) -> Callable[[], bool]:
        majority = self.nodes // 2 + 1
        return lambda: kafka_brokers(HOST, self._port(node)) >= majority

    @cached_property
    def _java(self) -> list[str]:
        jars = os.pathsep.join(str(jar) for jar in ensure_jars(self._advance))
        return [str(find_java()), *_HEAP, *_JVM_OPTIONS, "-cp", jars]

    def _command(self, node: int, main_class: str, *arguments: str) -> list[str]:
        return [
            *self._java,
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={_LOGGING}",
            f"-Dkafka.logs.dir={self._node_dir(node)}",
            main_class,
            *arguments,
        ]

    def _start_formatting(self, node: int, cluster_id: str) -> subprocess.Popen[str]:
        shutil.rmtree(self._node_dir(node) / "data", ignore_errors=True)
        arguments = ("format", "-t", cluster_id, "-c", str(self._settings_file(node)))
        return subprocess.Popen(
            self._command(node, "kafka.tools.StorageTool", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _cluster_id(self) -> str:
        record = self.folder / "cluster.id"
        if not record.exists():
            # Kafka's tools take an id that begins with a dash for an option.
            record.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_"))
        return record.read_text()

    def _check_version(self) -> None:
        record = self.folder / "version"
        found = record.read_text().strip() if record.exists() else KAFKA_VERSION
        if found.partition(".")[0] != KAFKA_VERSION.partition(".")[0]:
            raise StackError(
                f"The data in {self.folder} was written by Kafka {found}, but this is {KAFKA_VERSION}: "
                "run `make clean` to forget it."
            )
        record.write_text(KAFKA_VERSION)

    def _node_dir(self, node: int) -> Path:
        return self.folder / f"node-{node}"

    def _formatted_mark(self, node: int) -> Path:
        return self._node_dir(node) / "formatted"

    def _settings_file(self, node: int) -> Path:
        return self._node_dir(node) / "server.properties"

    def _port(self, node: int) -> int:
        return self._ports[f"kafka-{node}"]

    def _controller_port(self, node: int) -> int:
        return self._ports[f"kafka-{node}-controller"]
