"""Whether the client of a request still waits: who moves on in the tab, or closes it, closes the connection."""

import socket
from collections.abc import Callable
from typing import Any

#: Looks at what has come, without taking it or waiting for it. Windows cannot: there, every client is taken to wait.
_LOOK = getattr(socket, "MSG_DONTWAIT", 0) and socket.MSG_PEEK | socket.MSG_DONTWAIT


def gone(environ: dict[str, Any]) -> Callable[[], bool]:
    """Asks the connection of a request (its WSGI environment), as far as the server gives it away."""
    connection = environ.get("werkzeug.socket")
    if not _LOOK or not isinstance(connection, socket.socket) or connection.gettimeout() is not None:
        return lambda: False

    def look() -> bool:
        try:
            return not connection.recv(1, _LOOK)
        except BlockingIOError:
            return False
        except ValueError:  # TLS, of a server that is not TensorBoard's own
            return False
        except OSError:
            return True

    return look
