"""Tiny models of transformers are recorded right: every layer against plain hooks, by id, whatever sizes coincide."""

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from tests.zoo import transformers_names as names
from tests.zoo.comparison import check_layers
from tests.zoo.tiny_configs import Sizes
from tests.zoo.transformers_models import specimen

NAMES = [
    *names.ENCODERS,
    *names.DECODERS,
    *names.OTHER_TEXTS,
    *names.SEQUENCE_TO_SEQUENCE,
    *names.IMAGES,
    *names.SOUNDS,
]


SPECIMENS = [pytest.param(name, marks=() if name in names.EVERY_TIME else pytest.mark.nightly) for name in NAMES]


def test_how_many_there_are() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 120
    assert set(names.EVERY_TIME) <= set(NAMES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", SPECIMENS)
def test_sizes_that_differ(tmp_path: Path, name: str) -> None:
    """Padded texts; the last batch has one instance."""
    check_layers(tmp_path, specimen(name, Sizes(), instances=11, length=7, padded=True), [5], default=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", SPECIMENS)
def test_sizes_that_coincide(tmp_path: Path, name: str) -> None:
    """Batch, length and width are 8, and batches of 3 give the same."""
    sizes = Sizes(width=8, inner=8, heads=4, labels=8, words=40)
    check_layers(tmp_path, specimen(name, sizes, instances=9, length=8, padded=False), [8, 3])
