"""`python -m shared.probe [port]`: status 0 when the process at `port` of this machine says it is ready, else 1.

The health check of the images. Standard library only: a container starts one every few seconds.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 3.0


def is_ready(port: int) -> bool:
    """Whether `/health/ready` at `port` answers 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Probe the port given as an argument, else the one in RECOURSE_HTTP_PORT."""
    port = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("RECOURSE_HTTP_PORT", "")
    if not port.isdecimal():
        sys.stderr.write("name the port: python -m shared.probe PORT, or set RECOURSE_HTTP_PORT\n")
        return 2
    return 0 if is_ready(int(port)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
