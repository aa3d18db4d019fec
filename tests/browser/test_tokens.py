"""Tokens as instances in the tab: in their context, grouped by label, by token or by a column, and as typed subsets."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from playwright.sync_api import FrameLocator, Locator, Page, expect
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import elements

#: Words that begin with a space, as language models have them, but the first of a text.
PLACES = ("Paris", "London", "Rome", "Berlin", "Oslo")
FEW = ("Paris", "London", " the", " is", " of", " capital", " old", ".")
MANY = (*FEW, *PLACES[2:], *(f" word{number}" for number in range(30)))
TEXTS, MOST, KINDS = 24, 20, ["place", "other", "sign"]


class Words:
    """A tokenizer: what the logger asks it for."""

    byte_decoder: ClassVar[dict[str, int]] = {}  # its characters stand for bytes, as in GPT-2's

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = ("[PAD]", *words)

    def convert_ids_to_tokens(self, token: int) -> str:
        return self.words[token].replace(" ", "Ġ")

    def batch_decode(self, ids: list[list[int]]) -> list[str]:
        return ["".join(self.words[token] for token in one if token) for one in ids]


class Model(nn.Module):
    def __init__(self, words: int, classes: int) -> None:
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(words, 6), nn.Linear(6, 7), nn.Linear(7, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.mix(self.embed(input_ids)).tanh())
        return result


def texts_of(words: tuple[str, ...]) -> list[list[int]]:
    """Ids of texts of 3 to 14 tokens, which begin with a place in upper case."""
    random, rest = np.random.default_rng(3), [at for at, word in enumerate(words, 1) if word[0] in " ."]
    first = [at for at, word in enumerate(words, 1) if word[0] not in " ."]
    return [[int(random.choice(first)), *random.choice(rest, random.integers(2, 14)).tolist()] for _ in range(TEXTS)]


def batch(words: tuple[str, ...]) -> dict[str, torch.Tensor]:
    ids = [torch.tensor(one) for one in texts_of(words)]
    padded = nn.utils.rnn.pad_sequence(ids, batch_first=True)
    return {"input_ids": padded, "attention_mask": (padded > 0).long()}


def kind(word: str) -> int:
    return 0 if word in PLACES else 2 if word == "." else 1


def tokens(words: tuple[str, ...]) -> list[dict[str, Any]]:
    """All of them: token, position, text, the next token, and what is before and after."""
    found = []
    for text in texts_of(words):
        said = [words[token - 1] for token in text]
        for place, token in enumerate(said):
            after = said[place + 1] if place + 1 < len(said) else None
            around = {"before": "".join(said[:place]), "after": "".join(said[place + 1 :])}
            found.append({"token": token, "position": place, "text": "".join(said), "next": after, **around})
    return found


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Language models over many words and over few, and a tagger."""
    path = tmp_path_factory.mktemp("logs")
    for name, words in (("many", MANY), ("few", FEW), ("tags", FEW)):
        torch.manual_seed(0)
        data = batch(words)
        options: dict[str, Any] = {"class_names": KINDS} if name == "tags" else {}
        tagged = torch.tensor([-100, *(kind(word) for word in words)])
        data["labels"] = (
            tagged[data["input_ids"]] if name == "tags" else torch.where(data["input_ids"] > 0, data["input_ids"], -100)
        )
        model = Model(len(words) + 1, 3 if name == "tags" else len(words) + 1)
        options |= {"unit": "position", "tokenizer": Words(words), "sample": None, "strict": True}
        subset = {"the": 'token == " the"'}
        with ActiVisLogger(path / name, model, [data], subsets=subset, **options) as logger:
            logger.log(1)
    return path


@pytest.fixture(scope="module", params=["true", "false"], ids=["load_fast", "load_slow"])
def places(request: pytest.FixtureRequest, logs: Path) -> Iterator[str]:
    with tensorboard(f"--logdir={logs}", f"--load_fast={request.param}") as address:
        yield address


def opened(open_tab: OpenTab, address: str, run: str) -> FrameLocator:
    tab = open_tab(address, link(run=run, layers=["embed"]))
    expect(instances(tab).get_by_role("heading", name="Tokens")).to_be_visible()
    return tab


def instances(tab: FrameLocator) -> Locator:
    return tab.get_by_role("region", name="Instances", exact=True)


def check_groups(tab: FrameLocator, rows: list[dict[str, Any]], value: str) -> None:
    """Groups are the most frequent values of a column, with right and wrong, then the others, then what has no label."""
    counts = Counter(row[value].strip() for row in rows if row[value] is not None)
    judged = [row for row in rows if row["correct"] is not None]
    labels = instances(tab).locator(".classes-label")

    def said() -> dict[str, str]:
        return {
            label.locator("b").inner_text().strip(): label.get_attribute("aria-description") or ""
            for label in elements(labels)
        }

    first = said()
    named = {name: text for name, text in first.items() if name in counts}
    assert len(named) >= 5
    assert [counts[name] for name in named] == sorted(counts.values(), reverse=True)[: len(named)]
    for name, text in named.items():
        of = [row["correct"] for row in judged if row[value] and row[value].strip() == name]
        assert text.startswith(f"{sum(of)} right, {len(of) - sum(of)} wrong."), name
    right = sum(row["correct"] for row in judged)
    heads = instances(tab).locator(".classes-heads")
    expect(heads).to_contain_text(f"Right {right}")
    expect(heads).to_contain_text(f"Wrong {len(judged) - right}")
    # The end of the list.
    instances(tab).locator(".classes-scroll").evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(labels.last.locator("b")).to_have_text("–")
    last = said()
    assert last["–"].startswith(f"{len(rows) - len(judged)} without a label.")
    if len(counts) > MOST:
        assert list(last)[-2] == f"{len(counts) - MOST} others"


