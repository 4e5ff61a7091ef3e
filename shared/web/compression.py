"""Bodies that callers compressed.

aiohttp would unpack them as they arrive, whoever sends them: a thousand times as much as came in, while nothing else
is answered. Here it is done once it is known who asks, and to no more than a body may have.
"""

import zlib

from shared.web.problems import BODY_TOO_LARGE, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE

_GZIP = zlib.MAX_WBITS | 16


def unpacked(body: bytes, coding: str, *, limit: int) -> bytes:
    """The body as it was before a Content-Encoding.

    Raises:
        Problem: 415 `unsupported_media_type`, 413 `body_too_large`, 400 `malformed_request`.
    """
    if coding == "identity":
        return body
    if coding not in {"gzip", "deflate"}:
        raise UNSUPPORTED_MEDIA_TYPE(
            "Send the body as it is, or with Content-Encoding gzip or deflate.",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    unpack = zlib.decompressobj(_GZIP if coding == "gzip" else _bits_of_deflate(body))
    try:
        plain = unpack.decompress(body, limit + 1)
    except zlib.error:
        raise MALFORMED_REQUEST("The body could not be read.") from None
    if len(plain) > limit:
        raise BODY_TOO_LARGE(f"Unpacked it has more than {limit} bytes.")
    if not unpack.eof or unpack.unused_data:
        raise MALFORMED_REQUEST("The body could not be read.")
    return plain


def _bits_of_deflate(body: bytes) -> int:
    # With zlib's header, as it should be (RFC 9110, 8.4.1.2), or without, as some send it.
    return zlib.MAX_WBITS if body[:1] and body[0] & 0xF == zlib.DEFLATED else -zlib.MAX_WBITS
