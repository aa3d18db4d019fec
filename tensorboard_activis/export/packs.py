"""Answers in files that a page loads as scripts: pages that are opened from a disk can load nothing else."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorboard_activis.export.questions import Answer

#: Of zlib. Beyond it a file shrinks by less than a hundredth and takes several times as long.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Pack:
    """Answers that are loaded together.

    Attributes:
        name: what the page asks for, such as "layer/240/0"; see `frontend/src/api/recorded.ts`.
        answers: by their keys.
    """

    name: str
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the export.

    Attributes:
        name: relative to the folder.
        content: its bytes.
    """

    name: str
    content: bytes


def script(pack: Pack) -> File:
    """The file of a pack: a script that calls `activisPack` with the packed and compressed answers. Equal packs give one name."""
    packed = _packed(pack.answers)
    name = hashlib.blake2b(packed, digest_size=8).hexdigest()
    text = base64.b64encode(zlib.compress(packed, _LEVEL)).decode()
    return File(f"data/{name}.js", f'activisPack("{name}","{text}");\n'.encode())


def _packed(answers: Mapping[str, Answer]) -> bytes:
    """The length of the header as u32, the header as JSON, `{key: [start, length, failed]}`, and the answers behind it."""
    header: dict[str, Sequence[int]] = {}
    parts, at = [], 0
    for key, answer in answers.items():
        header[key] = (at, len(answer.content), int(answer.failed))
        parts.append(answer.content + b"\0" * (-len(answer.content) % 8))
        at += len(parts[-1])
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return struct.pack("<I", len(text)) + text + b"".join(parts)
