"""TLS for connections that this code opens."""

import ssl
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=4)
def client_context(ca_file: Path | None, certificate_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """Certificates and host names of servers are checked, against the system's authorities unless `ca_file` is given.

    Raises OSError (ssl.SSLError) when a file is not what it should be, or the key has a passphrase.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if certificate_file is not None:
        # Without a passphrase of ours OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate_file, key_file, password="")
    return context
