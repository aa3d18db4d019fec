"""What is generated from the dataclasses of answers: types for the front end, tables for the documentation."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from contract import markdown, records, types, typescript

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def contract() -> records.Contract:
    return records.read()


def test_the_tables_of_the_documentation_are_those_of_the_dataclasses(contract: records.Contract) -> None:
    text = markdown.DOCUMENT.read_text(encoding="utf-8")
    assert markdown.filled(text, contract) == text, "docs/http_api.md is out of date: python -m contract.markdown"
    assert markdown.undocumented(text, contract) == []


def test_a_change_of_a_field_is_noticed(contract: records.Contract) -> None:
    text = markdown.DOCUMENT.read_text(encoding="utf-8")
    where = contract.records["Where"]
    field = records.Field("more", ast.Name("int"), "Something new.")
    changed = records.Record(where.name, where.text, where.bases, (*where.fields, field))
    other = records.Contract(contract.records | {"Where": changed}, contract.aliases)
    assert "| `more` | integer | Something new. |" in markdown.filled(text, other)
    assert "more: number;" in typescript.source(other)


def test_generating_needs_nothing_but_the_source() -> None:
    """A build runs without numpy and pyarrow."""
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(['numpy', 'pyarrow', 'tensorboard', 'tensorboard_activis'])\n"
        "from contract import records, typescript\n"
        "assert 'export interface NeuronDetail' in typescript.source(records.read())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("MaybeNaN", "number | null"),
        ("Records[Row] | None", "Row[] | null"),
        ("tuple[int | None, ...]", "(number | null)[]"),
        ("tuple[float, float]", "[number, number]"),
        ("Mapping[str, tuple[str, ...]]", "Record<string, string[]>"),
        ("Int64Array | module.TextIds", "Float64Array | TextIds"),
        ("Literal['a', 'b']", '"a" | "b"'),
    ],
)
def test_types(python: str, expected: str) -> None:
    assert types.typescript(ast.parse(python, mode="eval").body) == expected


def test_what_is_no_type_of_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set\[…\] is nothing that answers are made of"):
        types.typescript(ast.parse("set[str]", mode="eval").body)
