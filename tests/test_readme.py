"""What the README promises is there: its commands, its code, its pictures."""

import re
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
CLASSES = 3


def block(part: str) -> str:
    (found,) = [code for code in BLOCKS if part in code]
    return found


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)", README, re.M))
    assert {one or other for one, other in named} <= targets


def test_pictures_are_shown_and_small():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        (page.parent / link).resolve()
        for page in pages
        for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())
    }
    pictures = set((ROOT / "docs" / "images").iterdir())
    assert {path for path in shown if path.suffix == ".png"} <= pictures
    assert {path.name for path in pictures - shown} <= {"demo-dark.png"}
    assert {path.name: path.stat().st_size for path in pictures if path.stat().st_size > 200_000} == {}


def test_targets_that_the_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"]:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets, page


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_torch_example_logs_what_the_reading_example_reads(somewhere: Path):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, CLASSES))
    data = TensorDataset(torch.randn(7, 5), torch.arange(7) % CLASSES)
    names = {
        "model": model,
        "validation_loader": DataLoader(data, batch_size=4),
        "epochs": 2,
        "train": torch.nn.Module.train,
    }
    exec(block("tensorboard_activis.torch"), dict(names))
    assert open_run("logs/run1").steps == [0, 1]
    read: dict[str, object] = {}
    exec(block("open_run"), read)
    assert read["layer"] == "2"


def test_flax_example_logs(somewhere: Path):
    from flax import nnx

    x, y = np.random.default_rng(0).normal(size=(7, 5)).astype("float32"), np.arange(7) % CLASSES
    names = {"model": nnx.Linear(5, CLASSES, rngs=nnx.Rngs(0)), "epochs": 2, "train": nnx.Module.train}
    exec(block("tensorboard_activis.flax"), names | {"x_validation": x, "y_validation": y})
    assert open_run("logs/run1").steps == [0, 1]


def test_keras_example_logs(somewhere: Path):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, activation="relu"), keras.layers.Dense(CLASSES)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).normal(size=(7, 5)).astype("float32"), np.arange(7) % CLASSES
    code = block("tensorboard_activis.keras").replace("epochs=10", "epochs=2, verbose=0")
    exec(code, {"model": model, "x": x, "y": y, "x_validation": x, "y_validation": y})
    assert open_run("logs/run1").steps == [1, 2]


@pytest.mark.filterwarnings(
    "ignore:The '.*_dataloader' does not have many workers", "ignore:The number of training batches"
)
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning")
def test_lightning_example_logs(somewhere: Path):
    import lightning.pytorch as pl
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(5, CLASSES)

        def forward(self, x):
            return self.head(x)

        def training_step(self, batch, index):
            return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, index):
            self.training_step(batch, index)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    data = DataLoader(TensorDataset(torch.randn(7, 5), torch.arange(7) % CLASSES), batch_size=4)
    code = block("tensorboard_activis.lightning").replace("max_epochs=10", "max_epochs=2, enable_progress_bar=False")
    exec(code, {"module": Module(), "train_loader": data, "validation_loader": data})
    assert open_run("logs/lightning_logs/version_0").steps == [2, 4]


def test_transformers_example_logs(somewhere: Path):
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[PAD]": 0, "who": 1, "is": 2, "it": 3}, unk_token="[PAD]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]")
    size = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 6}
    config = transformers.BertConfig(vocab_size=4, max_position_embeddings=8, num_labels=CLASSES, **size)
    rows = [{**tokenizer(text), "label": index} for index, text in enumerate(["who is it", "it", "is it"])]
    arguments = transformers.TrainingArguments(
        "out",
        eval_strategy="epoch",
        num_train_epochs=2,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    model = transformers.BertForSequenceClassification(config)
    names = {"model": model, "arguments": arguments, "tokenizer": tokenizer, "train": rows, "validation": rows}
    exec(block("tensorboard_activis.transformers"), names)
    assert sorted(open_run("logs/run1").latest.instances["text"].to_pylist()) == ["is it", "it", "who is it"]
