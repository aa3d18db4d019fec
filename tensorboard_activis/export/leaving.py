"""Says what an export takes away from this machine, before it is made."""

from collections.abc import Iterator
from typing import Any

from tensorboard_activis.export.choice import Choice
from tensorboard_activis.export.withheld import Withheld
from tensorboard_activis.printable import visible

_OWN = ("id", "label", "prediction", "correct", "score", "loss", "label_score")
_CONTENTS = {
    "image": "{} images, as they were logged",
    "audio": "{} sounds, as they were logged",
    "text": "{} texts in full",
    "numbers": "{} instances as the numbers that the model got",
}
_ABSENT = {
    "image": "no images",
    "audio": "no sounds",
    "text": "no texts",
    "numbers": "none of the numbers that the model got",
}
#: Names listed of a kind.
_LISTED = 12


def leaving(choice: Choice, name: str, withheld: Withheld) -> Iterator[str]:
    """Lines for a person, the newest step standing for all: what is in the export, and what is not."""
    steps = list(choice.snapshots)
    snapshot = choice.snapshots[steps[-1]]
    count = f"{snapshot['sample_size'] + snapshot['pinned']:,}"
    yield f"This leaves the machine with the export of {visible(name)}:"
    yield (
        f"  the model's graph; {_some('step', steps, choice.all_steps)}; {_some('layer', choice.layers, choice.all_layers)}"
    )
    ids = f"{count} instances, by numbers," if withheld.ids else f"the ids of {count} instances,"
    yield f"  {ids} their labels, predictions, scores, losses, and their activations"
    if snapshot["class_names"]:
        yield f"  names of classes: {_names(snapshot['class_names'])}"
    subsets = [subset["name"] for subset in snapshot["subsets"] if subset["kind"] == "user"]
    if subsets:
        yield f"  names and expressions of your subsets: {_names(subsets)}"
    columns = [one["name"] for one in snapshot["columns"] if one["name"] not in (*_OWN, *withheld.columns)]
    if columns:
        yield f"  your columns: {_names(columns)}"
    kind = snapshot["content"]
    if kind is not None and withheld.content:
        yield f"  {_CONTENTS[kind].format(count)}"
    absent = [] if withheld.content or kind is None else [_ABSENT[kind]]
    if withheld.ids:
        absent.append("no ids, which are texts")
    if withheld.columns:
        absent.append(f"nothing of the columns {_names(sorted(withheld.columns))}")
    yield f"Not in it: {'; '.join([*absent, 'other runs, paths, names of this machine'])}."


def _some(noun: str, chosen: list[Any], count: int) -> str:
    if len(chosen) == count:
        return f"all {count} {noun}s" if count > 1 else f"{noun} {_names(chosen)}"
    return f"{noun}{'s' if len(chosen) > 1 else ''} {_names(chosen)} ({len(chosen)} of {count})"


def _names(names: list[Any]) -> str:
    shown = [visible(str(name)) for name in names[:_LISTED]]
    return ", ".join(shown) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
