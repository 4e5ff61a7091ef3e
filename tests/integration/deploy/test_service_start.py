"""A service that cannot start says why in one line."""

import os
import socket
import subprocess
import sys

from tests.support.containers import ROOT


def _started(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_URL": "postgresql://loyalty:hunter2@127.0.0.1:1/loyalty",
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RECOURSE_AUTH_JWKS_URL": "file:///nowhere/jwks.json",
        "RECOURSE_AUTH_ISSUER": "i",
        "RECOURSE_AUTH_AUDIENCE": "a",
    }
    return subprocess.run(
        [sys.executable, "-m", "services.loyalty"],
        env=environment | changes,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_port_that_is_taken_is_named_and_the_missing_keys_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = _started(RECOURSE_HTTP_PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr == f"loyalty: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert "signing keys not fetched" in ended.stdout
    assert "hunter2" not in ended.stdout
