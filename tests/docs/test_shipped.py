"""What is put into the wheel of a built site: what runs under TensorBoard's rules, leads somewhere, and names whose code it is."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import shipped_docs
from scripts.shipped_docs import PACKAGES, anchor, linked_from_the_tab, notices, ship
from tests.docs.pages import DOCS, anchors


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small site that has all that the tab links to."""
    root = tmp_path / "site"
    places: dict[str, list[str]] = {}
    for address in linked_from_the_tab():
        name, _, place = address.partition("#")
        places.setdefault(name, []).append(place)
    for name, ids in places.items():
        depth = "../" * name.count("/")
        body = "".join(f'<h2 id="{place}">x</h2>' for place in ids if place)
        scripts = f'<script>\n  let theme = 1;\n</script><script src="{depth}_static/a.js?v=1"></script>'
        write(
            root / name, f'<html><head></head><body>{scripts}{body}<a href="{depth}index.html#top">x</a></body></html>'
        )
    write(root / "_static" / "a.js", "run();\n//# sourceMappingURL=a.js.map\n")
    write(root / "_static" / "a.css", "a { color: red }\n/*# sourceMappingURL=a.css.map*/")
    for name in ("_static/a.js.map", "_sources/index.md.txt", ".doctrees/index.doctree", "objects.inv", ".buildinfo"):
        write(root / name, "x")
    monkeypatch.setattr(shipped_docs, "notices", lambda: "notices")
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_scripts_become_files_and_what_no_reader_needs_stays_behind(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    write(target / "old.html", "of an earlier build")
    ship(site, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    pages = {address.partition("#")[0] for address in linked_from_the_tab()}
    (script,) = names - pages - {"_static/a.js", "_static/a.css", "NOTICES.txt"}
    assert (target / script).read_text() == "let theme = 1;\n"
    assert f'<script src="../{script}"></script>' in (target / "learn" / "matrix.html").read_text()
    assert f'<script src="{script}"></script>' in (target / "terms.html").read_text()
    assert (target / "_static" / "a.js").read_text() == "run();\n"
    assert (target / "_static" / "a.css").read_text() == "a { color: red }"
    before = {name: (target / name).read_bytes() for name in names}
    ship(site, target)
    assert {name: (target / name).read_bytes() for name in names} == before


def in_page(text: str, more: str) -> str:
    return text.replace("</body>", f"{more}</body>")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("index.html", lambda text: in_page(text, '<a href="gone.html">x</a>'), "index.html leads to gone.html"),
        ("index.html", lambda text: in_page(text, '<a href="terms.html#gone">x</a>'), "leads to terms.html#gone"),
        ("index.html", lambda text: in_page(text, '<img src="_images/gone.png">'), "leads to _images/gone.png"),
        (
            "index.html",
            lambda text: in_page(text, '<script src="https://cdn.example/x.js"></script>'),
            "from elsewhere",
        ),
        ("index.html", lambda text: in_page(text, '<img src="//cdn.example/x.png">'), "from elsewhere"),
        ("index.html", lambda text: in_page(text, '<script type="module">run()</script>'), "has a script in the page"),
        ("index.html", lambda text: in_page(text, '<b onclick="run()">x</b>'), "has a script in the page"),
        ("terms.html", lambda text: text.replace('id="auc"', 'id="acu"'), "leads to terms.html#auc"),
        ("learn/why_not.html", None, "leads to learn/why_not.html"),
    ],
)
def test_what_would_not_work_is_refused(
    site: Path, tmp_path: Path, name: str, change: Callable[[str], str] | None, said: str
) -> None:
    if change is None:
        (site / name).unlink()
    else:
        write(site / name, change((site / name).read_text()))
    with pytest.raises(ValueError, match=re.escape(said)):
        ship(site, tmp_path / "target")


def test_a_site_that_grew_too_large_is_refused(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_docs, "MOST_BYTES", 1_000)
    with pytest.raises(ValueError, match="where 1000 are the limit"):
        ship(site, tmp_path / "target")


HEADINGS = re.findall(r"^## (.+)$", (DOCS / "terms.md").read_text(), re.M)


def test_every_term_has_an_address_of_its_own() -> None:
    """Which code hosts may write otherwise. What docutils would drop inside a word, and we turn into a hyphen, is in no heading."""
    addresses = [anchor(heading) for heading in HEADINGS]
    assert len(set(addresses)) == len(addresses) == len(anchors((DOCS / "terms.md").read_text())) - 1
    plain = [unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode() for heading in HEADINGS]
    assert [anchor(heading) for heading in plain] == addresses


def test_anchors_are_those_of_docutils() -> None:
    nodes = pytest.importorskip("docutils.nodes", reason="make docs has it")
    for heading in [*HEADINGS, "0–1 over the rows", "1 − CKA", "mean ÷ layer's largest", "Training health"]:
        assert anchor(heading) == nodes.make_id(heading)


def test_every_package_in_the_pages_is_named_with_its_licence() -> None:
    pytest.importorskip("furo", reason="make docs has it")
    _, *parts = notices().split("\n" + "-" * 80 + "\n\n")
    heads = [re.fullmatch(r"(\S+) \d[\w.]* \((MIT|BSD-[23]-Clause)\)", part.partition("\n")[0]) for part in parts]
    assert [head and head[1] for head in heads] == list(PACKAGES)
    for part in parts:
        assert re.search(r"Copyright|©|\(c\)", part)
        assert re.search(r"WITHOUT WARRANTY OF ANY KIND|PROVIDED BY THE COPYRIGHT HOLDERS", part)
    assert "gumshoe" in notices()
