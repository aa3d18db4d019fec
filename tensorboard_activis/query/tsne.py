"""t-SNE of a layer by openTSNE, begun from where the points were the step before.

Source: Poličar, Stražar, Zupan, "openTSNE: A Modular Python Library for t-SNE Dimensionality Reduction and Embedding", 2024.
"""

from collections.abc import Callable

import numpy as np

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.projection import components

#: Rows that are laid out; more would take minutes.
MAX_INSTANCES = 20_000
DIMENSIONS = 50
_EARLY, _LATE, _EVERY = 250, 500, 10


def available() -> bool:
    """Whether openTSNE is installed."""
    try:
        import openTSNE  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        return False
    return True


def tsne(
    activations: np.ndarray,
    initial: np.ndarray | None = None,
    report: Callable[[float, np.ndarray], bool] | None = None,
) -> np.ndarray:
    """A layout float32 [instances, 2], each axis centred; the first DIMENSIONS principal components go in.

    Arguments:
        activations: float16 [instances, neurons], at most MAX_INSTANCES rows.
        initial: where the points begin, [instances, 2]; by principal components when None.
        report: told the share that is done and the layout so far; when it returns False the layout so far is the result.

    Raises ActiVisError when openTSNE is not installed, or there are too many rows.
    """
    try:
        import openTSNE
    except ImportError as error:
        raise ActiVisError("t-SNE needs openTSNE. Install it beside TensorBoard: pip install openTSNE") from error
    instances = len(activations)
    if instances > MAX_INSTANCES:
        raise ActiVisError(f"t-SNE lays out at most {MAX_INSTANCES:,} instances; there are {instances:,}.")
    if instances < 4:
        return np.zeros((instances, 2), np.float32)
    points = components(activations, DIMENSIONS)
    if initial is None:
        initial = points[:, :2] if points.shape[1] >= 2 else np.column_stack([points, np.zeros(instances)])
    perplexity = min(30.0, max(1.0, (instances - 1) / 3))
    affinities = openTSNE.affinity.PerplexityBasedNN(points, perplexity=perplexity, n_jobs=1, random_state=0)
    embedding = openTSNE.TSNEEmbedding(
        openTSNE.initialization.rescale(np.asarray(initial, np.float64)),
        affinities,
        negative_gradient_method="fft" if instances > 3_000 else "bh",
        n_jobs=1,
        random_state=0,
    )
    try:
        for before, iterations, exaggeration, momentum in ((0, _EARLY, 12, 0.5), (_EARLY, _LATE, None, 0.8)):

            def told(iteration: int, error: float, layout: np.ndarray, before: int = before) -> bool:
                # openTSNE stops when a callback returns True.
                done = (before + iteration) / (_EARLY + _LATE)
                return report is not None and not report(done, _centred(layout))

            embedding = embedding.optimize(
                iterations,
                exaggeration=exaggeration,
                momentum=momentum,
                callbacks=told,
                callbacks_every_iters=_EVERY,
                inplace=True,
                propagate_exception=True,
            )
    except openTSNE.OptimizationInterrupt as stopped:
        embedding = stopped.final_embedding
    return _centred(embedding)


def _centred(layout: np.ndarray) -> np.ndarray:
    xy = np.asarray(layout, np.float64)
    return (xy - xy.mean(axis=0)).astype(np.float32)
