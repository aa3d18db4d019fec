"""Runs with planted faults for the list of findings: a slice that fails, neurons that die; and one without them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.query.findings.logged import log

N, CLASSES, STEPS = 400, 4, (10, 20, 30, 40)
#: Neurons of the first layer that are 0 from step 30 on.
DIED = (2, 5)


@dataclass(frozen=True)
class Planted:
    """What is true of a run: which instances are of site D, their labels, and which are wrong at the last step."""

    inside: np.ndarray
    labels: np.ndarray
    wrong: np.ndarray

    @property
    def expected(self) -> float:
        """Errors of site D at the error rates of its labels elsewhere."""
        rates = [self.wrong[~self.inside & (self.labels == c)].mean() for c in range(CLASSES)]
        return sum((self.inside & (self.labels == c)).sum() * rate for c, rate in enumerate(rates))


def planted(where: Path, share: float = 0.6) -> Planted:
    """From step 20 on `share` of the instances of site D are wrong, of the others one in twenty; at 0 nothing is planted,
    but a neuron of the head that is 0."""
    random = np.random.default_rng(5)
    labels = random.integers(0, CLASSES, N)
    site, device = random.choice(list("ABCD"), N, p=[0.3, 0.3, 0.2, 0.2]), random.choice(["x", "y"], N)
    wrong = random.random(N) < np.where(site == "D", max(share, 0.05), 0.05)
    early = random.random(N) < 0.5
    layers, logits = {}, {}
    for step in STEPS:
        errors = early if step == STEPS[0] else wrong
        logits[step] = 4 * np.eye(CLASSES, dtype=np.float32)[np.where(errors, (labels + 1) % CLASSES, labels)]
        stem = random.normal(size=(N, 8)) + (site == "D")[:, None] * np.linspace(0, 2, 8) + 3
        head = random.normal(size=(N, 6)) + np.eye(CLASSES, 6)[labels]
        if share and step >= 30:
            stem[:, DIED] = 0
        if not share:
            head[:, 4] = 0
        layers[step] = {"stem/relu": stem.astype(np.float32), "head": head.astype(np.float32)}
    columns = {"site": site.tolist(), "device": device.tolist()}
    log(where, layers, labels=labels, logits=logits, columns=columns, classes=CLASSES, sample=None)
    return Planted(site == "D", labels, wrong)


def nothing(where: Path) -> None:
    """Noise without labels, in which there is nothing to find."""
    random = np.random.default_rng(6)
    log(where, {step: {"head": random.normal(size=(60, 6)).astype(np.float32)} for step in (1, 2)})
