"""The usage scenario of the ActiVis paper: a convolutional network for sentences on TREC's questions.

    python examples/trec.py PATH            # PATH holds TREC.train and TREC.test
    tensorboard --logdir logs/trec

The data: Li and Roth, "Learning Question Classifiers", COLING 2002. The network: Kim, "Convolutional Neural Networks for
Sentence Classification", EMNLP 2014, with word vectors that are learnt from the questions alone. docs/walkthrough.md goes
through what there is to see.
"""

import argparse
import random
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from tensorboard_activis.torch import ActiVisLogger

CLASSES = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
#: What each class asks for: abbreviations, descriptions, entities, people, places, numbers.
SUBSETS = {
    "what …": 'startswith(text, "What")',
    "who": 'matches(text, "(?i)\\\\bwho\\\\b")',
    "how many": 'matches(text, "(?i)^how (many|much)\\\\b")',
    "where": 'matches(text, "(?i)\\\\bwhere\\\\b")',
    "name in what": 'startswith(text, "What") and matches(text, "\\\\bname\\\\b")',
    "unsure": "score < 0.5",
    "wrong, test": 'not correct and split == "test"',
}
LONGEST = 40
PADDING, UNKNOWN = 0, 1


def read_questions(path: Path) -> list[tuple[str, int]]:
    """(question, class) of every line, which is `CLASS:kind question`."""
    questions = []
    for line in path.read_text(encoding="latin-1").splitlines():
        label, question = line.split(" ", 1)
        questions.append((question, CLASSES.index(label.split(":")[0])))
    return questions


class SentenceNet(nn.Module):
    """Word ids [instances, words] -> logits [instances, 6]."""

    def __init__(self, words: int, width: int = 96, maps: int = 64, windows: tuple[int, ...] = (3, 4, 5)) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=PADDING)
        self.convs = nn.ModuleDict(
            {f"window{size}": nn.Conv1d(width, maps, size, padding=size - 1) for size in windows}
        )
        self.dropout = nn.Dropout(0.5)
        self.hidden = nn.Linear(maps * len(windows), 64)
        self.head = nn.Linear(64, len(CLASSES))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Embeds the words, looks at every window of them, keeps what each map found most of."""
        sentence = self.embed(words).transpose(1, 2)
        found = torch.cat([functional.relu(conv(sentence)).amax(dim=2) for conv in self.convs.values()], dim=1)
        return self.head(self.dropout(functional.relu(self.hidden(self.dropout(found)))))


def main() -> None:
    """Trains and logs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="directory with TREC.train and TREC.test")
    parser.add_argument("--log-dir", type=Path, default=Path("logs/trec/cnn"))
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(1)  # on other numbers of cores sums are rounded otherwise, and lead to another network
    shuffled = random.Random(0)
    training, test = read_questions(arguments.data / "TREC.train"), read_questions(arguments.data / "TREC.test")
    vocabulary: dict[str, int] = {}
    for question, _ in training:
        for word in question.lower().split():
            vocabulary.setdefault(word, len(vocabulary) + 2)

    def batch(questions: list[tuple[str, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [[vocabulary.get(word, UNKNOWN) for word in text.lower().split()[:LONGEST]] for text, _ in questions]
        longest = max(map(len, rows))
        padded = [row + [PADDING] * (longest - len(row)) for row in rows]
        return torch.tensor(padded), torch.tensor([label for _, label in questions])

    model = SentenceNet(len(vocabulary) + 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    # The model sees word ids; a person, and the subsets, see the questions.
    evaluation = DataLoader(
        test + training, batch_size=250, collate_fn=lambda questions: (*batch(questions), questions)
    )
    with (
        ActiVisLogger(
            arguments.log_dir,
            model,
            evaluation,
            class_names=CLASSES,
            layers=["convs.*", "hidden", "head"],
            subsets=SUBSETS,
            sample=None,
            positions=0,  # batches are as long as their longest question, so the places of a convolution are not always the same
            unpack=lambda batch: (batch[0], batch[1]),
            texts=lambda batch: [text for text, _ in batch[2]],
            columns={"split": ["test"] * len(test) + ["training"] * len(training)},
        ) as activis
    ):
        for epoch in range(arguments.epochs):
            model.train()
            shuffled.shuffle(training)
            for start in range(0, len(training), 50):
                words, labels = batch(training[start : start + 50])
                optimizer.zero_grad()
                functional.cross_entropy(model(words), labels).backward()
                optimizer.step()
            activis.log(epoch + 1)
            model.eval()
            with torch.inference_mode():
                words, labels = batch(test)
                accuracy = (model(words).argmax(1) == labels).float().mean().item()
            print(f"epoch {epoch + 1}: {accuracy:.1%} of the test questions are right")


if __name__ == "__main__":
    main()
