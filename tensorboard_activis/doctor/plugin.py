"""Whether TensorBoard starts, and sees the plugin and its tab."""

import importlib.util
from importlib import metadata

from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.serve.static_files import static_file

_GROUP = "tensorboard_plugins"


def plugin_problems() -> list[str]:
    """What keeps the tab from being shown, each with what to do; empty if nothing does."""
    problems = []
    if importlib.util.find_spec("pkg_resources") is None and _imports_pkg_resources():
        problems.append(
            "TensorBoard does not start: it imports pkg_resources, which setuptools 82 and later do not have. "
            "Run: pip install 'setuptools<82'"
        )
    entries = [entry for entry in metadata.entry_points(group=_GROUP) if entry.name == PLUGIN_NAME]
    if not entries:
        problems.append(
            "TensorBoard does not see the plugin: no package of this environment has an entry point "
            f"{PLUGIN_NAME!r} in the group {_GROUP!r}. Run: pip install tensorboard-activis, with the pip of the Python that "
            "TensorBoard runs with"
        )
    for entry in entries:
        try:
            entry.load()
        except Exception as error:  # whatever a broken installation raises
            problems.append(
                f"TensorBoard cannot load the plugin: {error}. Run: pip install --force-reinstall tensorboard-activis"
            )
    if static_file("index.js") is None:
        problems.append("The tab was not built. In the checkout, run: pip install .")
    return problems


def _imports_pkg_resources() -> bool:
    """Whether the installed TensorBoard is one that needs setuptools."""
    spec = importlib.util.find_spec("tensorboard.default")
    if spec is None or spec.origin is None:
        return False
    with open(spec.origin, encoding="utf-8") as file:
        return "import pkg_resources" in file.read()