def table(logs: Path, run: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = open_run(logs / run).latest.instances.to_pylist()
    return rows


def test_what_was_logged(logs: Path) -> None:
    """The rows that the tab is compared with are those of the texts."""
    for run, words in (("many", MANY), ("few", FEW)):
        found = {(row["text"], row["position"]): row for row in table(logs, run)}
        expected = {(row["text"], row["position"]): row for row in tokens(words)}
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            own = found[key]
            assert (own["token"], own["label"], own["before"]) == (row["token"], row["next"], row["before"])
    kinds = [row["label"] for row in table(logs, "tags")]
    assert Counter(kinds) == Counter(KINDS[kind(row["token"])] for row in tokens(FEW))
    assert all(not open_run(logs / run).latest.notes for run in ("many", "few", "tags"))


def test_with_many_labels_tokens_are_grouped_by_their_frequency(places: str, logs: Path, open_tab: OpenTab) -> None:
    rows = table(logs, "many")
    assert len({row["label"] for row in rows}) > 20
    tab = opened(open_tab, places, "many")
    check_groups(tab, rows, "token")
    expect(instances(tab).locator(".classes-heads")).to_contain_text("Token")


def test_with_few_labels_by_these_or_by_a_column(places: str, logs: Path, open_tab: OpenTab) -> None:
    rows = table(logs, "few")
    tab = opened(open_tab, places, "few")
    check_groups(tab, rows, "label")
    expect(instances(tab).locator(".classes-heads")).to_contain_text("Label")
    instances(tab).get_by_role("button", name="Group by: label").click()
    tab.get_by_role("option", name="token", exact=True).click()
    expect(instances(tab).locator(".classes-heads")).to_contain_text("Token")
    check_groups(tab, rows, "token")


def test_a_taggers_tokens_are_in_classes(places: str, logs: Path, open_tab: OpenTab) -> None:
    rows = table(logs, "tags")
    tab = opened(open_tab, places, "tags")
    for name in KINDS:
        of = [row["correct"] for row in rows if row["label"] == name]
        label = instances(tab).get_by_role("button", name=name).first
        expect(label).to_have_accessible_description(re.compile(f"^{sum(of)} right, {len(of) - sum(of)} wrong"))
    expect(tab.get_by_text("Labels that are missing")).to_have_count(0)


def test_a_token_is_shown_in_its_context(places: str, logs: Path, open_tab: OpenTab, page: Page) -> None:
    rows = {row["id"]: row for row in table(logs, "many")}
    tab = opened(open_tab, places, "many")
    lines = instances(tab).get_by_role("listbox").get_by_role("option")
    for line in elements(lines)[:4]:
        row = rows[line.locator(".list-name").inner_text()]
        expect(line.locator(".token")).to_have_text(row["token"])
        text = line.locator(".list-text").inner_text().lstrip("…")
        assert text in (row["before"] + row["token"] + row["after"])
    # In the drawer with all of what is kept around it; the label is the next token.
    row = rows[lines.first.locator(".list-name").inner_text()]
    lines.first.click()
    expect(drawer(tab).locator(".detail-text .token")).to_have_text(row["token"])
    expect(drawer(tab).locator(".detail-text")).to_have_text(row["before"] + row["token"] + row["after"])


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ("many", 'token == " the"'),
        ("many", "position < 5"),
        ("many", '"Paris" in text'),
        ("many", "loss > 4 and not correct"),
        ("tags", '"Paris" in text and label == "place"'),
    ],
)
def test_subsets(places: str, logs: Path, open_tab: OpenTab, page: Page, run: str, text: str) -> None:
    def holds(row: dict[str, Any]) -> bool:
        found: bool = {
            'token == " the"': row["token"] == " the",
            "position < 5": row["position"] < 5,
            '"Paris" in text': "Paris" in row["text"],
            "loss > 4 and not correct": row["correct"] is False and row["loss"] > 4,
            '"Paris" in text and label == "place"': "Paris" in row["text"] and row["label"] == "place",
        }[text]
        return found

    snapshot = open_run(logs / run).latest
    rows = snapshot.instances.to_pylist()
    inside = np.array([holds(row) for row in rows])
    assert 0 < inside.sum() < len(rows)
    tab = opened(open_tab, places, run)
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill(text)
    expect(tab.get_by_text(f"{inside.sum()} of {len(rows)}")).to_be_visible()
    tab.get_by_role("button", name="Add as row").first.click()
    header = tab.get_by_role("grid").first.get_by_role("rowheader", name=f"{text}, n {inside.sum()}")
    expect(header).to_be_visible()
