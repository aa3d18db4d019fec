"""Makes the configurations of transformers' models tiny: widths, depths and vocabularies by the names that these have in them."""

import re
from dataclasses import dataclass
from typing import Any

import transformers


@dataclass(frozen=True)
class Sizes:
    """Sizes of a tiny model.

    Attributes:
        width: of the hidden states, and of the embeddings.
        inner: of the layers inside of a block.
        heads: of attention.
        labels: number of classes.
        words: in the vocabulary.
    """

    width: int = 16
    inner: int = 24
    heads: int = 2
    labels: int = 3
    words: int = 60


def _rules(sizes: Sizes) -> list[tuple[str, int]]:
    """Names of attributes, as regular expressions, and their values; the first that matches counts."""
    return [
        (
            r"(hidden|embed|embedding|projection|word_embed_proj|text_embed|n|emb|model|d)_?(sizes?|dims?|d|model|embd|embed)",
            sizes.width,
        ),
        (
            r"(encoder|decoder|attention|stage|encoder_hidden|neck_hidden)_(hidden_size|embed_dim|hidden_dim|sizes)|dim",
            sizes.width,
        ),
        (r"attention_dim|conv_channels|conv_dim", sizes.width),
        (
            r"(moe_|shared_expert_|expert_)?intermediate_size|\w*ffn_dim|d_ff|n_inner|d_inner|ffn_hidden_size|mlp_dim",
            sizes.inner,
        ),
        (
            r"(num_hidden|n|num|encoder|decoder|text|attn|num_encoder|num_decoder)_?layers?|num_blocks|num_encoder_blocks",
            2,
        ),
        (r"num_attention_heads|n_heads?|\w*_heads", sizes.heads),
        (r"(attention_)?head_(dim|size)|d_kv|d_head|dim_head", max(sizes.width // sizes.heads, 2)),
        (r"(text_|src_|tgt_)?vocab_size", sizes.words),
        (r"depths", 1),
        (r"image_size|input_size|img_size", 32),
        (r"(patch|tubelet)_size", 8),
        (
            r"num_(local_|routed_)?experts|n_routed_experts|moe_num_experts|num_conv_pos_embedding_groups|attention_window",
            4,
        ),
        (r"num_experts_per_tok(en)?|moe_k|moe_topk", 2),
        (r"max_position_embeddings|n_positions|max_length|max_(source|target)_positions|n_ctx", 64),
    ]


#: The tokens that a configuration names, by their ids.
_TOKENS = ("pad", "bos", "eos", "sep", "cls", "mask", "unk", "decoder_start", "forced_bos", "forced_eos")


def shrunk(kind: Any, sizes: Sizes, **own: Any) -> Any:
    """A configuration of a class with tiny sizes.

    Arguments:
        kind: the class.
        sizes: of the model.
        own: attributes that are given as they are; of a part's configuration as a dict under its name.
    """
    default = kind()
    given: dict[str, Any] = {}
    parts = getattr(kind, "sub_configs", None) or {}
    for name, part in parts.items():
        value = getattr(default, name, None)
        part = type(value) if isinstance(value, transformers.PreTrainedConfig) else part
        if part is transformers.AutoConfig:
            continue
        given[name] = shrunk(part, sizes, **own.pop(name, {})).to_dict()
    for name, value in vars(default).items():
        if name in own or name in parts or name.startswith("_"):
            continue
        if name.removesuffix("_token_id") in _TOKENS:
            tiny = _TOKENS.index(name.removesuffix("_token_id")) if type(value) is int else None
        else:
            tiny = next((_like(value, small) for rule, small in _rules(sizes) if re.fullmatch(rule, name)), None)
        if tiny is not None:
            given[name] = tiny
    return kind(**{**given, **own})


def _like(value: Any, small: int) -> Any:
    """A small value of the form of the default; None where that is neither a whole number nor a list of these."""
    if type(value) is int:
        return min(value, small) if small in (1, 2) else small
    if isinstance(value, (list, tuple)) and value and all(type(each) is int for each in value):
        return type(value)(small for _ in value)
    return None
