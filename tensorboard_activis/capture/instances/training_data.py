"""Which evaluation instances are also in the training data: equal content by its hash, near content by its distance."""

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.distributed.processes import Processes, SingleProcess
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.instances.content_ids import content_digest
from tensorboard_activis.errors import ActiVisError

#: The content of an instance: its inputs, one array each, without padding.
Content = Sequence[Any]
#: Training instances whose content is hashed, those that distances are taken to, and seconds for reading them.
MOST_INSTANCES, MOST_NEAR, MOST_SECONDS = 1_000_000, 50_000, 60.0
#: Different evaluation instances that are compared by distance.
MOST_COMPARED = 20_000
#: An instance is near another one at most so far away, as a share of the second nearest and of the usual nearest.
NEAR = 0.35
#: How far a real number times 255 may be from a whole one: float16 is as coarse near 1.
_ROUNDED = 0.07
#: The usual distance to the nearest instance is the median over so many training instances.
_ASKED = 200
#: Numbers that stand for the content of an instance, and values of an array that they are made of.
_SIZE, _MOST_VALUES = 64, 4_096
#: The columns that say so.
COLUMNS = ("in_training", "training_row")
SAME, NEARLY, NO = "same", "near", "no"


@dataclass(frozen=True, slots=True)
class _Match:
    """What is known of one evaluation instance."""

    kind: str
    row: int | None


