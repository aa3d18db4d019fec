"""Sphinx's configuration for the documentation: Markdown pages, and an API reference made of the docstrings. See `make docs`."""

import re

from tensorboard_activis import __version__

project = "ActiVis for TensorBoard"
author = "the authors of ActiVis for TensorBoard"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns: list[str] = []

# Pages are linked as on a code host: `page.md#a-heading`, which a build with -n checks.
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

# Docstrings put names and code between single backquotes.
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
# Types of other packages, and our own internal ones, have no page here; links between the pages are checked all the same.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = f"ActiVis for TensorBoard {version}"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def _as_rst(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Lets a docstring name `*args` and globs such as `layer2.*` outside of code."""
    lines[:] = [re.sub(r"(?<![`*\w\\])\*(?=[\w.])", r"\\*", line) for line in lines]


def setup(app: object) -> None:
    app.connect("autodoc-process-docstring", _as_rst)  # type: ignore[attr-defined]
