"""Words of texts as conditions, and what is no word alone: signs, words with signs such as C++ or don't, pairs of letters of
scripts that are written without spaces.

Texts are split and searched in lower case by the functions of Arrow that expressions are evaluated with.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.expression import writing
from tensorboard_activis.query.limits import check_time

#: Words are conditions that are in at least this share of the texts and in at most that.
WORD_SHARES = (0.02, 0.5)
#: Letters of a word or a sign at most, and signs, words with signs and pairs of letters that are looked for, the most frequent.
_LONGEST, _MOST_PARTS = 100, 100
_LETTERS = r"\pL\pM\pN_"
#: Scripts that are written without spaces between words; pairs of their letters are what search engines look for.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{2}"
#: What stands around words and is not of them.
_AROUND = "\"'`.,;:!?…()[]{}<>«»‹›“”„‘’¿¡、。，；：！？「」（）"
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or another part, of a text column.

    Attributes:
        expression: that a text holds it, in the expression language.
        shown: the same for a sentence.
        members: which texts hold it, bool [instances].
    """

    expression: str
    shown: str
    members: np.ndarray


def words(name: str, column: pa.ChunkedArray, most: int) -> Iterator[Word]:
    """Words and other parts of texts, the most frequent first, of those in as many that are in equally many the longest.

    None where no text has several words.

    Arguments:
        name: of the column.
        column: of texts.
        most: words at most, and other parts.
    """
    lowered = [_lowered(block) for block in _blocks(column)]
    several, counts = False, Counter[str]()
    for block in lowered:
        check_time()
        split = pc.split_pattern_regex(block, f"[^{_LETTERS}]+")
        flat, owners = _flat(split)
        several = several or bool(flat.size and np.bincount(owners).max() > 1)
        counts.update(dict(zip(*_distinct(flat, owners), strict=True)))
    parts = _parts(lowered)
    if not several and not any(" " not in part for part in parts):
        return
    least, largest = (share * len(column) for share in WORD_SHARES)
    frequent = [word for word, count in counts.items() if least <= count <= largest and 0 < len(word) <= _LONGEST]
    frequent = sorted(frequent, key=lambda word: (-counts[word], -len(word), word))[:most]
    written = f"lower({writing.column(name)})"
    conditions = [
        (f"matches({written}, {writing.quoted(f'(^|[^{_LETTERS}]){word}($|[^{_LETTERS}])')})", word, members)
        for word, members in zip(frequent, _word_members(lowered, frequent), strict=True)
    ]
    for part in parts[:most]:
        check_time()
        members = np.concatenate([_bools(pc.match_substring(block, part)) for block in lowered])
        if least <= np.count_nonzero(members) <= largest:
            conditions.append((f"{writing.quoted(part)} in {written}", part, members))
    conditions.sort(key=lambda one: (-np.count_nonzero(one[2]), -len(one[1]), one[1]))
    for expression, word, members in conditions:
        yield Word(expression, f'"{word}" in {name}', members)


def _blocks(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    whole = column.cast(pa.string()).combine_chunks()
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    for start in range(0, len(whole), _BLOCK):
        yield whole.slice(start, _BLOCK)


def _lowered(block: pa.Array) -> pa.Array:
    check_time()
    return pc.utf8_lower(block)


def _flat(lists: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The texts of lists, none of them empty, and the place of the list that each is of."""
    flat, owners = pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy()
    filled = _bools(pc.greater(pc.binary_length(flat), 0))
    return flat.filter(pa.array(filled)).to_numpy(zero_copy_only=False), owners[filled]


def _distinct(flat: np.ndarray, owners: np.ndarray) -> tuple[list[str], list[int]]:
    """Different texts, and of how many owners each is."""
    if not flat.size:
        return [], []
    encoded = pa.array(flat, pa.string()).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    pairs = np.unique(owners.astype(np.int64) * len(names) + encoded.indices.to_numpy())
    return names, np.bincount(pairs % len(names), minlength=len(names)).tolist()


def _parts(lowered: Iterable[pa.Array]) -> list[str]:
    """Signs, words with signs, and pairs of letters of scripts without spaces: those in most texts, at most so many."""
    counts = Counter[str]()
    for block in lowered:
        check_time()
        chunks = _flat(pc.split_pattern_regex(block, r"\s+"))
        trimmed = pc.utf8_trim(pa.array(chunks[0], pa.string()), characters=_AROUND)
        mixed = _bools(pc.match_substring_regex(trimmed, f"[^{_LETTERS}]"))
        unspaced = _bools(pc.match_substring_regex(trimmed, _UNSPACED))
        signs = _flat(pc.split_pattern_regex(block, rf"[{_LETTERS}\s]+"))
        with_signs = trimmed.filter(pa.array(mixed & ~unspaced)).to_numpy(zero_copy_only=False)
        counts.update(dict(zip(*_distinct(*signs), strict=True)))
        counts.update(dict(zip(*_distinct(with_signs, chunks[1][mixed & ~unspaced]), strict=True)))
        for chunk, owner in zip(trimmed.filter(pa.array(unspaced)).to_pylist(), chunks[1][unspaced], strict=True):
            del owner
            counts.update({chunk[place : place + 2] for place in range(len(chunk) - 1)})
    frequent = [part for part, _ in counts.most_common(4 * _MOST_PARTS) if len(part) <= _LONGEST]
    return frequent[:_MOST_PARTS]


def _word_members(lowered: Iterable[pa.Array], chosen: list[str]) -> np.ndarray:
    """Which texts hold each of these words, bool [words, texts]."""
    members: list[np.ndarray] = []
    names = pa.array(chosen, pa.string())
    for block in lowered:
        check_time()
        flat, owners = _flat(pc.split_pattern_regex(block, f"[^{_LETTERS}]+"))
        codes = pc.index_in(pa.array(flat, pa.string()), names).fill_null(-1).to_numpy()
        inside = np.zeros((len(chosen), len(block)), bool)
        inside[codes[codes >= 0], owners[codes >= 0]] = True
        members.append(inside)
    return np.concatenate(members, axis=1) if members else np.zeros((len(chosen), 0), bool)


def _bools(values: pa.Array) -> np.ndarray:
    flags: np.ndarray = values.fill_null(False).to_numpy(zero_copy_only=False)
    return flags
