"""The tokens of sequences, one per position: the user's words, or those of token ids."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.instances.contents import Tokens
from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.capture.instances.unfit_words import UnfitWords, without_padding


def sequence_tokens(
    positions: Mapping[str, BatchPositions],
    texts: Sequence[object] | None,
    ids: Callable[[int], Sequence[int]] | None,
    names: TokenTexts,
    mask: np.ndarray | None = None,
) -> tuple[Tokens | None, UnfitWords]:
    """A function of indices in a batch that returns the tokens of each instance.

    The words of `texts`, where these are lists as long as a sequence of the model; else the texts of the token ids.

    Arguments:
        positions: of the batch, by layer.
        texts: a string, or a list of words, per instance.
        ids: a function of an index that returns the token ids of an instance, without padding.
        names: gives the texts of token ids.
        mask: bool [instances, positions], False in padding: lists of words may have one for each position of it, too.

    Returns:
        The function, None where no layer has a sequence, or nothing is known of its tokens; an instance of which nothing is known
        has no tokens. And whose words are not one for each token, unless a tokenizer's texts take their place.
    """
    lengths = [each.lengths for each in positions.values() if each.is_sequence and each.lengths is not None]
    words = texts is not None and any(isinstance(text, (list, tuple)) for text in texts)
    if not lengths or not (words or ids is not None):
        return None, UnfitWords()

    def fitting(index: int) -> set[int]:
        return {int(each[index]) for each in lengths}

    def tokens(chosen: np.ndarray) -> list[list[str]]:
        return [_of_instance(int(index)) for index in chosen]

    def _of_instance(index: int) -> list[str]:
        text = None if texts is None else texts[index]
        if isinstance(text, (list, tuple)):
            real = without_padding(text, None if mask is None else mask[index])
            if len(real) in fitting(index):
                return [str(word) for word in real]
        found = [] if ids is None else names.of(ids(index))
        return found if len(found) in fitting(index) else []

    unfit = UnfitWords()
    if not (names.are_known and ids is not None):
        for index, text in enumerate(texts or ()):
            if isinstance(text, (list, tuple)):
                real = without_padding(text, None if mask is None else mask[index])
                unfit.add(index, len(real), fitting(index), "nothing" if ids is None else "their ids")
    return tokens, unfit
