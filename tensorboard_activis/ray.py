"""Evaluation by Ray: a `ray.data.Dataset` that no single machine evaluates becomes one snapshot.

from tensorboard_activis.ray import log

log("logs/run1", step, make_model, ray.data.read_parquet("s3://…"), label="label", batch_size=256, actors=8, num_gpus=1)
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from tensorboard_activis.alerts.published import after_snapshot
from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.options import RayOptions, RecorderOptions, options_of
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.errors import ConfigurationError, warn

try:
    import ray
    import ray.data
except ImportError as error:
    raise ImportError('tensorboard_activis.ray needs Ray Data: pip install "tensorboard-activis[ray]"') from error

from tensorboard_activis.capture.ray.actors import Actors
from tensorboard_activis.capture.ray.columns import DatasetColumns
from tensorboard_activis.capture.ray.evaluation import Evaluation
from tensorboard_activis.capture.ray.evaluator import Plan
from tensorboard_activis.capture.ray.parts import in_order

__all__ = ["log"]


@with_options(RayOptions)
def log(
    log_dir: str | os.PathLike[str],
    step: int,
    model: Callable[[], Any],
    data: Any,
    *,
    batch_size: int = 256,
    actors: int = 2,
    num_gpus: float = 0,
    num_cpus: float | None = None,
    inputs: str | Sequence[str] | None = None,
    label: str | None = None,
    id: str | Callable[[Any], Any] | None = None,
    columns: Sequence[str] | Callable[[Any], Any] | None = None,
    texts: str | Callable[[Any], Any] | None = None,
    unpack: Callable[[Any], Any] | None = None,
    **options: Unpack[RayOptions],
) -> None:
    """Evaluates a model on a `ray.data.Dataset`, on several actors, and writes a snapshot for this step.

    The snapshot is that of one process: the same sample, bit for bit, and the same statistics up to rounding, whatever the number
    of actors and the size of the blocks. Ray makes lost actors again (`RETRIES` times for the same part of the data), and nothing
    is counted twice. An error while the data are evaluated becomes one warning (`strict=True` raises it), and nothing is published.

    A batch, as functions of a batch get it, is a dict of numpy arrays [rows, ...] by column.

    Arguments:
        log_dir: the run's directory, such as `logs/run1`, or an address such as `s3://bucket/run1`: this process writes the files.
        step: training step.
        model: a function without arguments that makes or loads the model, PyTorch's or Keras's; called once on each actor. It
            moves the model to a GPU itself.
        data: the `ray.data.Dataset`. Its rows are numbered in its order, which is kept.
        batch_size: instances per forward pass.
        actors: how many hold the model.
        num_gpus: of each actor; 0.5 has two share one.
        num_cpus: of each actor. None: 1, or less where none would be left to read the data.
        inputs: the columns of the model's inputs: of one, the array is the argument; of several, they go by name. None: all columns
            that are nothing else.
        label: the column of labels; None: `labels`, `label`, `label_ids`, `targets`, `target` or `y`, if there is one.
        id: instance ids, integers or texts: a column, or a function of a batch. An instance whose id came before, in the order of
            the data, is left out, and a note says so. None: the number of the row.
        columns: further columns of instances, for subset expressions and the table: names, or a function of a batch that returns a
            mapping.
        texts: a column of texts, or a function of a batch, for a person to read and for subset expressions.
        unpack: a function of a batch that returns (inputs, labels), instead of `inputs` and `label`: texts to tokens, for example.

    Raises:
        ConfigurationError: an argument is wrong, or does not fit the model or the data.
    """
    described = DatasetColumns(inputs, label, id, columns, texts, unpack)
    _check(model, data, batch_size, actors, num_gpus, num_cpus)
    directory = RunDirectory(log_dir)
    try:
        cpus = _cpus(actors) if num_cpus is None else num_cpus
        _check_gpus(num_gpus)
        plan = Plan(model, described, {**options, "on_finding": None}, batch_size)
        with in_order(data), Actors(plan, actors, cpus, num_gpus) as pool:
            evaluation = Evaluation(data, plan, pool)
            prepared = evaluation.prepared
            recorder = Recorder(
                directory,
                prepared.graph,
                prepared.layers,
                probabilities=prepared.probabilities,
                unit=options["unit"],
                training=prepared.training,
                positions=options["positions"],
                strict=options["strict"],
                on_published=after_snapshot(options),
                **options_of(RecorderOptions, options),
            )
            try:
                with recorder.guard(step), recorder.snapshot(step) as collector:
                    evaluation.run(collector, options["progress"])
                    recorder.graph = evaluation.graph
            finally:
                recorder.close()
    finally:
        directory.close()


def _check(model: Any, data: Any, batch_size: Any, actors: Any, num_gpus: Any, num_cpus: Any) -> None:
    is_made = not isinstance(model, type) and (hasattr(model, "state_dict") or hasattr(model, "get_weights"))
    if is_made or not callable(model):
        raise ConfigurationError(
            "model must be a function without arguments that makes or loads the model, for every actor makes its own; got "
            f"{type(model).__name__}. Write a function that builds it and loads its weights."
        )
    if not isinstance(data, ray.data.Dataset):
        raise ConfigurationError(
            f"data must be a ray.data.Dataset; got {type(data).__name__}. ray.data.read_parquet, read_images and others make one."
        )
    for name, value in (("batch_size", batch_size), ("actors", actors)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"{name} must be a whole number, 1 or more; got {value!r:.60}.")
    for name, value in (("num_gpus", num_gpus), ("num_cpus", 0 if num_cpus is None else num_cpus)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ConfigurationError(f"{name} must be a number, 0 or more, for each actor; got {value!r:.60}.")


def _cpus(actors: int) -> float:
    """Processors of each actor: one, or less where none would be left for the tasks that read the data."""
    ray.data.DataContext.get_current()  # has Ray started, if it is not
    if not ray.is_initialized():
        ray.init()
    total = ray.cluster_resources().get("CPU", 0.0)
    return min(1.0, int(max(0.0, total - 1) / actors * 1000) / 1000)


def _check_gpus(num_gpus: float) -> None:
    there = ray.cluster_resources().get("GPU", 0.0)
    if num_gpus > there:
        warn(
            f"ActiVis: each actor needs num_gpus={num_gpus:g}, and the Ray cluster has {there:g} GPUs now. The evaluation waits "
            "until machines that have them join it."
        )
