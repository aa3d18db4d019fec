"""What is measured of a layer during training, by the names in the files."""

from collections.abc import Mapping

#: Name -> as it is written in sentences. A log may have others.
MEASURES: Mapping[str, str] = {
    "update_ratio": "update ÷ weight",
    "gradient_norm": "gradient norm",
    "activation_rms": "root mean square of the activations",
    "activation_norm": "norm of the activations",
    "dead_share": "share of dead neurons",
    "kurtosis": "kurtosis of the activations",
    "expert_load": "share of tokens of the busiest expert",
}


def called(measure: str) -> str:
    """A measure as it is written in sentences."""
    return MEASURES.get(measure, measure)


def shown(value: float) -> str:
    """A value, three digits."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
