"""Every p says of how many it is, whatever the data: of candidates, sets, classes, or networks that were trained."""

import re
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.findings.finding import Finding, shown_number
from tests.query.findings import test_decodable, test_regions
from tests.query.findings.logged import log
from tests.query.neurons import test_concept

N, CLASSES = 400, 3
#: Right behind a p, or before the one that is a share of networks.
COUNT = r" over [1-9][\d,]* (candidates|sets|classes)\b"
NETWORKS = r"of [1-9][\d,]* plain networks [^;.]*, so that "


def without_count(sentence: str) -> list[str]:
    """The p values of a sentence that do not say of how many they are."""
    sentence = re.sub(rf"p = (1|\.\d+){COUNT}", "", sentence)
    sentence = re.sub(rf"{NETWORKS}p = (1|\.\d+)", "", sentence)
    return re.findall(r"\bp\b.{,12}", sentence)


def bad_data(where: Path) -> list[Finding]:
    """Errors gather at a site, in data of which much is missing, constant, of each instance, NaN or infinite."""
    random = np.random.default_rng(5)
    labels, site = random.integers(0, CLASSES, N), random.choice(list("ABCD"), N, p=[0.3, 0.3, 0.2, 0.2])
    wrong = random.random(N) < np.where(site == "D", 0.6, 0.05)
    logits = 5 * np.eye(CLASSES, dtype=np.float32)[np.where(wrong, (labels + 1) % CLASSES, labels)]
    stem = random.normal(size=(N, 8)) + 3
    stem[:, 2], stem[::7, 3], stem[:, 4] = np.nan, np.inf, 2
    columns: dict[str, list[str | None]] = {
        "site": [None if index % 11 == 0 else one for index, one in enumerate(site)],
        "missing": [None] * N,
        "same": ["x"] * N,
        "own": [f"i{index}" for index in range(N)],
    }
    return list(
        log(where, {1: {"stem/relu": stem, "head": logits}}, labels=labels, logits=logits, columns=columns).findings()
    )


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """What is found in bad data, in a layer that knows a column, where errors lie together, and along a shortcut."""
    where = tmp_path_factory.mktemp("p")
    decodable = test_decodable.run_of(where / "decodable", 1.0).findings()
    regions = test_regions.run_of(where / "regions", 0.6)[0].latest.findings()
    shortcut = test_concept.run_of(where / "shortcut")[0].findings()
    return [*bad_data(where / "bad"), *decodable, *regions, *shortcut]


def test_every_p_says_of_how_many_it_is(findings: list[Finding]) -> None:
    judged = [one for one in findings if one.p is not None]
    assert {one.kind for one in judged} >= {"failing-slice", "shortcut", "decodable", "error-region", "concept"}
    assert len(judged) < len(findings), "some, as neurons that are constant, are facts"
    for one in findings:
        assert without_count(one.sentence) == [], one.sentence
        said = re.findall(r"p = (1|\.\d+)", one.sentence)
        assert (shown_number(one.p) in said) if one.p is not None else not said, one.sentence


def test_a_p_without_its_count_would_be_found(findings: list[Finding]) -> None:
    for one in findings:
        if one.p is not None:
            bare = re.sub(rf"{COUNT}|{NETWORKS}", "", one.sentence)
            assert bare != one.sentence
            assert without_count(bare) != [], bare
