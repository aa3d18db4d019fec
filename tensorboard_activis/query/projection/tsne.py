"""t-SNE of a layer by openTSNE, initialized from a given layout.

Source: Poličar, Stražar, Zupan, "openTSNE: A Modular Python Library for t-SNE Dimensionality Reduction and Embedding", 2024.
"""

import importlib.util
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from threadpoolctl import ThreadpoolController

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.projection.pca import components

#: Rows that are laid out together, a uniform sample as every prefix is; the rest is placed among them.
MAX_FITTED = 100_000
DIMENSIONS = 50
#: Rows that are placed at once.
_PLACED = 20_000
#: Share of the progress that placing the rest is.
_PLACING = 0.3
_EARLY, _LATE, _EVERY = 250, 500, 10

#: Called with the progress from 0 to 1 and the layout so far; False stops.
Report: TypeAlias = Callable[[float, np.ndarray], bool]


def available() -> bool:
    """Whether openTSNE is installed."""
    return importlib.util.find_spec("openTSNE") is not None


def version() -> str:
    """The version of the method, part of cache keys. Raises ActiVisError when openTSNE is not installed."""
    return f"1 {_library().__version__}"


def _library() -> Any:
    try:
        import openTSNE
    except ImportError as error:
        raise ActiVisError("t-SNE needs openTSNE. Install it beside TensorBoard: pip install openTSNE") from error
    return openTSNE


def tsne(
    activations: np.ndarray,
    initial: np.ndarray | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """Computes a t-SNE layout, float32 [instances, 2], each axis centred, of the first DIMENSIONS principal components.

    Of more than MAX_FITTED instances only the first MAX_FITTED are fitted; the others are added by openTSNE's `transform`, and
    are NaN until then.

    Arguments:
        activations: float16 [instances, neurons].
        initial: initialization, [instances, 2]; principal components when None.
        report: called with the progress from 0 to 1 and the layout so far; False stops with that layout.

    Raises:
        ActiVisError: openTSNE is not installed.
    """
    openTSNE = _library()
    if len(activations) < 4:
        return np.zeros((len(activations), 2), np.float32)
    with ThreadpoolController().limit(limits=1):  # of openTSNE's libraries, which are loaded by now
        return _tsne(openTSNE, activations, initial, report)


def _tsne(openTSNE: Any, activations: np.ndarray, initial: np.ndarray | None, report: Report | None) -> np.ndarray:
    instances = len(activations)
    points = components(activations, DIMENSIONS)
    if initial is None:
        initial = points[:, :2] if points.shape[1] >= 2 else np.column_stack([points, np.zeros(instances)])
    fitted = min(instances, MAX_FITTED)
    share = 1.0 if fitted == instances else 1 - _PLACING
    layout = np.full((instances, 2), np.nan)
    perplexity = min(30.0, max(1.0, (fitted - 1) / 3))

    def goes_on(done: float) -> bool:
        return report is None or report(done, _centred(layout))

    # Finding neighbours takes long and asks nobody.
    layout[:fitted] = initial[:fitted]
    if not goes_on(0.0):
        return _centred(layout)
    affinities = openTSNE.affinity.PerplexityBasedNN(points[:fitted], perplexity=perplexity, n_jobs=1, random_state=0)
    embedding = openTSNE.TSNEEmbedding(
        openTSNE.initialization.rescale(np.asarray(initial[:fitted], np.float64)),
        affinities,
        negative_gradient_method="fft" if fitted > 3_000 else "bh",
        n_jobs=1,
        random_state=0,
    )
    try:
        for before, iterations, exaggeration, momentum in ((0, _EARLY, 12, 0.5), (_EARLY, _LATE, None, 0.8)):

            def callback(iteration: int, error: float, so_far: np.ndarray, before: int = before) -> bool:
                layout[:fitted] = so_far
                # openTSNE stops when a callback returns True.
                return not goes_on(share * (before + iteration) / (_EARLY + _LATE))

            embedding = embedding.optimize(
                iterations,
                exaggeration=exaggeration,
                momentum=momentum,
                callbacks=callback,
                callbacks_every_iters=_EVERY,
                inplace=True,
                propagate_exception=True,
            )
    except openTSNE.OptimizationInterrupt as stopped:
        layout[:fitted] = stopped.final_embedding
        return _centred(layout)
    for start in range(fitted, instances, _PLACED):
        stop = min(start + _PLACED, instances)
        layout[start:stop] = embedding.transform(points[start:stop])
        layout[:fitted] = embedding  # `transform` moves it to the middle
        if not goes_on(share + _PLACING * (stop - fitted) / (instances - fitted)):
            return _centred(layout)
    layout[:fitted] = embedding
    return _centred(layout)


def _centred(layout: np.ndarray) -> np.ndarray:
    return np.asarray(layout - np.nanmean(layout, axis=0), np.float32)
