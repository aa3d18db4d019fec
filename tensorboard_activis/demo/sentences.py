"""The texts of the demo: sentences of docstrings that installed packages ship, labelled by the package that they document.

Nothing is downloaded. Sentences that name one of the packages are left out, so that a model has to tell them by what they say.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from tensorboard_activis.demo.digits import SEED

#: By class: the modules whose documented functions and classes are read.
MODULES = {
    "Python": (
        "argparse asyncio calendar collections concurrent.futures configparser contextlib csv datetime decimal difflib "
        "email.message fractions functools glob gzip hashlib heapq http.client inspect ipaddress itertools json logging "
        "mailbox multiprocessing optparse os pathlib pickle queue random re sched shelve shutil smtplib socket sqlite3 "
        "ssl statistics string struct subprocess tarfile tempfile textwrap threading tokenize traceback typing unittest "
        "urllib.parse urllib.request uuid weakref xml.etree.ElementTree zipfile"
    ),
    "NumPy": (
        "numpy numpy.fft numpy.lib.npyio numpy.lib.stride_tricks numpy.linalg numpy.ma numpy.polynomial.polynomial "
        "numpy.polynomial.chebyshev numpy.random numpy.strings numpy.testing"
    ),
    "SciPy": (
        "scipy.cluster.hierarchy scipy.fft scipy.integrate scipy.interpolate scipy.io scipy.linalg scipy.ndimage "
        "scipy.optimize scipy.signal scipy.sparse scipy.sparse.linalg scipy.spatial scipy.spatial.distance scipy.special "
        "scipy.stats"
    ),
    "scikit-learn": (
        "sklearn.calibration sklearn.cluster sklearn.compose sklearn.covariance sklearn.datasets sklearn.decomposition "
        "sklearn.ensemble sklearn.feature_extraction.text sklearn.feature_selection sklearn.gaussian_process "
        "sklearn.impute sklearn.inspection sklearn.linear_model sklearn.manifold sklearn.metrics sklearn.mixture "
        "sklearn.model_selection sklearn.multiclass sklearn.naive_bayes sklearn.neighbors sklearn.pipeline "
        "sklearn.preprocessing sklearn.svm sklearn.tree"
    ),
    "PyTorch": (
        "torch torch.autograd torch.distributions torch.fft torch.fx torch.linalg torch.nn torch.nn.functional "
        "torch.nn.init torch.nn.utils torch.optim torch.optim.lr_scheduler torch.special torch.utils.checkpoint "
        "torch.utils.data"
    ),
}
CLASSES = tuple(MODULES)
#: Sentences of each class, of which so many are for evaluation; and words of a sentence.
PER_CLASS, EVALUATED = 800, 210
SHORTEST, LONGEST = 6, 48

_NAMES = re.compile(r"python|numpy|\bnp\b|scipy|scikit|sklearn|torch|\bSPARSE\b", re.IGNORECASE)
#: Lines that are no prose: headings, lists, prompts, directives, tables, and names of parameters.
_NO_PROSE = re.compile(r"^\s*([-=~*#.>|+`:]|\d+[.)]\s|\w+\s*:\s|\w+$|[A-Z][\w ]+$)")
_MARKUP = re.compile(r":\w+:`~?([^`<]*)[^`]*`|``?([^`]+)``?|\\[a-z]+|[{}$^_]")
WORD = re.compile(r"[A-Za-z_]+(?:'[a-z]+)?|\d+|[^\sA-Za-z_\d]")


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences as words, for training and for evaluation.

    Attributes:
        train, evaluation: the words of each sentence.
        train_labels, labels: int64 [sentences], index in `CLASSES`.
        ids: of the sentences for evaluation: the name of what they document, and which of its sentences they are.
        names: of what these document.
    """

    train: list[list[str]]
    train_labels: np.ndarray
    evaluation: list[list[str]]
    labels: np.ndarray
    ids: list[str]
    names: list[str]


def load_sentences() -> Sentences:
    """The sentences: as many of every class, the same ones every time with the same versions of the packages."""
    random = np.random.default_rng(SEED)
    train: list[tuple[int, list[str]]] = []
    evaluation: list[tuple[int, str, str, list[str]]] = []
    seen: set[str] = set()
    for label, modules in enumerate(MODULES.values()):
        found = []
        for name, docstring in documented(modules.split()):
            for number, sentence in enumerate(sentences(docstring)):
                if sentence not in seen:
                    seen.add(sentence)
                    found.append((f"{name}:{number}", name, WORD.findall(sentence)))
        chosen = [found[place] for place in random.permutation(len(found))[:PER_CLASS]]
        evaluated = min(EVALUATED, len(chosen) // 2)
        evaluation += [(label, *one) for one in chosen[:evaluated]]
        train += [(label, words) for _, _, words in chosen[evaluated:]]
    return Sentences(
        [words for _, words in train],
        np.array([label for label, _ in train], np.int64),
        [words for *_, words in evaluation],
        np.array([label for label, *_ in evaluation], np.int64),
        [identity for _, identity, _, _ in evaluation],
        [name for _, _, name, _ in evaluation],
    )


def documented(modules: list[str]) -> Iterator[tuple[str, str]]:
    """The public functions and classes of modules, and the methods of these: name and docstring, each docstring once."""
    seen: set[str] = set()
    for name in modules:
        try:
            module = importlib.import_module(name)
        except ImportError:  # of another version
            continue
        for path, thing in _public(module):
            docstring = inspect.getdoc(thing) if not isinstance(thing, ModuleType) else None
            if docstring and docstring not in seen:
                seen.add(docstring)
                yield path, docstring


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name in sorted(getattr(module, "__all__", None) or [each for each in vars(module) if not each.startswith("_")]):
        thing = vars(module).get(name)
        if not callable(thing):
            continue
        yield f"{module.__name__}.{name}", thing
        if isinstance(thing, type):
            for method, value in sorted(vars(thing).items()):
                if not method.startswith("_") and callable(value):
                    yield f"{module.__name__}.{name}.{method}", value


def sentences(docstring: str) -> list[str]:
    """The sentences of a docstring's prose, of `SHORTEST` to `LONGEST` words, without markup."""
    found = []
    for paragraph in re.split(r"\n\s*\n", docstring):
        lines = paragraph.splitlines()
        if any(_NO_PROSE.match(line) for line in lines) or any(line.startswith("  ") for line in lines[:1]):
            continue
        text = _MARKUP.sub(lambda match: match[1] or match[2] or " ", " ".join(line.strip() for line in lines))
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text):
            plain = " ".join(sentence.split())
            words = WORD.findall(plain)
            if SHORTEST <= len(words) <= LONGEST and plain.endswith(".") and not _NAMES.search(plain):
                found.append(plain)
    return found
