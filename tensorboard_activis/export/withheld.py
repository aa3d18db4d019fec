"""Takes the contents of instances out of answers, for `--no-content`: no text, no picture, no sound, no input stays."""

import json
import re
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.questions import Answer
from tensorboard_activis.serve.encoding import encode_json, encode_safetensors

#: Columns that are content, whatever their type.
_CONTENT = frozenset({"text", "token", "before", "after", "token_texts"})
#: What answers about positions and heads call the tokens of a text.
_TOKENS = ("tokens", "row_tokens", "column_tokens")


class Withheld:
    """What is taken out of the answers about a run.

    Arguments:
        snapshots: the answers `snapshot` of the chosen steps.
        content: whether contents are exported; then nothing but findings about other layers is taken out.

    Raises:
        ActiVisError: without contents nothing would be left, because the labels are texts.
    """

    def __init__(self, snapshots: Collection[Mapping[str, Any]], content: bool) -> None:
        self.content = content
        if not content and any(one["unit"] == "position" and one["content"] == "text" for one in snapshots):
            raise ActiVisError(
                "the instances of this run are tokens, and their labels and predictions are texts: with --no-content nothing would "
                "be left to show. Export a run of whole instances, or leave --no-content out"
            )
        kinds = {column["name"]: column["type"] for one in snapshots for column in one["columns"]}
        texts = {name for name, kind in kinds.items() if kind == "text" and name != "id"}
        #: Names of the columns that are left out.
        self.columns: frozenset[str] = frozenset() if content else frozenset(texts | (_CONTENT & set(kinds)))
        #: Whether the instances are texts that are left out.
        self.texts = not content and any(one["content"] == "text" for one in snapshots)
        #: Whether an id is a text, which may tell what the instance is: each gets a number in its place, the same at every step.
        self.ids = not content and kinds.get("id") in ("text", "category")
        self._numbers: dict[str, str] = {}
        named = self.columns | ({"id"} if self.ids else set())
        self._expressions = {
            subset["expression"]: f"withheld({json.dumps(subset['name'], ensure_ascii=False)})"
            for one in snapshots
            for subset in one["subsets"]
            if subset["expression"] and re.search(_words(named), subset["expression"])
        }
        self._named = re.compile(_words(self.columns))

    def snapshot(self, snapshot: Mapping[str, Any]) -> dict[str, Any]:
        """The answer `snapshot`: instances have no content, and no columns that are."""
        if self.content:
            return dict(snapshot)
        subsets = [{**one, "expression": self.expression(one["expression"])} for one in snapshot["subsets"]]
        return {**snapshot, "content": None, "columns": self._kept(snapshot["columns"]), "subsets": subsets}

    def expression(self, expression: str) -> str:
        """That of a declared subset; one that says words of what is left out is another text in its place."""
        return self._expressions.get(expression, expression)

    def learn_ids(self, ids: Iterable[object]) -> None:
        """Gives a number to each id that is a text."""
        for one in ids:
            if self.ids and isinstance(one, str):
                self._numbers.setdefault(one, str(len(self._numbers)))

    def without_ids(self, answer: Answer) -> Answer:
        """Any answer, with numbers in the place of ids."""
        if not self._numbers:
            return answer
        if answer.content[:1] == b"{":
            return Answer(encode_json(self._numbered(answer.json)), answer.failed)
        try:
            arrays, about = load(answer.content), metadata_of(answer.content)
        except (ValueError, struct.error, SafetensorError):
            return answer  # neither JSON nor arrays: a picture or a sound
        if "id.bytes" in arrays:
            data, ends = arrays["id.bytes"].tobytes(), arrays["id.offsets"]
            known = [data[start:end].decode() for start, end in pairwise(ends.tolist())]
            parts = [self._numbers[one].encode() for one in known]
            arrays["id.bytes"] = np.frombuffer(b"".join(parts), np.uint8)
            arrays["id.offsets"] = np.cumsum([0, *map(len, parts)]).astype(ends.dtype)
        return Answer(encode_safetensors(arrays, self._numbered(about)))

    def _numbered(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self._numbers.get(one, one) if name == "id" and isinstance(one, str) else self._numbered(one)
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [self._numbered(one) for one in value]
        return value

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a table."""
        return [{name: value for name, value in row.items() if name not in self.columns} for row in rows]

    def findings(self, found: Mapping[str, Any], layers: Collection[str]) -> dict[str, Any]:
        """The answer `findings`, without those about layers that are not exported, or about columns that are left out.

        How many are missing is one of its notes.
        """
        here = [one for one in found["findings"] if one["layer"] is None or one["layer"] in layers]
        told = [one for one in here if not (one["subset"] and self._named.search(one["subset"]))]
        notes = list(found["notes"])
        for count, about in (
            (len(found["findings"]) - len(here), "layers"),
            (len(here) - len(told), "columns of texts"),
        ):
            if count:
                notes.append(f"Not in this export: {count} about {about} that it leaves out.")
        return {**found, "findings": told, "notes": notes}

    def answer(self, route: str, answer: Answer) -> Answer:
        """The answer of one of the routes `columns`, `column_statistics`, `facets`, `positions` and `attention`."""
        if self.content or answer.failed:
            return answer
        if route in ("column_statistics", "facets"):
            body = answer.json
            body["columns"] = [one for one in self._kept(body["columns"]) if not (self.ids and one["name"] == "id")]
            if "names" in body:
                body["names"] = [name for name in body["names"] if name not in self.columns]
            return Answer(encode_json(body))
        arrays, about = load(answer.content), metadata_of(answer.content)
        if route == "columns":
            arrays = {name: array for name, array in arrays.items() if name not in self.columns}
            known = about.get("categories", {})
            about["categories"] = {name: values for name, values in known.items() if name not in self.columns}
        elif self.texts:
            for name in _TOKENS:
                about.pop(name, None)
            if route == "positions":
                about["tokens"] = []
                about["strongest"] = [{**one, "tokens": None} for one in about["strongest"]]
        return Answer(encode_safetensors(arrays, about))

    def _kept(self, columns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [column for column in columns if column["name"] not in self.columns]


def _words(names: Collection[str]) -> str:
    """A pattern of any of these names as a word."""
    return "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)) or r"(?!)"


def metadata_of(content: bytes) -> dict[str, Any]:
    """What a safetensors answer says beside its arrays."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    about: dict[str, Any] = json.loads(header.get("__metadata__", {}).get("json", "{}"))
    return about
