"""What is around a position: the tokens before and after it, or the part of an image; made for kept instances only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tensorboard_activis.capture.tasks.repeated import Repeated, objects

#: Tokens before and after a token that are kept with it.
TOKENS_AROUND = 24
#: Places around a place of an image that are kept with it, in each direction.
PLACES_AROUND = 16


@dataclass(frozen=True)
class TokenContexts:
    """The tokens around each token of a batch.

    Attributes:
        tokens: texts [positions], sequence after sequence.
        apart: by value of `tokens`, whether a space belongs before it, which is not part of it.
        sequence: int [positions], ascending.
    """

    tokens: Repeated
    apart: np.ndarray
    sequence: np.ndarray

    def columns(self, chosen: np.ndarray) -> Mapping[str, np.ndarray]:
        """The texts `before` and `after` the chosen tokens, object of str [chosen]; "…" where more is cut off."""
        starts = np.searchsorted(self.sequence, self.sequence[chosen])
        ends = np.searchsorted(self.sequence, self.sequence[chosen], "right")
        # By value, the last for a token that is missing.
        parts = [
            " " * apart + str(text) for text, apart in zip(self.tokens.values, self.apart.tolist(), strict=True)
        ] + [""]
        apart, index = [*self.apart.tolist(), False], self.tokens.index
        before, after = [], []
        for row, start, end in zip(chosen.tolist(), starts.tolist(), ends.tolist(), strict=True):
            first, last = max(start, row - TOKENS_AROUND), min(end, row + 1 + TOKENS_AROUND)
            numbers = index[first:last].tolist()
            own = row - first
            text = "".join([parts[number] for number in numbers[:own]])[apart[numbers[0]] :]
            text += " " * (apart[numbers[own]] and own > 0)
            before.append(f"… {text.lstrip()}" if first > start else text)
            text = "".join([parts[number] for number in numbers[own + 1 :]])
            after.append(f"{text.rstrip()} …" if last < end else text)
        return {"before": objects(before), "after": objects(after)}

    def images(self, chosen: np.ndarray) -> None:
        """No image."""


@dataclass(frozen=True)
class PlaceContexts:
    """The part of an image around each of its places.

    Attributes:
        inputs: [sequences, channels, height, width], or with the channels last.
        channels: "first" or "last".
        sequence: int [positions].
        place: int [positions], flat index into height and width.
    """

    inputs: np.ndarray
    channels: str
    sequence: np.ndarray
    place: np.ndarray

    def columns(self, chosen: np.ndarray) -> Mapping[str, np.ndarray]:
        """No texts."""
        return {}

    def images(self, chosen: np.ndarray) -> np.ndarray:
        """The parts around the chosen places, which are in their middle, [chosen, ...]; empty beyond the edge of the image."""
        axis = 0 if self.channels == "last" else 1
        height, width = self.inputs.shape[axis + 1 : axis + 3]
        size = 2 * PLACES_AROUND + 1
        shape = list(self.inputs.shape[1:])
        shape[axis : axis + 2] = size, size
        parts = np.full((chosen.size, *shape), self.inputs.min(initial=0), self.inputs.dtype)
        for part, row in zip(parts, chosen.tolist(), strict=True):
            image = np.moveaxis(self.inputs[self.sequence[row]], (axis, axis + 1), (0, 1))
            shown = np.moveaxis(part, (axis, axis + 1), (0, 1))
            y, x = (int(value) - PLACES_AROUND for value in divmod(int(self.place[row]), width))
            rows, columns = slice(max(y, 0), min(y + size, height)), slice(max(x, 0), min(x + size, width))
            shown[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x] = image[rows, columns]
        return parts
