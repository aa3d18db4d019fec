"""Starts the scripts of this directory on several processes."""

import os
import subprocess
import sys
from pathlib import Path


def environment() -> dict[str, str]:
    """One thread each: the processes share what there is."""
    return os.environ | {"OMP_NUM_THREADS": "1", "TORCH_DISTRIBUTED_DEBUG": "OFF"}


def torchrun(script: Path, size: int, *arguments: str) -> None:
    """Runs a script on so many processes until all have ended well."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}"]
    done = subprocess.run(
        [*command, str(script), *arguments], capture_output=True, text=True, timeout=300, env=environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
