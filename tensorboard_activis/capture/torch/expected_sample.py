"""Which instances will be in the sample, where that is known before they are evaluated."""

import numpy as np

from tensorboard_activis.capture.instances.metadata import InstanceMetadata
from tensorboard_activis.capture.options import LoggerOptions
from tensorboard_activis.capture.possible_instances import bound_of
from tensorboard_activis.capture.torch.data.instance_order import InstanceOrder
from tensorboard_activis.capture.torch.positions import PositionRecorder


class ExpectedSample:
    """The sample by the highest hash in it: of ids that are known beforehand, else as in the evaluation before.

    Arguments:
        options: of the logger.
        alone: whether this is the only process; others have other parts of the sample.
    """

    def __init__(self, options: LoggerOptions, *, alone: bool) -> None:
        self._sample: int | None = options["sample"]
        self._wanted: int = 0 if options["unit"] == "position" else options["positions"]
        self._alone = alone
        self._highest: np.uint64 | None = None
        self._elsewhere: np.uint64 | None = None

    def of_part(self, highest: np.uint64 | None) -> None:
        """The next evaluation is of other instances than the one before, one part of the data among several.

        Arguments:
            highest: higher hashes cannot be in the sample; None: any may.
        """
        self._alone, self._highest, self._elsewhere = False, None, highest

    def recorder(self, metadata: InstanceMetadata, order: InstanceOrder | None = None) -> PositionRecorder:
        """Records the positions of one evaluation; `order` is that of the data, if known."""
        bound, ids = self._highest, None
        if order is not None and order.ids_by_position:
            ids = metadata.ids_by_position(order.instances)
        if ids is not None and self._sample is not None and self._wanted:
            bound = bound_of(ids, self._sample)
        return PositionRecorder(self._wanted, self._sample, bound, self._elsewhere)

    def note(self, recorder: PositionRecorder) -> None:
        """Takes note of the sample of an evaluation that is over."""
        if self._alone:
            self._highest = recorder.highest_of_sample()
