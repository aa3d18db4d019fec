"""`tensorboard-activis demo`: trains two runs, logs them, and starts TensorBoard."""

import importlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tensorboard_activis.demo import board
from tensorboard_activis.demo.digits import load_digits
from tensorboard_activis.demo.plan import Clock, Plan, Progress
from tensorboard_activis.demo.sentences import load_sentences
from tensorboard_activis.demo.text_plan import TextPlan
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.files import create
from tensorboard_activis.ports import free_port

DEFAULT_LOG_DIR = Path("logs/demo")
#: By framework: the extra that installs what the demo needs, and the modules that must be importable.
NEEDS = {
    "torch": ("demo", ("torch", "sklearn", "tqdm")),
    "keras": ("demo-keras", ("keras", "tensorflow", "sklearn", "tqdm")),
}
#: File in every run that the demo made; a directory without it is not the demo's and is not replaced.
MARKER = "demo.json"
WRONG_LABELS = 0.2
#: By framework: epochs and learning rate. TensorFlow takes longer for steps as small as these: it makes fewer and larger ones.
TRAINING = {"torch": (14, 1e-4), "keras": (10, 1.5e-4)}
#: How TensorFlow starts: without talk, and on one thread, for on images this small threads wait for each other.
TENSORFLOW = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

#: Epochs on texts.
TEXT_EPOCHS = 6

Train = Callable[[Any, Progress, Clock], float]


def run_demo(
    framework: str, log_dir: Path, epochs: int | None, *, serve: bool, port: int | None, data: str = "digits"
) -> int:
    """Train, log and, with `serve`, run TensorBoard until the user stops it.

    Arguments:
        framework: "torch" or "keras".
        log_dir: TensorBoard's log directory; each run gets a directory in it, and replaces an earlier demo's.
        epochs: of training, for each of two runs; a snapshot follows each. None: the framework's default, see TRAINING.
        serve: start TensorBoard after training.
        port: for TensorBoard; None takes the first free one from 6006 on.
        data: "digits" or "text"; texts are for PyTorch.

    Returns:
        The exit status.

    Raises:
        ActiVisError: something is missing or in the way; found out before training.
    """
    check_installed(framework)
    if serve:
        port = free_port(port)
    plans: Sequence[Plan | TextPlan]
    if data == "text":
        if framework != "torch":
            raise ActiVisError(f"the demo on texts is for PyTorch; leave out --framework {framework}")
        plans = [TextPlan(log_dir / "sentences-transformer", load_sentences(), epochs or TEXT_EPOCHS)]
    else:
        plans = digits_plans(framework, log_dir, epochs)
    runs = [plan.log_dir for plan in plans]
    for step in (check_free, make_directory):  # all are checked before any is touched
        for run in runs:
            step(run)
    train_all(f"{framework}_text" if data == "text" else framework, plans)
    again = f"tensorboard --logdir {log_dir}"
    if not serve or port is None:
        print(f"See it with: {again}")
        return 0
    status = board.serve(log_dir, port)
    print(f"\nOpen it again with: {again}")
    return status


def digits_plans(framework: str, log_dir: Path, epochs: int | None) -> list[Plan]:
    """The two runs on images of digits."""
    suffix = "" if framework == "torch" else f"-{framework}"
    digits = load_digits()
    usual, learning_rate = TRAINING[framework]
    shown = {"-wrong-labels": digits.with_wrong_labels(WRONG_LABELS), "": digits}  # the tab shows the newest run first
    return [
        Plan(log_dir / f"digits-cnn{suffix}{name}", data, epochs or usual, learning_rate=learning_rate)
        for name, data in shown.items()
    ]


def check_installed(framework: str) -> None:
    """Raise an ActiVisError that names the command to run when a module that the demo needs is not installed."""
    extra, modules = NEEDS[framework]
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing).replace("sklearn", "scikit-learn")
        raise ActiVisError(
            f"the {framework} demo needs {names}, not installed here. Run: pip install 'tensorboard-activis[{extra}]'"
        )


def check_free(run: Path) -> None:
    """Raise an ActiVisError when a run's directory holds what the demo did not make."""
    if run.is_dir() and any(run.iterdir()) and not (run / MARKER).is_file():
        raise ActiVisError(f"{run} was not made by the demo, which does not touch it. Name another place: --logdir DIR")


def make_directory(run: Path) -> None:
    """Make the directory of a run; what an earlier demo left there goes."""
    try:
        if (run / MARKER).is_file():
            print(f"Replacing {run}, made by an earlier demo")
            shutil.rmtree(run)
        run.mkdir(parents=True, exist_ok=True)
        with create(run / MARKER) as file:
            file.write(json.dumps({"made by": "tensorboard-activis demo"}).encode())
    except OSError as error:
        raise ActiVisError(f"cannot write to {run}: {error.strerror}. Name another place: --logdir DIR") from error


def train_all(how: str, plans: Sequence[Plan | TextPlan]) -> None:
    """Train the runs one after the other, with a progress bar each, and print what it took.

    Arguments:
        how: "torch", "keras" or "torch_text": the module that trains.
        plans: of the runs.
    """
    for name, value in TENSORFLOW.items():
        os.environ.setdefault(name, value)
    from tqdm import tqdm

    runs = f"{len(plans)} runs" if len(plans) > 1 else "1 run"
    print(f"Training {runs} of {plans[0].epochs} epochs with {how.partition('_')[0]}")
    train: Train = importlib.import_module(f"tensorboard_activis.demo.{how}_training").train
    training = logging = 0.0
    for plan in plans:
        with tqdm(total=plan.steps, desc=plan.log_dir.name, unit="step") as progress:
            clock = Clock()
            train(plan, progress, clock)
            training, logging = training + clock.training, logging + clock.logging
    print(f"Trained for {training:.1f} s, logged for {logging:.1f} s, into {plans[0].log_dir.parent}")
