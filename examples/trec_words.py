"""A text classifier on TREC's questions: what does it get wrong of questions it has not seen?

    python examples/trec_words.py PATH                      # PATH holds TREC.train and TREC.test; logs to logs/questions
    tensorboard --logdir logs/questions

The data, the classes and the network are those of trec.py beside this file, with one convolution instead of three.
docs/cases/questions.md goes through what was found.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch
from cases import arguments, compare
from torch.nn import functional
from trec import CLASSES, LONGEST, PADDING, UNKNOWN, SentenceNet, read_questions

from tensorboard_activis.torch import ActiVisLogger

EPOCHS, LONGER, BATCH, HELD, WIDTH = 5, 20, 25, 1200, 48
#: What is different from `plain`: rare words are known by their look; the vector of words that were not seen is 0; more
#: epochs; all vectors of words begin at a tenth of their length.
VARIANTS = ["plain", "looks", "neutral", "longer", "small"]
ENTY = CLASSES.index("ENTY")
Questions = list[tuple[str, int]]


def look(word: str) -> str:
    """What a word looks like: whether it has a capital or a digit, and its last two letters."""
    start = "A" if word[:1].isupper() else "0" if any(letter.isdigit() for letter in word) else "a"
    return f"[{start}…{word[-2:].lower()}]"


class Vocabulary:
    """Numbers of words, by which a network knows them.

    Args:
        questions: that the network is trained on.
        looks: whether words that are in these only once, or not at all, are known by their look.
    """

    def __init__(self, questions: Questions, looks: bool = False) -> None:
        self.looks = looks
        self.counts = Counter(word.lower() for question, _ in questions for word in question.split())
        self.numbers: dict[str, int] = {}
        for question, _ in questions:
            for key in self._keys(question):
                self.numbers.setdefault(key, len(self.numbers) + 2)

    def _keys(self, question: str) -> list[str]:
        words = question.split()[:LONGEST]
        return [look(word) if self.looks and self.counts[word.lower()] < 2 else word.lower() for word in words]

    def batch(self, questions: Questions) -> tuple[torch.Tensor, torch.Tensor]:
        """Word ids [instances, words of the longest] and labels [instances]."""
        rows = [[self.numbers.get(key, UNKNOWN) for key in self._keys(question)] for question, _ in questions]
        longest = max(map(len, rows))
        padded = [row + [PADDING] * (longest - len(row)) for row in rows]
        return torch.tensor(padded), torch.tensor([label for _, label in questions])

    def described(self, questions: Questions) -> dict[str, list[str] | list[int]]:
        """What can be said of questions without a network: their first word, and how many words are new or rare."""
        seen = [[self.counts[word.lower()] for word in question.split()] for question, _ in questions]
        return {
            "first": [question.split()[0].lower() for question, _ in questions],
            "unknown": [counts.count(0) for counts in seen],
            "rare": [sum(0 < count < 3 for count in counts) for counts in seen],
        }


def main() -> None:
    """Trains the network as it is and in four other ways."""
    parser = arguments(__doc__, "logs/questions")
    parser.add_argument("data", type=Path, help="directory with TREC.train and TREC.test")
    parser.set_defaults(seeds=5)
    chosen = parser.parse_args()
    missing = [name for name in ("TREC.train", "TREC.test") if not (chosen.data / name).is_file()]
    if missing:
        sys.exit(
            f"Skipped: there is no {' and no '.join(missing)} in {chosen.data}. They are train_5500.label and TREC_10.label of "
            "https://cogcomp.seas.upenn.edu/Data/QA/QC/, under these names."
        )
    questions, test = read_questions(chosen.data / "TREC.train"), read_questions(chosen.data / "TREC.test")
    random.Random(0).shuffle(questions)
    number = 100 if chosen.small else HELD
    held_out, training = questions[:number], questions[number : 400 if chosen.small else None]

    def train(variant: str, seed: int, log_dir: Path | None) -> Mapping[str, float]:
        torch.manual_seed(seed)
        shuffled, order = random.Random(seed), list(training)
        vocabulary = Vocabulary(training, looks=variant == "looks")
        model = SentenceNet(len(vocabulary.numbers) + 2, width=WIDTH, windows=(3,))
        with torch.no_grad():
            if variant == "small":
                model.embed.weight *= 0.1
            if variant == "neutral":
                model.embed.weight[UNKNOWN] = 0
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        logger = watcher(model, vocabulary, log_dir) if log_dir else None
        if logger:
            logger.log(0)
        epochs = 1 if chosen.small else LONGER if variant == "longer" else EPOCHS
        for epoch in range(1, epochs + 1):
            model.train()
            shuffled.shuffle(order)
            for start in range(0, len(order), BATCH):
                words, labels = vocabulary.batch(order[start : start + BATCH])
                optimizer.zero_grad()
                functional.cross_entropy(model(words), labels).backward()
                optimizer.step()
            if logger:
                logger.log(epoch)
        if logger:
            logger.close()
        model.eval()
        with torch.inference_mode():
            (words, labels), (test_words, test_labels) = vocabulary.batch(held_out), vocabulary.batch(test)
            predicted, right = model(words).argmax(1), model(test_words).argmax(1) == test_labels
        what = torch.tensor([question.lower().startswith("what ") for question, _ in held_out]) & (labels != ENTY)
        figures = {
            "held-out questions that are right": predicted == labels,
            "held-out questions with “what” of other classes that are taken for ENTY": predicted[what] == ENTY,
            "TREC's test questions that are right": right,
        }
        return {name: hits.float().mean().item() for name, hits in figures.items()}

    def watcher(model: SentenceNet, vocabulary: Vocabulary, log_dir: Path) -> ActiVisLogger:
        parts = [held_out[start : start + 200] for start in range(0, len(held_out), 200)]
        return ActiVisLogger(
            log_dir,
            model,
            [(*vocabulary.batch(part), part) for part in parts],
            class_names=CLASSES,
            layers=["embed", "convs.*", "hidden", "head"],
            sample=None,
            positions=0,  # batches are as long as their longest question, so the places of a convolution are not always the same
            unpack=lambda batch: batch[:2],
            texts=lambda batch: [question for question, _ in batch[2]],
            columns=vocabulary.described(held_out),
        )

    compare(train, VARIANTS, range(chosen.seeds), chosen.log_dir)


if __name__ == "__main__":
    main()
