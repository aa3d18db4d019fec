"""Sphinx's configuration for the documentation: Markdown pages, and an API reference made of the docstrings. See `make docs`."""

import os
import re
from pathlib import Path

from tensorboard_activis import __version__

SITE = Path(__file__).resolve().parent
#: Documents that lie elsewhere in the repository, and the pages that show them: between `<!-- contents of … -->` and
#: `<!-- end of contents -->` a page has a link for who reads it in the repository.
SHOWN = {
    "benchmarks/README.md": "know/performance.md",
    "SECURITY.md": "know/security.md",
    "CHANGELOG.md": "know/changes.md",
}
_CONTENTS = re.compile(r"<!-- contents of (\S+) -->.*?<!-- end of contents -->", re.DOTALL)
_READERS = {"Run", "Snapshot", "SnapshotReader"}
_NAMED = (SITE / "python.md").read_text(encoding="utf-8")
_FIRST_COLON = re.compile(r"^((?:[^`:]|`[^`]*`)*):(?= |$)")
_LINK = re.compile(r"(?<=\]\()([^()#\s]+)(?=[)#])")

project = "ActiVis for TensorBoard"
author = "the authors of ActiVis for TensorBoard"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Pages are linked as on a code host: `page.md#a-heading`; a build with -n refuses what leads nowhere.
myst_heading_anchors = 4

# Docstrings put names and code between single backquotes.
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
add_module_names = False  # headings say where a name is from
python_maximum_signature_line_length = 100
autodoc_default_options = {"members": True}
# Types in signatures: those of other packages, and our own internal ones, have no page here.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"  # light and dark; its search runs in the browser, from files
html_title = f"ActiVis for TensorBoard {version}"
html_copy_source = False


def _read(app: object, page: str, content: list[str]) -> None:
    """Puts documents of elsewhere in their place, and has links to them lead to the pages that show them."""
    here = (SITE / page).parent
    text = _relinked(content[0], here, here)

    def shown(found: re.Match[str]) -> str:
        source = SITE.parent / found[1]
        _, _, body = source.read_text(encoding="utf-8").partition("\n")  # the page has a title of its own
        return _relinked(body, source.parent, here)

    content[0] = _CONTENTS.sub(shown, text)


def _relinked(text: str, source: Path, page: Path) -> str:
    """A text of one directory, with relative links as they are for a page in another."""

    def target(found: re.Match[str]) -> str:
        if "://" in found[1] or found[1].startswith("mailto:"):
            return found[1]
        path = (source / found[1]).resolve()
        name = path.relative_to(SITE.parent).as_posix()
        return os.path.relpath(SITE / SHOWN[name] if name in SHOWN else path, page)

    return _LINK.sub(target, text)


def _docstring(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Takes a shape such as [*sizes, neurons] as it stands, and the example of a module, which begins with an import, as code."""
    for at in [at + 1 for at, line in enumerate(lines[:-1]) if line.strip() == "Returns:"]:
        lines[at] = _FIRST_COLON.sub(r"\1 –", lines[at], count=1)  # what stands before it is no type
    lines[:] = [re.sub(r"(?<=[\[ ])\*(?=\w+ )", r"\\*", line) for line in lines]
    start = next((at for at, line in enumerate(lines) if line.startswith("from tensorboard_activis")), None)
    if what != "module" or start is None:
        return
    end = next((at for at in range(start, len(lines)) if lines[at] and lines[at][0].isupper()), len(lines))
    lines[start:end] = [".. code-block:: python", "", *("    " + line for line in lines[start:end]), ""]


def _is_internal(app: object, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leaves out what a run and its snapshots have for our own use: public is what python.md names."""
    function = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj  # of a property
    owner = getattr(function, "__qualname__", "").partition(".")[0]
    internal = owner in _READERS and not re.search(rf"\.{re.escape(name)}\b", _NAMED)
    return True if internal else None


def setup(app: object) -> None:
    app.connect("source-read", _read)  # type: ignore[attr-defined]
    app.connect("autodoc-skip-member", _is_internal)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", _docstring, priority=400)  # before napoleon  # type: ignore[attr-defined]
