"""Labels of classes in any framework: their names, their number, and the forms that they come in."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ConfigurationError


def class_indices(texts: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """Class indices, int64 in the shape of `texts`, of labels that are class names, as strings or UTF-8 bytes.

    Raises:
        ConfigurationError: there are no class names, or a label is none of them.
    """
    decoded = [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text) for text in texts.flat]
    if class_names is None:
        raise ConfigurationError(
            f"Labels are texts ({decoded[0] if decoded else ''!r}), so class_names is needed: the names in the order of the "
            "model's outputs."
        )
    index = {name: position for position, name in enumerate(class_names)}
    unknown = next((text for text in decoded if text not in index), None)
    if unknown is not None:
        listed = ", ".join(class_names[:8]) + (", …" if len(class_names) > 8 else "")
        raise ConfigurationError(f"There is a label {unknown!r}, which is none of class_names ({listed}).")
    return np.array([index[text] for text in decoded], np.int64).reshape(texts.shape)


def check_range(highest: int, class_names: Sequence[str] | None, width: int | None) -> None:
    """Checks the highest class index among labels against the class names and the model.

    Arguments:
        width: number of scores that the model gives per instance or position; None if unknown.

    Raises:
        ConfigurationError: there are fewer names or outputs than classes.
    """
    if class_names is not None and highest >= len(class_names):
        raise ConfigurationError(
            f"There is a label {highest}, but class_names has {len(class_names)} names, for the labels 0 to "
            f"{len(class_names) - 1}. Name every class."
        )
    if width is not None and width > 1 and highest >= width:
        raise ConfigurationError(
            f"There is a label {highest}, but the model tells {width} classes apart, 0 to {width - 1}. Check that the data "
            "give (inputs, labels) and that labels count from 0."
        )


def check_width(class_names: Sequence[str] | None, width: int | None) -> None:
    """Checks that there is a class name for each of the model's outputs; one output is the score of the second of two classes.

    Raises:
        ConfigurationError: there are more or fewer names than classes.
    """
    if class_names is None or width is None or len(class_names) == max(width, 2):
        return
    scores = "one score per instance, which is for two classes" if width == 1 else f"{width} scores per instance"
    raise ConfigurationError(
        f"class_names has {len(class_names)} names, but the model gives {scores}. Name every class, in the order of the "
        "model's outputs."
    )


def squeezed(labels: np.ndarray) -> np.ndarray:
    """Labels as [instances] if they are a scalar or [instances, 1]; others unchanged."""
    if labels.ndim == 0:
        return labels[None]
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def is_one_hot(labels: np.ndarray) -> bool:
    """Whether every row of [instances, classes] has one 1, and 0 elsewhere."""
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def is_multi_hot(labels: np.ndarray) -> bool:
    """Whether all of [instances, classes] is 1 or 0, or unknown: -1, NaN or infinite."""
    known = labels[np.isfinite(labels)] if labels.dtype.kind == "f" else labels
    return bool(np.isin(known, (0, 1, -1)).all())


def multi_hot(labels: np.ndarray) -> np.ndarray:
    """Labels [instances, classes] as float64 of 0, 1 and NaN, which stands for all else."""
    return np.where(np.isin(labels, (0, 1)), labels, np.nan).astype(np.float64)
