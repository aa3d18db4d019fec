"""Texts that are shown are decoded without special tokens, but with the sign for unknown words."""

import importlib.util
from typing import Any

import pytest
import torch

if importlib.util.find_spec("transformers") is None:
    pytest.skip("needs transformers", allow_module_level=True)

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tensorboard_activis.capture.instances.token_texts import decoder


def words(**special: str) -> Any:
    """A tokenizer of whole words."""
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "is", "it")
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


BERT = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


@pytest.mark.parametrize(
    ("special", "shown"),
    [
        (BERT, ["what is [UNK]", "[UNK] [UNK]", "is"]),
        # Where the sign for unknown words ends texts as well, it is left out.
        ({"pad_token": "[PAD]", "unk_token": "[SEP]", "eos_token": "[SEP]", "cls_token": "[CLS]"}, None),
    ],
)
def test_unknown_words_stay_visible(special: dict[str, str], shown: list[str] | None) -> None:
    tokenizer = words(**special)
    batch = tokenizer(["what is xenon", "xenon argon", "is"], padding=True, return_tensors="pt")
    texts = decoder(tokenizer)
    assert texts is not None
    decoded = texts(dict(batch))
    if shown is None:
        assert decoded is not None
        assert not any("[SEP]" in text or "[CLS]" in text or "[PAD]" in text for text in decoded)
    else:
        assert decoded == shown


def test_what_is_padding_by_the_mask_is_left_out() -> None:
    tokenizer = words(**BERT)
    texts = decoder(tokenizer)
    assert texts is not None
    ids, mask = torch.tensor([[2, 5, 1, 3, 6, 7]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    assert texts({"input_ids": ids, "attention_mask": mask}) == ["what [UNK]"]
    assert texts({"input_ids": ids}) == ["what [UNK] is it"]
    assert texts({"pixel_values": ids}) is None
