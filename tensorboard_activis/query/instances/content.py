"""The content of an instance: its image, audio, text or numbers."""

from typing import Literal, TypeAlias

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.instances.classes import check_instance
from tensorboard_activis.read.snapshot import SnapshotReader

ContentKind: TypeAlias = Literal["image", "audio", "text", "numbers"]
#: Columns that hold instances' content, not facts about them.
CONTENT: dict[str, ContentKind] = {"image": "image", "audio": "audio", "text": "text", "features": "numbers"}
#: The column of a sequence's tokens, one for each position.
TOKENS = "token_texts"

#: Of tokens that are instances: the texts before and after them, which with the token are their content.
AROUND = ("before", "after")


def describe_content(snapshot: SnapshotReader) -> tuple[ContentKind | None, bool]:
    """Kind of content ("image", "audio", "text", "numbers" or None), and whether images are strokes on an empty ground."""
    schema = snapshot.instances.schema
    names, ink = schema.names, (schema.metadata or {}).get(b"activis.ink") == b"1"
    if is_token_in_context(snapshot):
        return "text", ink
    return next((kind for column, kind in CONTENT.items() if column in names), None), ink


def is_token_in_context(snapshot: SnapshotReader) -> bool:
    """Whether instances are tokens, whose content is the text around them."""
    names = snapshot.instances.column_names
    return snapshot.record.unit == "position" and all(name in names for name in ("token", *AROUND))


def content(snapshot: SnapshotReader, index: int) -> tuple[ContentKind, bytes | str | list[float]]:
    """The kind and content of an instance: ("image", PNG bytes), ("audio", WAV bytes), ("text", str) or ("numbers", values).

    Raises NotFoundError.
    """
    check_instance(snapshot, index)
    table = snapshot.instances
    if is_token_in_context(snapshot):
        before, token, after = (table.column(name)[index].as_py() or "" for name in ("before", "token", "after"))
        return "text", f"{before}{token}{after}"
    for column, kind in CONTENT.items():
        if column in table.column_names:
            value = table.column(column)[index].as_py()
            if value is not None:
                return kind, value
    raise NotFoundError(
        f"The instance with the index {index} was kept without its content: only images, sounds, texts and numbers are kept."
    )
