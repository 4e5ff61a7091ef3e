"""The bytes of a seal: a batch of the customers' last hashes, chained to the seal before."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from services.accounts.ledger.chain import microseconds

# What comes before the first seal.
NOTHING = b""


class Heads(NamedTuple):
    """The last line of each of some customers: their ids, its numbers and its hashes."""

    customer_ids: Sequence[str]
    seqs: Sequence[int]
    hashes: Sequence[bytes]


def root_of(heads: Heads) -> bytes:
    """SHA-256 over the heads in their order."""
    digest = sha256()
    for customer_id, seq, hash_ in zip(*heads, strict=True):
        digest.update(f"{customer_id} {seq} ".encode())
        digest.update(hash_)
    return digest.digest()


def seal_hash(key: bytes, before: bytes, *, seal: int, sealed_at: datetime, root: bytes) -> bytes:
    """HMAC-SHA-256 under the key, which may be empty, over the hash of the seal before and what this one holds."""
    about = f"{seal} {microseconds(sealed_at)} ".encode()
    return hmac.digest(key, before + about + root, "sha256")
