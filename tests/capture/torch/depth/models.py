"""Tiny random models for prediction by depth, each with what plain hooks and its own modules give by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn

VOCABULARY, WIDTH, CLASSES, BLOCKS, LENGTH = 50, 16, 3, 3, 9
Head = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Encoder(nn.Module):
    """A transformer encoder of torch's own; `pool` says what its classifier is given."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=pool != "sequence first")
        self.embed, self.pool = nn.Embedding(VOCABULARY, WIDTH), pool
        self.encoder = nn.TransformerEncoder(layer, BLOCKS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.classify = nn.Linear(2 * WIDTH if pool == "concatenated" else WIDTH, CLASSES)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        embedded = self.embed(input_ids)
        if self.pool == "sequence first":
            hidden = self.encoder(embedded.transpose(0, 1), src_key_padding_mask=attention_mask == 0)
            return self.classify(hidden[0])
        hidden = self.encoder(embedded, src_key_padding_mask=attention_mask == 0)
        if self.pool == "mean":
            return self.classify(hidden.mean(dim=1))
        if self.pool == "concatenated":
            return self.classify(torch.cat([hidden[:, 0], embedded[:, 0]], dim=1))
        return self.classify(hidden[:, 0] if self.pool == "first" else hidden[:, -1])


class Residual(nn.Module):
    """Residual blocks over instances without tokens."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.add_(self.inner(x))  # in place: what a block gave is gone when the next has run

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(5, WIDTH)
        self.blocks = nn.ModuleList(self.Block() for _ in range(BLOCKS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).squeeze(-1)


@dataclass(frozen=True)
class Case:
    """A model and its head by hand.

    Attributes:
        make: the model.
        blocks: of the model.
        head: of a block's output [instances, tokens, neurons] and the attention mask: the logits.
        token: what is read.
        data: "texts", "pictures" or "numbers".
        next: whether it predicts tokens.
    """

    make: Callable[[], nn.Module]
    blocks: Callable[[Any], Any]
    head: Callable[[Any], Head]
    token: str
    data: str = "texts"
    next: bool = False


SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def gpt2(kind: str) -> Any:
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=WIDTH,
        n_layer=BLOCKS,
        n_head=2,
        n_positions=16,
        num_labels=CLASSES,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    return getattr(transformers, kind)(config)


def first(hidden: torch.Tensor) -> torch.Tensor:
    return hidden[:, 0]


def last(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return hidden[torch.arange(len(hidden)), mask.sum(dim=1) - 1]


CASES: dict[str, Case] = {
    "BERT": Case(
        lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES, num_labels=CLASSES)),
        lambda model: model.bert.encoder.layer,
        lambda model: lambda hidden, mask: model.classifier(model.bert.pooler(hidden)),
        "first",
    ),
    "ViT": Case(
        lambda: transformers.ViTForImageClassification(
            transformers.ViTConfig(
                **{name: size for name, size in SIZES.items() if name != "vocab_size"},
                image_size=8,
                patch_size=4,
                num_labels=CLASSES,
            )
        ),
        lambda model: model.vit.layers,
        lambda model: lambda hidden, mask: model.classifier(first(model.vit.layernorm(hidden))),
        "first",
        "pictures",
    ),
    "GPT-2 that classifies": Case(
        lambda: gpt2("GPT2ForSequenceClassification"),
        lambda model: model.transformer.h,
        lambda model: lambda hidden, mask: last(model.score(model.transformer.ln_f(hidden)), mask),
        "last",
    ),
    "GPT-2": Case(
        lambda: gpt2("GPT2LMHeadModel"),
        lambda model: model.transformer.h,
        lambda model: lambda hidden, mask: model.lm_head(model.transformer.ln_f(hidden)),
        "next",
        next=True,
    ),
    "Llama": Case(
        lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, num_key_value_heads=1)),
        lambda model: model.model.layers,
        lambda model: lambda hidden, mask: model.lm_head(model.model.norm(hidden)),
        "next",
        next=True,
    ),
    "nn.TransformerEncoder": Case(
        lambda: Encoder("first"),
        lambda model: model.encoder.layers,
        lambda model: lambda hidden, mask: model.classify(first(model.encoder.norm(hidden))),
        "first",
    ),
    "tokens first": Case(
        lambda: Encoder("sequence first"),
        lambda model: model.encoder.layers,
        lambda model: lambda hidden, mask: model.classify(model.encoder.norm(hidden)[0]),
        "first",
    ),
    "residual, two classes": Case(
        Residual,
        lambda model: model.blocks,
        lambda model: (
            lambda hidden, mask: torch.cat([torch.zeros(len(hidden), 1), model.head(model.norm(hidden))], dim=1)
        ),
        "",
        "numbers",
    ),
}
