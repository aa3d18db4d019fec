"""The cost of recording the graph of a 24-layer GPT, in forward passes of the same few instances. One thread.

Beside it TensorBoard's `SummaryWriter.add_graph`, which traces the model, and `torch.export`.

Usage: python benchmarks/graphs.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import GPT
from benchmarks._pairs import in_turns, line
from tensorboard_activis.capture.torch.graph.tracer import record_graph
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode

INSTANCES, POSITIONS = 11, 64


def main() -> None:
    """Prints a table."""
    from torch.utils.tensorboard import SummaryWriter

    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = GPT().eval()
    tokens = torch.randint(0, 1000, (INSTANCES, POSITIONS))

    def forward() -> None:
        with torch.no_grad():
            model(tokens)

    def recorded() -> None:
        with evaluation_mode(model):
            record_graph(model, (tokens,), {}, INSTANCES)

    def exported() -> None:
        with torch.no_grad():
            torch.export.export(model, (tokens,), {}, strict=False)

    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about values that it bakes in
        writer = SummaryWriter(directory)
        ways = {"forward": forward, "ours": recorded}
        taken = in_turns(ways, repeats)
        slow = in_turns(
            {"add_graph": lambda: writer.add_graph(model, tokens), "export": exported, "forward": forward}, 1
        )
        writer.close()
    nodes = len(record_graph(model, (tokens,), {}, INSTANCES).nodes)
    print(f"24-layer GPT, {INSTANCES} x {POSITIONS} tokens, a graph of {nodes} nodes; ratios are forward passes")
    print(line("  forward pass", taken["forward"], taken["forward"]))
    print(line("  ActiVis, recorded", taken["ours"], taken["forward"], 5))
    print(line("  SummaryWriter.add_graph", slow["add_graph"], slow["forward"]))
    print(line("  torch.export", slow["export"], slow["forward"]))


if __name__ == "__main__":
    main()
