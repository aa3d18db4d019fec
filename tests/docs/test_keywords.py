"""docs/keywords.md: its tables are those of the faces, and its table of layers is what is printed."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

KEYWORDS = (DOCS / "keywords.md").read_text()
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
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+) \| ([A-Z][\w, ]+?) \| ", KEYWORDS, re.M)
    return {name: set(faces.split(", ")) for names, faces in rows for name in re.findall(r"`(\w+)`", names)}


def table_of_all() -> set[str]:
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+) \| [^|]+ \|$", KEYWORDS, re.M)
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


def test_the_table_of_layers_is_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
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

    (shown,) = re.findall(r"^    name  .*\n(?:    .+\n)+", KEYWORDS, re.M)
    data = torch.rand(20, 1, 12, 12)
    with ActiVisLogger("logs/run1", Network(), data, task="none") as activis:
        assert [line.strip() for line in shown.splitlines()] == repr(activis.layers).splitlines()
    with ActiVisLogger("logs/run2", Network(), data, task="none", layers=["blocks.*", "fc"]) as activis:
        named = [layer.name for layer in activis.layers]
    assert named == ["blocks.0", "blocks.0.0", "blocks.0.1", "blocks.1", "blocks.1.0", "blocks.1.1", "fc"]
