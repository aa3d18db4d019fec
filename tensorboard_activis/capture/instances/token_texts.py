"""Tokens as texts for a person to read, from a tokenizer's vocabulary or, without one, from their ids."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tensorboard_activis.capture.tasks.repeated import Repeated, objects
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.printable import printable


class TokenTexts:
    """Texts of token ids, without a tokenizer's own signs: "Ġthe" and "▁the" are " the", "##ing" is "ing".

    Arguments:
        tokenizer: one of Hugging Face's, or a processor that has one; None: tokens are shown by their ids.

    Raises:
        ConfigurationError: it is something else.
    """

    def __init__(self, tokenizer: Any = None) -> None:
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        if tokenizer is not None and not hasattr(tokenizer, "convert_ids_to_tokens"):
            raise ConfigurationError(
                f"tokenizer must be a tokenizer of Hugging Face, or a processor that has one; got a {type(tokenizer).__name__}."
            )
        self._tokenizer = tokenizer
        self._bytes = _byte_characters() if _is_byte_level(tokenizer) else None
        self._known: dict[int, tuple[str, bool]] = {}

    @property
    def are_known(self) -> bool:
        """Whether there is a tokenizer, so that texts are not ids."""
        return self._tokenizer is not None

    def of(self, ids: Sequence[int]) -> list[str]:
        """The text of each token, after the space that parts it from the token before; ids without a tokenizer have none."""
        space = "" if self._tokenizer is None else " "
        return [space + text if apart else text for text, apart in map(self._token, ids)]

    def repeated(self, ids: np.ndarray) -> tuple[Repeated, np.ndarray]:
        """Texts of int ids [positions], missing where these are negative; and which values stand apart, bool [values].

        A token that stands apart has a space before it in a text, which is not part of it.
        """
        values, index = np.unique(ids, return_inverse=True)
        negative = int(np.searchsorted(values, 0))
        tokens = [self._token(token) for token in values[negative:].tolist()]
        apart = np.array([apart for _, apart in tokens], bool)
        index = np.maximum(index.reshape(-1) - negative, -1)
        return Repeated(objects([text for text, _ in tokens]), index), apart

    def _token(self, token: int) -> tuple[str, bool]:
        if token not in self._known:
            self._known[token] = self._read(token)
        return self._known[token]

    def _read(self, token: int) -> tuple[str, bool]:
        text = None
        if self._tokenizer is not None:
            try:
                text = self._tokenizer.convert_ids_to_tokens(token)
            except (IndexError, KeyError, OverflowError):  # an id that is not in its vocabulary
                text = None
        if not isinstance(text, str):
            return str(token), True
        if self._bytes is not None:
            codes = [self._bytes.get(character) for character in text]
            if None not in codes:
                text = bytes(code for code in codes if code is not None).decode("utf-8", "replace")
            return printable(text), False
        if "▁" in text:
            return printable(text.replace("▁", " ")), False
        if text.startswith("##") and len(text) > 2:
            return printable(text[2:]), False
        return printable(text), _separates_words(self._tokenizer)


def _is_byte_level(tokenizer: Any) -> bool:
    """Whether the characters of tokens stand for bytes, as in GPT-2's vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return hasattr(tokenizer, "byte_decoder") or "ByteLevel" in str(getattr(backend, "decoder", None))


def _separates_words(tokenizer: Any) -> bool:
    """Whether tokens are words, or parts of them marked as such, so that a space belongs before the others."""
    decoder = str(getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None))
    return "Metaspace" not in decoder and "▁" not in decoder


@lru_cache(maxsize=1)
def _byte_characters() -> dict[str, int]:
    """The characters by which byte-level vocabularies write bytes: printable ones as they are, others from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [code for code in range(256) if code not in plain]
    return {chr(code): code for code in plain} | {chr(256 + place): code for place, code in enumerate(others)}


def decoder(tokenizer: Any) -> Callable[[Any], list[str] | None] | None:
    """A function that decodes the texts of a batch, unknown words as the tokenizer's sign for these; None without a tokenizer."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if not hasattr(tokenizer, "batch_decode"):
        return None
    hidden = _hidden_tokens(tokenizer)

    def texts(batch: Any) -> list[str] | None:
        ids = batch.get("input_ids") if hasattr(batch, "get") else None
        if ids is None or getattr(ids, "ndim", 0) != 2:
            return None
        mask = batch.get("attention_mask")
        whole = mask is None or tuple(mask.shape) != tuple(ids.shape)
        sequences = ids.tolist()
        if not whole:
            real = mask.tolist()
            sequences = [
                [token for token, one in zip(row, ones, strict=True) if one]
                for row, ones in zip(sequences, real, strict=True)
            ]
        shown = [[token for token in sequence if token not in hidden] for sequence in sequences]
        return list(tokenizer.batch_decode(shown))

    return texts


def _hidden_tokens(tokenizer: Any) -> set[int]:
    """Ids of special tokens that no text shows: all but that of unknown words, unless it has another meaning as well."""
    special = set(getattr(tokenizer, "all_special_ids", ()))
    named = getattr(tokenizer, "special_tokens_map", {})
    others = [str(token) for name, token in named.items() if name != "unk_token"]
    unknown = getattr(tokenizer, "unk_token_id", None)
    return special if str(named.get("unk_token")) in others else special - {unknown}
