"""The command `tensorboard-activis serve`."""

import ipaddress

from werkzeug.serving import WSGIRequestHandler, make_server

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.files import is_directory
from tensorboard_activis.ports import free_port
from tensorboard_activis.printable import visible
from tensorboard_activis.standalone.application import application
from tensorboard_activis.stores.path import Location


def run_serve(logdir: Location, port: int | None, host: str) -> int:
    """Serves the tab until the user presses Ctrl-C; its address is printed when it answers.

    Arguments:
        port: None: TensorBoard's usual one, or the next that is free.
        host: a name or address of this machine. Others than the loopback are reached from other machines.

    Returns:
        The exit status: 0 after Ctrl-C.

    Raises:
        ActiVisError: there is no such directory, the port is taken, or the host is none of this machine.
    """
    if not is_directory(logdir):
        raise ActiVisError(
            f"there is no directory {str(logdir)!r}. Name the directory that you log to, or one above it"
        )
    port = free_port(port, host)
    server = make_server(
        host, port, application(logdir, loopback=_is_loopback(host)), threaded=True, request_handler=Quiet
    )
    if not _is_loopback(host):
        print(
            f"Everybody who reaches this machine at {visible(host)} can read what is logged below {visible(str(logdir))}: graphs, "
            "activations, texts, images, labels. There is no password and no encryption.",
            flush=True,
        )
    address = f"[{host}]" if ":" in host else host
    print(f"Open  http://{address}:{port}/  (Ctrl-C stops it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


class Quiet(WSGIRequestHandler):
    """Does not print a line for every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing is printed."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
