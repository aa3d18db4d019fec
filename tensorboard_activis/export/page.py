"""The page of an export, and the files that are the same in every one."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.packs import File

STATIC = Path(__file__).parent / "static"
#: Nothing is loaded from elsewhere, and nothing can be sent: scripts and pictures come from the folder, styles from the script.
#: A page that was opened from a disk has no origin of its own, hence file: beside 'self'.
_POLICY = (
    "default-src 'none'; script-src 'self' file:; img-src 'self' file: data: blob:; media-src 'self' file: blob:; "
    "style-src 'unsafe-inline'; font-src 'self'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>ActiVis: {title}</title>
</head>
<body>
<noscript>ActiVis needs JavaScript.</noscript>
<script src="manifest.js"></script>
<script src="tab.js"></script>
</body>
</html>
"""


def fixed_files(run: str) -> list[File]:
    """The page, the tab's code, and the notices of what is in it. Raises ActiVisError where the front end was not built."""
    page = _PAGE.format(policy=_POLICY, title=escape(run))
    try:
        code = [File(name, (STATIC / name).read_bytes()) for name in ("tab.js", "NOTICES.txt")]
    except OSError as error:
        raise ActiVisError("the tab was not built. In a checkout run: pip install .") from error
    return [File("index.html", page.encode()), *code]


def manifest(about: Mapping[str, Any]) -> File:
    """What the page must know before anything is loaded, as a script."""
    text = json.dumps(about, separators=(",", ":"), ensure_ascii=False)
    return File("manifest.js", f"activisExport = {text};\n".encode())
