"""The documents of this repository: their links, their headings as anchors, their code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: All that is written for people.
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md"])
_CODE = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)


def blocks(page: Path, language: str = "python") -> list[str]:
    """The code of a page in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def prose(text: str) -> str:
    """A text without its blocks of code, and without code in a line."""
    return re.sub(r"`[^`\n]*`", "``", _CODE.sub("", text))


def links(text: str) -> list[str]:
    """Targets of the links and pictures of a text that lead to no other site."""
    found = re.findall(r"\]\(([^()\s]+)\)", prose(text))
    return [target for target in found if "://" not in target and not target.startswith("mailto:")]


def anchors(text: str) -> set[str]:
    """What `#…` may name in a page: its headings as code hosts and Sphinx write them."""
    slugs: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        slugs.append(f"{slug}-{slugs.count(slug)}" if slug in slugs else slug)
    return set(slugs)
