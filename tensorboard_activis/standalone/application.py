"""The tab as a page of its own: TensorBoard reads event files and answers the plugin's routes, and no more of it is there."""

import argparse
import base64
import hashlib
import importlib
import re
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import werkzeug

from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.stores.path import Location, StorePath

if TYPE_CHECKING:
    from tensorboard_activis.serve.plugin import ActiVisPlugin

Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_START = f'import {{ render }} from "./data/plugin/{PLUGIN_NAME}/index.js"; render();'
_PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>ActiVis</title><meta name="viewport" content="width=device-width"></head>
<body><noscript>ActiVis needs JavaScript.</noscript><script type="module">{_START}</script></body>
</html>
"""
#: Nothing is loaded from elsewhere; styles are written by the script.
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; "
    "style-src 'unsafe-inline'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    f"script-src 'self' 'sha256-{base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()}'"
)


#: Names by which a browser on this machine reaches it.
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)


def application(
    logdir: Location, reload_seconds: float = 5.0, loopback: bool = True, own_process: bool = True, docs: bool = True
) -> Application:
    """The WSGI application; a thread of it reads the log directory again and again.

    Arguments:
        logdir: as TensorBoard's `--logdir`.
        reload_seconds: between two looks for new data. 0: everything is read before this returns, and never again.
        loopback: answers only where the browser asked for a name of this machine: the owner of another name can let it point at
            127.0.0.1, and would read what is logged (DNS rebinding).
        own_process: nothing else runs in this process. In one of the user's, code of theirs may use TensorBoard with TensorFlow
            later.
        docs: the tab may link to the documentation: a browser can open what this answers as pages.
    """
    routes, _ = routes_of(logdir, reload_seconds, own_process, docs)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if loopback and not _LOOPBACK.fullmatch(environ.get("HTTP_HOST", "localhost")):
            refused = werkzeug.Response("Ask for localhost. Other names need --host.\n", 403, mimetype="text/plain")
            return refused(environ, start_response)
        if path.startswith(f"/data/plugin/{PLUGIN_NAME}/"):
            return routes(environ, start_response)
        return _page(path)(environ, start_response)

    return answer


def routes_of(
    logdir: Location, reload_seconds: float, own_process: bool = True, docs: bool = False
) -> tuple[Application, "ActiVisPlugin"]:
    """The routes alone, below `/data/plugin/activis/`, and the plugin that answers them. Arguments as of `application`."""
    leave_out = own_process or "tensorflow" not in sys.modules
    if leave_out:
        _leave_tensorflow_out()
    if isinstance(logdir, StorePath):
        logdir.store.keep_no_listings()
    from tensorboard.backend.application import TensorBoardWSGI
    from tensorboard.backend.event_processing.data_ingester import LocalDataIngester
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.core.core_plugin import CorePluginLoader

    from tensorboard_activis.serve.loader import ActiVisLoader

    parser = argparse.ArgumentParser()
    CorePluginLoader().define_flags(parser)
    flags = parser.parse_args(["--logdir", str(logdir), "--reload_interval", str(reload_seconds)])
    flags.samples_per_plugin = {}
    flags.activis_docs = docs
    if reload_seconds == 0:
        flags.reload_task = "blocking"
    loader = ActiVisLoader()
    loader.fix_flags(flags)
    ingester = LocalDataIngester(flags)
    context = TBContext(
        data_provider=ingester.data_provider,
        multiplexer=ingester.deprecated_multiplexer,
        logdir=flags.logdir,
        flags=flags,
    )
    plugin = loader.load(context)
    if plugin is None:
        raise ImportError("The ActiVis plugin cannot be loaded. Install tensorboard-activis again.")
    routes: Application = TensorBoardWSGI([plugin], data_provider=ingester.data_provider)
    if leave_out and not own_process:
        _let_tensorflow_in_again()
    ingester.start()
    return routes, plugin


def _page(path: str) -> werkzeug.Response:
    if path not in ("", "/"):
        return werkzeug.Response("There is nothing here. The tab is at /.\n", 404, mimetype="text/plain")
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return werkzeug.Response(_PAGE, headers=headers, mimetype="text/html")


def _leave_tensorflow_out() -> None:
    """Makes TensorBoard read files without TensorFlow, whose import takes seconds and 300 MB.

    TensorBoard does so where it finds a module of this name (`tensorboard/compat/__init__.py`).
    """
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))


def _let_tensorflow_in_again() -> None:
    """Ends that for modules of TensorBoard that are imported from now on; those that read files stay without."""
    from tensorboard import compat

    dir(compat.tf)  # TensorBoard decides once, when it is first used
    del sys.modules["tensorboard.compat.notf"]
    importlib.reload(compat)
