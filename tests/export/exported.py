"""Reads an export as a page does, for tests."""

import base64
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any


class Exported:
    """A folder that `tensorboard-activis export` wrote."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        text = (directory / "manifest.js").read_text()
        self.manifest: dict[str, Any] = json.loads(text.removeprefix("activisExport = ").removesuffix(";\n"))

    def pack(self, name: str) -> dict[str, bytes]:
        """The answers of a pack that are no errors, by their keys."""
        return {key: content for key, (content, failed) in self.entries(name).items() if not failed}

    def entries(self, name: str) -> dict[str, tuple[bytes, bool]]:
        script = (self.directory / self.manifest["packs"][name]).read_text()
        match = re.fullmatch(r'activisPack\("([0-9a-f]{16})","([A-Za-z0-9+/=]+)"\);\n', script)
        assert match
        assert self.manifest["packs"][name] == f"data/{match[1]}.js"
        packed = zlib.decompress(base64.b64decode(match[2]))
        (length,) = struct.unpack_from("<I", packed)
        header, body = json.loads(packed[4 : 4 + length]), packed[4 + length :]
        return {key: (body[start : start + size], bool(failed)) for key, (start, size, failed) in header.items()}

    def everything(self) -> bytes:
        """All that the folder says of the run, decoded, one after the other."""
        parts = [
            key.encode() + content
            for name in self.manifest["packs"]
            for key, (content, _) in self.entries(name).items()
        ]
        files = [path.read_bytes() for path in sorted(self.directory.rglob("*")) if path.is_file()]
        return b"\n".join(parts + files)

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.directory.rglob("*") if path.is_file())
