"""What names a router of a mixture of experts, whatever the framework: the layer that says to which experts a token goes."""

_NAMES = ("gate", "router", "wg", "gating", "switch")
#: Attributes that say how many experts a token goes to.
COUNTS = ("top_k", "num_experts_per_tok", "num_selected_experts", "k")


def is_named_router(name: str, type_name: str) -> bool:
    """Whether a layer of this name and type may be one."""
    return name.lower() in _NAMES or "router" in name.lower() or "router" in type_name.lower()


def expert_count(*owners: object) -> int:
    """How many experts the first says that knows; 0 where none does."""
    return next((count for each in owners if (count := whole(each, "num_experts"))), 0)


def whole(owner: object, attribute: str) -> int:
    """An attribute that is a positive whole number; 0 where it is none."""
    value = getattr(owner, attribute, None)
    return value if type(value) is int and value > 0 else 0
