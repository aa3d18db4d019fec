"""What had to be guessed of the sequences of an evaluation, to be said in its snapshot."""

import json
from dataclasses import dataclass, field

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.instances.unfit_words import UnfitWords


@dataclass
class Doubts:
    """Of a batch, or of all: padding that no mask tells, and words that are not one for each token."""

    padding: PaddingRuns = field(default_factory=PaddingRuns)
    words: UnfitWords = field(default_factory=UnfitWords)

    def merge(self, other: "Doubts") -> None:
        """Adds those of other batches."""
        self.padding.merge(other.padding)
        self.words.merge(other.words)

    def combined(self, processes: Processes) -> "Doubts":
        """Those of all processes."""
        combined = Doubts()
        for data in processes.all_gather(json.dumps([self.padding.state(), self.words.state()]).encode()):
            padding, words = json.loads(data)
            combined.merge(Doubts(PaddingRuns.of_state(padding), UnfitWords(*words)))
        return combined

    def notes(self, *, of_positions: bool) -> list[str]:
        """In words; `of_positions`: whether each position is an instance."""
        return [*self.padding.notes(are_instances=of_positions), *self.words.notes()]
