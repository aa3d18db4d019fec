"""Findings of runs as text, Markdown, HTML and JSON, each of which escapes names: anybody may have written the files."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape

from tensorboard_activis.printable import visible
from tensorboard_activis.query.findings.finding import EXACT, Finding, Findings, counted, shown_number


@dataclass(frozen=True, slots=True)
class RunReport:
    """The findings of one run.

    Attributes:
        run: its name below the log directory.
        step: the latest one, which was looked at with those before it.
        findings: what was found there.
        problems: what could not be read of the run, in words.
    """

    run: str
    step: int
    findings: Findings
    problems: tuple[str, ...] = ()


def shown_p(finding: Finding) -> str:
    """The p-value of a finding; without one "exact" or, where that is not so, "no p"."""
    if finding.p is None:
        return "exact" if finding.kind in EXACT else "no p"
    return f"p = {shown_number(finding.p)}"


def as_text(reports: Sequence[RunReport]) -> str:
    """For a terminal."""
    return "\n".join(map(visible, _text_lines(reports)))


def _text_lines(reports: Sequence[RunReport]) -> Iterator[str]:
    for report in reports:
        yield _heading(report)
        for one in report.findings.findings:
            yield f"  {one.kind}: {one.title} (since step {one.step}, {shown_p(one)})"
            yield f"      {one.sentence}"
            if one.subset:
                yield f"      {one.subset}"
        for note in (*report.findings.notes, *report.problems):
            yield f"  note: {note}"


def as_markdown(reports: Sequence[RunReport]) -> str:
    """For a pull request or a wiki: a table per run."""
    return "\n".join(_markdown_lines(reports))


def _markdown_lines(reports: Sequence[RunReport]) -> Iterator[str]:
    for report in reports:
        yield f"## {_cell(_heading(report))}\n"
        if report.findings.findings:
            yield "| kind | what was counted | since step | p |"
            yield "| --- | --- | --- | --- |"
        for one in report.findings.findings:
            yield f"| {one.kind} | **{_cell(one.title)}.** {_cell(one.sentence)} | {one.step} | {shown_p(one)} |"
        for note in (*report.findings.notes, *report.problems):
            yield f"\n> {_cell(note)}"
        yield ""


def _cell(text: str) -> str:
    """The same text where Markdown has no other meaning for its letters."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|~" else letter for letter in visible(text))


def as_html(reports: Sequence[RunReport]) -> str:
    """A page that stands by itself, light or dark as the reader has it."""
    return "\n".join(("<!doctype html>", *_html_lines(reports)))


_STYLE = """:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif }
body { max-width: 72em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4em .8em .4em 0; border-top: 1px solid #8884 }
th { font-weight: 500 } code { overflow-wrap: anywhere } .note { opacity: .75 }"""


def _html_lines(reports: Sequence[RunReport]) -> Iterator[str]:
    yield f'<html lang="en"><meta charset="utf-8"><title>Findings</title><style>{_STYLE}</style>'
    for report in reports:
        yield f"<h2>{_markup(_heading(report))}</h2>"
        if report.findings.findings:
            yield "<table><tr><th>kind<th>what was counted<th>since step<th>p"
        for one in report.findings.findings:
            subset = f"<br><code>{_markup(one.subset)}</code>" if one.subset else ""
            yield (
                f"<tr><td>{one.kind}<td><strong>{_markup(one.title)}.</strong> {_markup(one.sentence)}{subset}"
                f"<td>{one.step}<td>{shown_p(one)}"
            )
        if report.findings.findings:
            yield "</table>"
        for note in (*report.findings.notes, *report.problems):
            yield f'<p class="note">{_markup(note)}'
    yield "</html>"


def _markup(text: str) -> str:
    return escape(visible(text))


def as_json(reports: Sequence[RunReport]) -> str:
    """For programs: a list of runs, findings as the route `findings` has them."""
    listed = [
        {
            "run": report.run,
            "step": report.step,
            "findings": [asdict(one) for one in report.findings.findings],
            "notes": [*report.findings.notes, *report.problems],
        }
        for report in reports
    ]
    return json.dumps({"runs": listed}, indent=1, allow_nan=False)


def _heading(report: RunReport) -> str:
    number = len(report.findings.findings)
    return f"{report.run}, step {report.step}: {counted(number, 'finding') if number else 'no findings'}"


FORMATS: Mapping[str, Callable[[Sequence[RunReport]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "html": as_html,
    "json": as_json,
}
