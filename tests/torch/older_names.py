"""What layers of Hugging Face's models are called in Transformers 4, where version 5 calls them otherwise."""

import re

import transformers

#: Whether it is version 4 that is installed.
OLDER = int(transformers.__version__.partition(".")[0]) < 5

_GPT2 = [(r"transformer\.h\.\d+$", r"\g<0>[0]")]
#: By architecture: patterns of names in version 5, and what stands in version 4 in their place. There some blocks give tuples.
_NAMES = {
    "vit": [
        (r"vit\.layers\.", "vit.encoder.layer."),
        (r"attention/heads", "attention.attention/heads"),
        (r"mlp\.activation_fn", "intermediate.intermediate_act_fn"),
    ],
    "swin": [
        (r"attention/heads", "attention.self/heads"),
        (r"mlp\.activation_fn", "intermediate.intermediate_act_fn"),
    ],
    "gpt2": _GPT2,
    "gpt2 with a vocabulary of 9,000": _GPT2,
    "mixtral": [(r"mlp\.gate\[0\]", "block_sparse_moe.gate")],
    "t5": [(r"encoder\.embed_tokens", "shared"), (r"decoder\.embed_tokens", "shared@1")],
    "mbart": [(r"model\.decoder\.layers\.\d+$", r"\g<0>[0]")],
}
#: Version 4 computes both projections at the end.
_LATE = {"clip": "visual_projection"}


def installed_names(architecture: str, names: list[str]) -> list[str]:
    """Names of layers in version 5, as those of the installed version, in its order."""
    if not OLDER:
        return names
    for pattern, instead in _NAMES.get(architecture, []):
        names = [re.sub(pattern, instead, name) for name in names]
    if architecture in _LATE and (late := _LATE[architecture]) in names:
        names = [name for name in names if name != late]
        names.insert(len(names) - 1, late)
    return names
