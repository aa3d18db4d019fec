"""Tiny models of transformers with random weights, and data of their kind."""

import inspect
from typing import Any

import torch
import transformers

from tests.zoo.comparison import Specimen
from tests.zoo.tiny_configs import Sizes, shrunk
from tests.zoo.transformers_names import OWN, lost


def specimen(name: str, sizes: Sizes, instances: int, length: int, *, padded: bool) -> Specimen:
    """A model, and data that it takes.

    Arguments:
        name: of the class of the model.
        sizes: of the model.
        instances: how many.
        length: of the texts.
        padded: whether the texts have different lengths.
    """
    torch.manual_seed(0)
    head = getattr(transformers, name)
    kind = head.config_class
    config = shrunk(kind, sizes, **OWN.get(kind.model_type, {}))
    config.num_labels = 2 if "QuestionAnswering" in name else sizes.labels
    for part in (config, config.get_text_config()):
        if getattr(part, "pad_token_id", None) is None:
            part.pad_token_id = 0
    model = head(config).eval()
    parameters = inspect.signature(model.forward).parameters
    reads = "input_ids" in parameters and not {"input_features", "input_values"} & set(parameters)
    looks = model.main_input_name == "pixel_values" or ("pixel_values" in parameters and name.endswith("Model"))
    inputs = texts(instances, length, sizes, padded=padded) if reads else {}
    if looks or not reads:
        inputs |= _signals(model, parameters, instances)
    if "decoder_input_ids" in parameters and not name.endswith("Classification"):
        inputs["decoder_input_ids"] = torch.randint(10, sizes.words, (instances, length - 1))
    inputs = {key: value for key, value in inputs.items() if key in parameters}
    classifies = name.endswith(
        ("SequenceClassification", "ImageClassification", "AudioClassification", "VideoClassification")
    )
    labels = torch.arange(instances) % sizes.labels if classifies else None
    return Specimen(model, inputs, labels, lost=lost(kind.model_type))


def texts(instances: int, length: int, sizes: Sizes, *, padded: bool) -> dict[str, torch.Tensor]:
    """Token ids, and a mask that is 0 in padding; each text ends in the token 2."""
    ids = torch.randint(10, sizes.words, (instances, length))
    lengths = torch.randint(3, length + 1, (instances,)) if padded else torch.full((instances,), length)
    lengths[0] = length
    mask = torch.arange(length) < lengths[:, None]
    ids = ids.masked_fill(~mask, 0)
    ids[torch.arange(instances), lengths - 1] = 2
    return {"input_ids": ids, "attention_mask": mask.long()}


def _signals(model: Any, parameters: Any, instances: int) -> dict[str, torch.Tensor]:
    """Images, films or sounds."""
    config: Any = model.config
    vision = getattr(config, "vision_config", None) or config
    size = getattr(vision, "image_size", 32) or 32
    height, width = (size, size) if isinstance(size, int) else size
    if "pixel_values_videos" in parameters or getattr(vision, "num_frames", None):
        name = "pixel_values_videos" if "pixel_values_videos" in parameters else "pixel_values"
        return {name: torch.randn(instances, vision.num_frames, 3, height, width)}
    if "pixel_values" in parameters:
        return {"pixel_values": torch.randn(instances, getattr(vision, "num_channels", 3), height, width)}
    if hasattr(config, "input_feat_per_channel"):
        return {"input_features": torch.randn(instances, 20, config.input_feat_per_channel)}
    if "input_features" in parameters:
        bins: int = getattr(config, "num_mel_bins", 0) or getattr(config, "feature_projection_input_dim", 80)
        frames: int = 2 * getattr(config, "max_source_positions", 0)
        if frames:
            return {"input_features": torch.randn(instances, bins, frames)}
        return {"input_features": torch.randn(instances, 12, bins)}
    if getattr(config, "max_length", None) and hasattr(config, "num_mel_bins"):
        return {"input_values": torch.randn(instances, config.max_length, config.num_mel_bins)}
    return {"input_values": torch.randn(instances, 1300)}
