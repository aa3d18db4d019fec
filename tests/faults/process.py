"""What a process and its children use, as Linux counts it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """Of a process and all below it: resident memory, open files, threads, seconds of processor time."""

    megabytes: float
    files: int
    threads: int
    seconds: float

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Now. Raises FileNotFoundError when it has ended."""
        pids = [pid, *_below(pid)]
        tick = os.sysconf("SC_CLK_TCK")
        memory = files = threads = ticks = 0
        for one in pids:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines())
            memory += int(status["VmRSS"].split()[0])
            threads += int(status["Threads"])
            files += len(os.listdir(f"/proc/{one}/fd"))
            ticks += sum(map(int, Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        return cls(memory / 1024, files, threads, ticks / tick)

    def __str__(self) -> str:
        return f"{self.megabytes:.0f} MB, {self.files} files, {self.threads} threads"


def children(pid: int | None = None) -> list[int]:
    """Processes that a process (this one) has started, the oldest first."""
    parent = os.getpid() if pid is None else pid
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == parent:
            found.append(int(path.parent.name))
    return sorted(found)


def _below(pid: int) -> list[int]:
    found = children(pid)
    return found + [one for child in found for one in _below(child)]
