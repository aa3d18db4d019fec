"""Tokens as people read them, whatever signs a vocabulary has."""

import numpy as np
import pytest

from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.errors import ConfigurationError


class Vocabulary:
    """A tokenizer that only knows its tokens."""

    def __init__(self, tokens: list[str], decoder: str = "") -> None:
        self.tokens = tokens
        self.backend_tokenizer = type("Backend", (), {"decoder": decoder})()

    def convert_ids_to_tokens(self, token: int) -> str:
        return self.tokens[token]


@pytest.mark.parametrize(
    ("tokens", "decoder", "texts"),
    [
        (["the", "\u0120the", "\u010a", "\u00c3\u00a9"], "ByteLevel()", ["the", " the", "\n", "\u00e9"]),
        (["\u2581the", "re", "<s>"], "Metaspace()", [" the", "re", "<s>"]),
        (["cap", "##ital", "##"], "WordPiece()", [" cap", "ital", " ##"]),
    ],
)
def test_signs_of_vocabularies(tokens: list[str], decoder: str, texts: list[str]) -> None:
    found = TokenTexts(Vocabulary(tokens, decoder)).of(range(len(tokens)))
    assert found == texts


def test_tokens_that_are_unknown_are_shown_by_their_ids() -> None:
    assert TokenTexts(Vocabulary(["a"])).of([0, 7]) == [" a", " 7"]
    column, apart = TokenTexts().repeated(np.array([5, -1, 5, 3]))
    assert column.array().tolist() == ["5", None, "5", "3"]
    assert apart.tolist() == [True, True]


def test_what_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="got a int"):
        TokenTexts(3)
