"""Reads every file, and asks the plugin about a run that has it, each in a process of its own with little memory.

    python -m tests.hostile.malicious [NAME ...]

Prints a line of JSON for each: name, error, seconds of the processor, megabytes, statuses of the answers.
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.tables import read_table
from tests.hostile.malicious import FILES
from tests.hostile.peak import peak_megabytes, virtual_megabytes
from tests.hostile.route_parameters import ROUTE_PARAMETERS
from tests.hostile.served import Served
from tests.records import small_data, write_run

#: Beyond what the process takes before.
MEGABYTES = 1024


def main(names: list[str]) -> int:
    """Tries those of these names, or all."""
    status = 0
    for name, (make, _) in FILES.items():
        if not names or name in names:
            content = make()
            child = os.fork()
            if not child:
                _try_and_exit(name, content)
            _, ended = os.waitpid(child, 0)
            if ended:
                print(json.dumps({"name": name, "error": f"the process ended with {ended}"}), flush=True)
                status = 1
    return status


def _try_and_exit(name: str, content: bytes) -> None:
    try:
        limit = int((virtual_megabytes() + MEGABYTES) * (1 << 20))
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with tempfile.TemporaryDirectory() as directory:
            _try(name, content, Path(directory))
        os._exit(0)
    finally:
        os._exit(1)


def _try(name: str, content: bytes, logs: Path) -> None:
    write_run(logs / "run", small_data())
    directory = logs / "run" / "activis"
    (path,) = directory.glob("*.parquet")
    path.write_bytes(content)
    before, begun, error = peak_megabytes(), time.process_time(), None
    try:
        read_table(path)
    except UnreadableError as raised:
        error = str(raised)
        if isinstance(raised.__cause__, MemoryError):
            error = f"MEMORY: {error}"
    read = time.process_time() - begun, peak_megabytes() - before
    (events,) = event_files(directory)
    served = Served(logs, {"run/activis": [blob for blob in scan(events) if isinstance(blob, Blob)]})
    statuses = {route: served.ask(route, run="run", step=3, **more)[0] for route, more in ROUTE_PARAMETERS}
    statuses["runs"] = served.ask("runs")[0]
    result = {
        "name": name,
        "error": error,
        "seconds": round(read[0], 3),
        "megabytes": round(read[1], 1),
        "all_seconds": round(time.process_time() - begun, 3),
        "all_megabytes": round(peak_megabytes() - before, 1),
        "statuses": statuses,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
