"""Whether numbers are worth compressing: columns of classes shrink to a tenth, activations hardly at all."""

import zlib

#: Below this the header costs more than is won, above it the time.
LEAST, MOST = 4096, 32 << 20
#: A trial must shrink to less than this.
RATIO = 0.6
_TRIAL = 16 << 10


def packed(content: bytes) -> bytes | None:
    """The content as gzip, equal for equal content; None where that does not pay."""
    if not LEAST <= len(content) <= MOST:
        return None
    starts = (0, (len(content) - _TRIAL) // 2, len(content) - _TRIAL) if len(content) > 3 * _TRIAL else (0,)
    trial = b"".join(content[start : start + _TRIAL] for start in starts)
    if len(zlib.compress(trial, 1)) > RATIO * len(trial):
        return None
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: with gzip's header, which has no time in it
    return gzip.compress(content) + gzip.flush()