class TrainingData:
    """The training data in a few bytes per instance: 16 for a hash and a place, and 256 of the first ones for distances.

    Arguments:
        contents: of training instances, in their order; read once, until there are enough or time is over.
        processes: that log together, each with its part of the training data.
        seconds: for reading.
    """

    def __init__(
        self, contents: Iterable[Content], processes: Processes | None = None, seconds: float = MOST_SECONDS
    ) -> None:
        hashes: list[int] = []
        self._holds_bytes: bool | None = None
        sketches: list[np.ndarray] = []
        end, complete = time.monotonic() + seconds, True
        for content in contents:
            if len(hashes) == MOST_INSTANCES or time.monotonic() > end:
                complete = False
                break
            if self._holds_bytes is None:
                self._holds_bytes = any(_is_bytes(part) for part in content)
            hashes.append(_hash(content))
            if len(sketches) < MOST_NEAR:
                sketches.append(sketch(content))
        mine = np.array(hashes, np.uint64)
        near = np.array(sketches, np.float32).reshape(-1, _SIZE)
        hashed, places, near, complete = _shared(mine, near, complete, processes or SingleProcess())
        #: What is written of it.
        self.record = schema.Training(int(hashed.size), complete)
        self._hashes, first = np.unique(hashed, return_index=True)
        self._rows = places[first]
        # Of equal instances the first, for else each would be the second nearest of the other.
        kept = np.sort(first[first < len(near)])
        kept = kept[np.isfinite(near[kept]).all(axis=1)]
        self._near, self._near_rows = near[kept], places[kept]
        with np.errstate(over="ignore"):
            self._lengths = np.einsum("ij,ij->i", self._near, self._near)
        self._usual = self._usual_distance()
        self._known: dict[int, _Match] = {}

    def columns(self, contents: Iterable[Content]) -> dict[str, list[Any]]:
        """The columns of a batch of evaluation instances: "same", "near" or "no", and the row of the training data or None."""
        matches = [self._match(content) for content in contents]
        return {COLUMNS[0]: [one.kind for one in matches], COLUMNS[1]: [one.row for one in matches]}

    def _match(self, content: Content) -> _Match:
        own = _hash(content)
        same = self._same(own)
        if same is not None:
            return same
        if own not in self._known:
            if len(self._known) >= MOST_COMPARED:
                return _Match(NO, None)
            self._known[own] = self._other(content)
        return self._known[own]

    def _other(self, content: Content) -> _Match:
        """What is known of an instance whose values are not in the training data as they are."""
        forms = list(_as_trained(content, self._holds_bytes)) if self._holds_bytes is not None else []
        for form in forms:
            same = self._same(_hash(form))
            if same is not None:
                return same
        for form in (content, *forms):
            row = self._nearest(sketch(form))
            if row is not None:
                return _Match(NEARLY, row)
        return _Match(NO, None)

    def _same(self, own: int) -> _Match | None:
        place = int(np.searchsorted(self._hashes, np.uint64(own)))
        found = place < self._hashes.size and self._hashes[place] == own
        return _Match(SAME, int(self._rows[place])) if found else None

    def _nearest(self, vector: np.ndarray) -> int | None:
        """The row of the training instance that is near, None without one."""
        if len(self._near) < 2 or not np.isfinite(vector).all():
            return None
        squares = self._squares(vector)
        first, second = np.argpartition(squares, 1)[:2]
        distance = float(np.linalg.norm(self._near[first] - vector))
        other = float(np.sqrt(squares[second]))
        is_near = distance <= NEAR * other and distance <= NEAR * self._usual
        return int(self._near_rows[first]) if is_near else None

    def _squares(self, vector: np.ndarray) -> np.ndarray:
        """Squared distances to all training instances; those that are not finite are far away."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = self._lengths - 2 * (self._near @ vector) + vector @ vector
        return np.where(np.isfinite(squares), np.maximum(squares, 0), np.inf)

    def _usual_distance(self) -> float:
        """The median distance of a training instance to the nearest other one."""
        if len(self._near) < 2:
            return 0.0
        found = []
        for place in np.linspace(0, len(self._near) - 1, min(_ASKED, len(self._near))).astype(int):
            squares = self._squares(self._near[place])
            squares[place] = np.inf
            found.append(float(np.sqrt(squares.min())))
        finite = [each for each in found if np.isfinite(each)]
        return float(np.median(finite)) if finite else 0.0


def with_training_columns(
    columns: dict[str, Any], training: TrainingData | None, contents: Iterator[Content]
) -> dict[str, Any]:
    """Columns of a batch with those of the training data, where there are any.

    Raises:
        ActiVisError: the user has a column of that name.
    """
    if training is None:
        return columns
    for name in COLUMNS:
        if name in columns:
            raise ActiVisError(f"columns has {name!r}, which is what train_data= gives. Choose another name for it.")
    return columns | training.columns(contents)


def sketch(content: Content) -> np.ndarray:
    """64 numbers whose distances are about those of the content itself, float32.

    Arrays of real numbers, images and the like are averaged to at most 4,096 values and projected at random; token ids and words
    are counted, each at a random place with a random sign.
    """
    found = np.zeros(_SIZE, np.float32)
    for part in content:
        value = np.asarray(part)
        if value.dtype.kind in "OSU":
            _add_tokens(found, np.array([zlib.crc32(word.encode()) for word in _words(value)], np.uint64))
        elif value.ndim == 1 and value.dtype.kind in "iu":
            _add_tokens(found, np.trim_zeros(value, "b").astype(np.int64).astype(np.uint64))
        elif value.dtype.kind in "biuf" and value.size:
            with np.errstate(over="ignore", invalid="ignore"):
                flat = _averaged(value.astype(np.float32).reshape(-1))
                found += flat @ _directions(flat.size)
    return found


def _words(value: np.ndarray) -> list[str]:
    texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in value.reshape(-1)]
    return " ".join(texts).lower().split()


def _add_tokens(found: np.ndarray, tokens: np.ndarray) -> None:
    mixed = (tokens + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    places = (mixed >> np.uint64(40)).astype(np.int64) % _SIZE
    signs = np.where((mixed >> np.uint64(36)) & np.uint64(1), 1.0, -1.0)
    np.add.at(found, places, signs.astype(np.float32))


def _averaged(flat: np.ndarray) -> np.ndarray:
    """At most 4,096 values, each the mean of as many neighbours."""
    together = -(-flat.size // _MOST_VALUES)
    if together == 1:
        return flat
    whole = flat.size // together * together
    means: np.ndarray = flat[:whole].reshape(-1, together).mean(axis=1)
    return means


_DIRECTIONS: dict[int, np.ndarray] = {}


def _directions(size: int) -> np.ndarray:
    if size not in _DIRECTIONS:
        drawn = np.random.default_rng(size).standard_normal((size, _SIZE), np.float32)
        if len(_DIRECTIONS) > 64:  # lengths of sequences of vectors
            _DIRECTIONS.clear()
        _DIRECTIONS[size] = drawn / np.float32(np.sqrt(_SIZE))
    return _DIRECTIONS[size]


def _hash(content: Content) -> int:
    """Of the values, whatever the width of their numbers: integers as int64, images of bytes and real numbers as float32."""
    return int(content_digest([_widened(np.asarray(part)) for part in content])[:16], 16)


def _widened(value: np.ndarray) -> np.ndarray:
    if value.dtype.kind == "f" or _is_bytes(value):
        with np.errstate(over="ignore"):
            return value.astype(np.float32)
    fits = value.dtype.kind in "iu" and value.dtype != np.uint64
    return value.astype(np.int64) if fits else value


def _is_bytes(part: Any) -> bool:
    """Whether an input is an image of bytes, or the like: uint8 of two dimensions or more."""
    value = np.asarray(part)
    return bool(value.dtype == np.uint8 and value.ndim > 1)


def _as_trained(content: Content, is_bytes: bool) -> Iterator[Content]:
    """An evaluation instance as training data of bytes, or of real numbers from 0 to 1, would have it; nothing if it is so."""
    parts = [np.asarray(part) for part in content]
    if is_bytes:
        scaled = [_in_bytes(part) for part in parts]
    else:
        scaled = [part.astype(np.float32) / np.float32(255) if _is_bytes(part) else part for part in parts]
    if any(one is not other for one, other in zip(scaled, parts, strict=True)):
        yield scaled


def _in_bytes(value: np.ndarray) -> np.ndarray:
    """Real numbers from 0 to 1 that are multiples of 1 / 255, but for rounding, times 255; anything else as it is."""
    if value.dtype.kind != "f" or value.ndim < 2 or not value.size:
        return value
    wide = value.astype(np.float64) * 255
    whole = np.rint(wide)
    with np.errstate(invalid="ignore"):
        fits = (whole >= 0) & (whole <= 255) & (np.abs(wide - whole) <= _ROUNDED)  # False where not finite
    return whole.astype(np.float32) if fits.all() else value


def _shared(
    hashes: np.ndarray, near: np.ndarray, complete: bool, processes: Processes
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Hashes, rows and sketches of all processes, and whether all of it was read.

    A row is of the part of its process; where all have the same, as all read the data set of a loader whole, it counts once.
    """
    rows = np.arange(hashes.size)
    if processes.size == 1:
        return hashes, rows, near, complete
    own = b"".join(serialize((hashes, near, complete)))
    gathered = [deserialize(each) for each in processes.all_gather(own)]
    parts: list[Any] = []
    for part in sorted(gathered, key=lambda part: -part[0].size):  # one may have had less time to read
        if not any(np.array_equal(part[0], other[0][: part[0].size]) for other in parts):
            parts.append(part)
    # Instances with sketches come first, so that both have the same places.
    order = [(one, slice(0, len(vectors))) for one, vectors, _ in parts]
    rest = [(one, slice(len(vectors), None)) for one, vectors, _ in parts]
    joined = np.concatenate([one[where] for one, where in (*order, *rest)])
    places = np.concatenate([np.arange(one.size)[where] for one, where in (*order, *rest)])
    vectors = np.concatenate([vectors for _, vectors, _ in parts])
    return joined, places, vectors, all(done for _, _, done in gathered)
