"""Compresses responses with gzip where it pays: columns of classes shrink to a tenth, activations hardly at all."""

import zlib

#: Bytes. Below the minimum the gzip header costs more than compression saves, above the maximum the time does.
MIN_BYTES, MAX_BYTES = 4096, 32 << 20
#: Samples of the content must shrink to less than this share.
MAX_RATIO = 0.6
_TRIAL_BYTES = 16 << 10


def compressed(content: bytes) -> bytes | None:
    """Compresses the content with gzip, deterministically; None where that does not pay."""
    if not MIN_BYTES <= len(content) <= MAX_BYTES:
        return None
    starts = (
        (0, (len(content) - _TRIAL_BYTES) // 2, len(content) - _TRIAL_BYTES)
        if len(content) > 3 * _TRIAL_BYTES
        else (0,)
    )
    trial = b"".join(content[start : start + _TRIAL_BYTES] for start in starts)
    if len(zlib.compress(trial, 1)) > MAX_RATIO * len(trial):
        return None
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: with gzip's header, which has no time in it
    return gzip.compress(content) + gzip.flush()
