"""Two processes record the positions that plain hooks over all data show."""

from pathlib import Path

import numpy as np

from tensorboard_activis import open_run
from tests.distributed.launch import torchrun
from tests.distributed.positions_training import Maps, images, pinned
from tests.torch.test_peaks import averaged, check, close, plain


def test_two_processes_have_the_positions_of_one(tmp_path: Path) -> None:
    torchrun(Path(__file__).with_name("positions_training.py"), 2, str(tmp_path))
    raw = plain(Maps().eval(), [images(), pinned()], ("conv", "rows"))
    for name in ("some", "all"):
        for step in (1, 2):
            snapshot = open_run(tmp_path / name).snapshot(step)
            for layer, sizes in (("conv", (7, 5)), ("rows", (7,))):
                seen, extra = (np.moveaxis(each, -1, 1) if layer == "rows" else each for each in raw[layer])
                check(snapshot, layer, dict(enumerate(seen)) | {-1 - at: each for at, each in enumerate(extra)})
                assert snapshot.position_sizes(layer) == sizes
                for at, each in enumerate(extra):
                    shown = snapshot.map(layer, snapshot.record.sample_size + at)
                    for neuron, values in enumerate(each):
                        close(shown[..., neuron], averaged(values, shown.shape[:-1]))
