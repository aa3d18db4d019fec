"""What the README promises is there: its commands, its code, its keywords, its links."""

import importlib
import inspect
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


@pytest.mark.parametrize("page", ["README.md", "docs/walkthrough.md", "docs/minilm.md", "benchmarks/README.md"])
def test_links_lead_to_files(page: str):
    """Pictures are links as well."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text())
    here = [link for link in links if not link.startswith("https://")]
    assert here or page.startswith("benchmarks")
    assert [link for link in here if not ((ROOT / page).parent / link).is_file()] == []


def test_pictures_are_shown_and_small():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
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
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets, page


FACES = {
    "PyTorch": "torch",
    "Keras": "keras",
    "Flax": "flax",
    "Lightning": "lightning",
    "Hugging Face": "transformers",
    "Ray": "ray",
}
#: A face's own first arguments, which its example shows.
SHOWN = {"log_dir", "step", "model", "data", "x", "y"}


def keywords(name: str) -> dict[str, inspect.Parameter]:
    face = importlib.import_module(f"tensorboard_activis.{name}")
    return dict(inspect.signature(getattr(face, face.__all__[0])).parameters)


def table_of_some() -> dict[str, set[str]]:
    """Keyword -> the faces that have it, of the second table."""
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+) \| ([A-Z][\w, ]+?) \| ", README, re.M)
    return {name: set(faces.split(", ")) for names, faces in rows for name in re.findall(r"`(\w+)`", names)}


def table_of_all() -> set[str]:
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+) \| [^|]+ \|$", README, re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_keywords_mean_the_same_in_all():
    assert len(table_of_all()) > 10
    faces = {face: keywords(name) for face, name in FACES.items()}
    for keyword in table_of_all():
        having = {face: parameters[keyword] for face, parameters in faces.items() if keyword in parameters}
        assert set(having) == set(FACES) - ({"Hugging Face"} if keyword == "texts" else set()), keyword
        assert {parameter.kind for parameter in having.values()} == {inspect.Parameter.KEYWORD_ONLY}
        assert len({parameter.default for parameter in having.values()}) == 1, keyword


def test_every_keyword_is_in_a_table():
    some = table_of_some()
    assert not set(some) & table_of_all()
    for face, name in FACES.items():
        own = {keyword for keyword, faces in some.items() if face in faces}
        assert set(keywords(name)) - SHOWN == (table_of_all() | own) - SHOWN - (
            {"texts"} if face == "Hugging Face" else set()
        ), face
    assert all(faces <= set(FACES) for faces in some.values())


@pytest.mark.parametrize("name", FACES.values())
def test_the_docstring_of_a_face_describes_every_keyword_once(name: str):
    face = importlib.import_module(f"tensorboard_activis.{name}")
    text = inspect.getdoc(getattr(face, face.__all__[0])) or ""
    arguments = re.search(r"^Arguments:\n((?:    .*\n)+)", text, re.M)
    assert arguments is not None
    assert sorted(re.findall(r"^    (\w+): ", arguments[1], re.M)) == sorted(keywords(name))


@pytest.mark.parametrize("name", FACES.values())
def test_an_unknown_keyword_is_told_with_the_closest_one(name: str):
    face = importlib.import_module(f"tensorboard_activis.{name}")
    message = r"(__init__|^log)\(\) got an unexpected keyword argument 'class_nmaes'. Did you mean 'class_names'\?$"
    with pytest.raises(TypeError, match=message):
        getattr(face, face.__all__[0])("logs/run1", class_nmaes=["ant"])


@pytest.mark.parametrize(
    ("name", "options", "others"),
    [
        ("keras", {"unit": "position"}, "PyTorch"),
        ("flax", {"unit": "position"}, "PyTorch"),
        ("flax", {"positions": 16}, "PyTorch and Keras"),
    ],
)
def test_a_keyword_of_other_faces_is_said_to_be(name: str, options: dict[str, str | int], others: str):
    face = importlib.import_module(f"tensorboard_activis.{name}")
    (keyword,) = options
    with pytest.raises(TypeError, match=f"'{keyword}': {keyword}= is a keyword of the faces for {others}$"):
        getattr(face, face.__all__[0])("logs/run1", **options)


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


def test_the_table_of_layers_is_what_is_printed(somewhere: Path):
    import torch
    from torch import nn

    from tensorboard_activis.torch import ActiVisLogger

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 8, 3, padding=1)
            self.relu = nn.ReLU()
            self.blocks = nn.Sequential(
                *[nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(2)],
            )
            self.fc = nn.Linear(8, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.fc(self.blocks(self.relu(self.stem(x))).mean((2, 3)))
            return logits

    (shown,) = re.findall(r"^    name  .*\n(?:    .+\n)+", README, re.M)
    data = torch.rand(20, 1, 12, 12)
    with ActiVisLogger("logs/run1", Network(), data, task="none") as activis:
        assert [line.strip() for line in shown.splitlines()] == repr(activis.layers).splitlines()
    with ActiVisLogger("logs/run2", Network(), data, task="none", layers=["blocks.*", "fc"]) as activis:
        named = [layer.name for layer in activis.layers]
    assert named == ["blocks.0", "blocks.0.0", "blocks.0.1", "blocks.1", "blocks.1.0", "blocks.1.1", "fc"]


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
