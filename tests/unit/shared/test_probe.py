"""The health check of the images, against a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared import probe
from tests.support.containers import ROOT


class _Handler(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_process_that_is_ready_passes(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["probe", str(port)])
    assert probe.main() == 0


def test_the_port_comes_from_the_environment(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["probe"])
    monkeypatch.setenv("RECOURSE_HTTP_PORT", str(port))
    assert probe.main() == 0


def test_a_process_that_is_not_ready_fails(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Handler, "status", 503)
    assert not probe.is_ready(port)


def test_nobody_at_the_port_fails(port: int) -> None:
    assert not probe.is_ready(port=1)


def test_no_port_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["probe"])
    monkeypatch.delenv("RECOURSE_HTTP_PORT", raising=False)
    assert probe.main() == 2
    assert "RECOURSE_HTTP_PORT" in capsys.readouterr().err


def test_it_needs_the_standard_library_only() -> None:
    source = (ROOT / "shared" / "probe.py").read_text()
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert imports == ["import os", "import sys", "from http.client import HTTPConnection, HTTPException"]
