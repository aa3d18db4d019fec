"""What of a log directory is exported: one run, some of its steps, some of its layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.questions import Questions
from tensorboard_activis.metadata import RUN_DIRECTORY
from tensorboard_activis.printable import visible

#: Names listed in a message.
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """What is exported.

    Attributes:
        run: the entry of the answer `runs`, with the chosen steps only.
        snapshots: the answer `snapshot` of each chosen step, ascending, with the chosen layers only.
        layers: names of the chosen layers, in the order of the model.
        all_steps: how many steps of the run can be read.
        all_layers: how many layers these have.
    """

    run: dict[str, Any]
    snapshots: dict[int, dict[str, Any]]
    layers: list[str]
    all_steps: int
    all_layers: int


def choose_run(runs: Sequence[dict[str, Any]], logdir: str) -> dict[str, Any]:
    """The only run with a step that can be read. Raises ActiVisError for none, and for several, which it lists."""
    readable = [run for run in runs if any(step["problem"] is None for step in run["steps"])]
    if len(readable) == 1:
        return readable[0]
    if readable:
        raise ActiVisError(
            f"{logdir} has {len(readable)} runs, and an export holds one: {_list(run['name'] for run in readable)}. "
            f"Name the directory of one, such as {logdir.rstrip('/')}/{visible(str(readable[0]['name']))}"
        )
    problems = [problem for run in runs for problem in (*run["problems"], *(one["problem"] for one in run["steps"]))]
    if problems:
        raise ActiVisError(f"nothing below {logdir} can be read: {problems[0]} See tensorboard-activis check {logdir}")
    raise ActiVisError(
        f"{logdir} holds no activations: there is no directory {RUN_DIRECTORY!r} with event files in or below it. "
        "Name the log_dir of the callback, or the directory above it"
    )


def choose(run: dict[str, Any], questions: Questions, steps: Sequence[int], layers: Sequence[str]) -> Choice:
    """The chosen steps and layers of a run: by default its newest step, and all layers.

    Raises ActiVisError for a step or layer that is not there; it lists those that are.
    """
    readable = [step["step"] for step in run["steps"] if step["problem"] is None]
    missing = sorted(set(steps) - set(readable))
    if missing:
        raise ActiVisError(f"there is no step {_list(missing)} that can be read. There are: {_list(readable)}")
    chosen = sorted(set(steps)) or readable[-1:]
    snapshots = {step: questions.must("snapshot", step).json for step in chosen}
    known = list(dict.fromkeys(layer["name"] for step in reversed(chosen) for layer in snapshots[step]["layers"]))
    unknown = [name for name in layers if name not in known]
    if unknown:
        raise ActiVisError(f"there is no layer {_list(unknown)} at the chosen steps. There are: {_list(known)}")
    kept = [name for name in known if not layers or name in layers]
    for snapshot in snapshots.values():
        snapshot["layers"] = [layer for layer in snapshot["layers"] if layer["name"] in kept]
    listed = [step for step in run["steps"] if step["step"] in chosen]
    return Choice(run | {"steps": listed}, snapshots, kept, len(readable), len(known))


def _list(names: Any) -> str:
    """Names for a message, the first and last of very many."""
    texts = [visible(str(name)) for name in names]
    if len(texts) > _LISTED:
        texts = [*texts[: _LISTED // 2], f"… ({len(texts) - _LISTED} more) …", *texts[-_LISTED // 2 :]]
    return ", ".join(texts)
