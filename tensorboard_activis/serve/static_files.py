"""Serves the static files of the built front end and of the built documentation, from one directory each."""

import re
from pathlib import Path

import werkzeug

from tensorboard_activis.serve.responses import respond

ROOT = Path(__file__).parent / "static"
#: The documentation of this version as pages; `make docs` and `make dist` put it there, and a checkout need not have it.
DOCS = Path(__file__).parent / "docs"
#: What its addresses begin with.
_DOCS_PREFIX = "docs/"

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".map": "application/json",
    ".txt": "text/plain",
    ".proto": "text/plain",
}
#: Names with a hash of the content, and for how many seconds a browser may keep such a file: a year.
_HASHED = re.compile(r".+-[A-Za-z0-9_-]{8}\.js")
_MAX_AGE = 365 * 24 * 3600
_PART = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_@.-]*")

#: Content of index.js when the front end was not built, as in a checkout that was not installed.
NOT_BUILT = """export function render() {
  document.body.textContent = "The ActiVis tab was not built. In the checkout run: pip install .  (or: make demo)";
}
"""


def static_file(name: str, root: Path = ROOT) -> Path | None:
    """The path of a static file below the root; None when there is none, or the name is not a plain relative path."""
    parts = name.split("/")
    if not all(_PART.fullmatch(part) for part in parts) or Path(parts[-1]).suffix not in _TYPES:
        return None
    path = root.joinpath(*parts)
    try:
        inside = path.resolve().is_relative_to(root.resolve())
        return path if inside and path.is_file() else None
    except OSError:
        return None


def has_docs() -> bool:
    """Whether the documentation was built and is there to be shown."""
    return (DOCS / "index.html").is_file()


def static_response(request: werkzeug.Request, name: str) -> werkzeug.Response | None:
    """The response with a static file, or 304 when the browser has it; None when there is no such file.

    TensorBoard's security headers are on all of them: a page of the documentation runs scripts of its own server alone, and
    none that are written in the page.
    """
    path = static_file(name.removeprefix(_DOCS_PREFIX), DOCS) if name.startswith(_DOCS_PREFIX) else static_file(name)
    if path is None:
        return respond(request, NOT_BUILT, "text/javascript") if name == "index.js" else None
    status = path.stat()
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
    headers = [("ETag", f'"{etag}"')]
    kind = _TYPES[path.suffix]
    expires = _MAX_AGE if _HASHED.fullmatch(path.name) else 0
    if etag in request.if_none_match:
        return respond(request, b"", kind, code=304, headers=headers, expires=expires)
    return respond(request, path.read_bytes(), kind, headers=headers, expires=expires)
