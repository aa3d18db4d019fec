"""Detects whether the client of a request has closed the connection, as browsers do when the user moves on."""

import socket
from collections.abc import Callable
from typing import Any

#: Flags of `recv` to peek without blocking. Windows has no such flag: there, every connection is taken to be open.
_PEEK_FLAGS = getattr(socket, "MSG_DONTWAIT", 0) and socket.MSG_PEEK | socket.MSG_DONTWAIT


def connection_closed(environ: dict[str, Any]) -> Callable[[], bool]:
    """A function that returns whether the client closed the connection, given the WSGI environment of its request.

    It always returns False when the server does not expose the socket.
    """
    connection = environ.get("werkzeug.socket")
    if not _PEEK_FLAGS or not isinstance(connection, socket.socket) or connection.gettimeout() is not None:
        return lambda: False

    def closed() -> bool:
        try:
            return not connection.recv(1, _PEEK_FLAGS)
        except BlockingIOError:
            return False
        except ValueError:  # TLS, of a server that is not TensorBoard's own
            return False
        except OSError:
            return True

    return closed
