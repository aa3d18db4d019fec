"""Finds a port for a server on this machine."""

import socket

from tensorboard_activis.errors import ActiVisError

DEFAULT_PORT = 6006
#: Ports to try when the user named none: a second TensorBoard is common.
PORTS_TO_TRY = 10


def free_port(port: int | None, host: str = "localhost") -> int:
    """The port to use: `port` if one is given, else the first free one from TensorBoard's usual port on.

    Raises:
        ActiVisError: the port is taken, or none of those tried is free.
    """
    candidates = range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TO_TRY) if port is None else [port]
    for candidate in candidates:
        if _is_free(candidate, host):
            return candidate
    if port is None:
        raise ActiVisError(f"ports {candidates[0]} to {candidates[-1]} are all taken. Name a free one: --port 8080")
    raise ActiVisError(
        f"port {port} is taken by another program, perhaps an earlier TensorBoard (see http://localhost:{port}/). "
        f"Stop it, or take another port: --port {port + 1}"
    )


def _is_free(port: int, host: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except socket.gaierror as error:
            raise ActiVisError(
                f"{host!r} is no address of this machine ({error.strerror}). Try --host 0.0.0.0"
            ) from error
        except OSError:
            return False
        return True
