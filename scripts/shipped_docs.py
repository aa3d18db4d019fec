"""Puts a built documentation site where the plugin serves it from: what the tab's help links to, in every wheel.

TensorBoard lets a page of a plugin run scripts that are files of its own server, and none that are written in the page: those
become files here. Source maps, sources and the inventory stay behind; the notices of the packages whose code is in the pages are
added.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
#: `tensorboard_activis.serve.static_files` serves these.
SHIPPED = ROOT / "tensorboard_activis" / "serve" / "docs"
NOTICES = "NOTICES.txt"
#: Packages whose code or styles are in the pages.
PACKAGES = ("accessible-pygments", "furo", "Pygments", "snowballstemmer", "Sphinx", "sphinx-basic-ng")
#: The most that the site may add to a wheel, in bytes compressed.
MOST_BYTES = 2_600_000

_KEPT = {".html", ".css", ".js", ".png", ".proto", ".svg", ".txt"}
_LEFT_OUT = {"_sources", ".doctrees"}
_SOURCE_MAP = re.compile(r"\n?(//|/\*)# sourceMappingURL=\S+( ?\*/)?")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
#: Without one a browser asks the server for /favicon.ico.
_NO_ICON = '<link rel="icon" href="data:,">'
_LICENCE = re.compile(r"(^|[/.])(LICEN[CS]E|COPYING)[^/]*$", re.IGNORECASE)
_RULE = f"\n{'-' * 80}\n\n"


def ship(site: Path, target: Path = SHIPPED) -> None:
    """Copies a site, replacing one that is there. Raises ValueError where something in it would not work."""
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(path for path in site.rglob("*") if path.is_file() and path.suffix in _KEPT):
        name = path.relative_to(site)
        if name.parts[0] in _LEFT_OUT:
            continue
        written = target / name
        written.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        if path.suffix in (".css", ".js"):
            content = _SOURCE_MAP.sub("", content.decode()).encode()
        if path.suffix == ".html":
            page = content.decode().replace("<head>", f"<head>{_NO_ICON}", 1)
            content = _with_script_files(page, name, target).encode()
        written.write_bytes(content)
    (target / NOTICES).write_text(notices(), encoding="utf-8")
    if faults := [*dead_links(target), *missing_places(target), *too_large(target)]:
        raise ValueError("The documentation cannot be shipped:\n" + "\n".join(faults))


def _with_script_files(page: str, name: Path, target: Path) -> str:
    """A page whose scripts are files."""

    def file(found: re.Match[str]) -> str:
        script = found[1].strip() + "\n"
        address = f"_static/page-{hashlib.sha256(script.encode()).hexdigest()[:8]}.js"
        (target / address).parent.mkdir(parents=True, exist_ok=True)
        (target / address).write_text(script, encoding="utf-8")
        return f'<script src="{"../" * (len(name.parts) - 1)}{address}"></script>'

    return _SCRIPT.sub(file, page)


def notices() -> str:
    """Name, version and licence text of every package of which something is in the pages, as in the tab's own NOTICES.txt."""
    texts = ["The files in this directory contain code of these packages.\n"]
    for name in PACKAGES:
        found = importlib.metadata.distribution(name)
        files = sorted(file for file in found.files or () if _LICENCE.search(file.as_posix()))
        if not files:
            raise ValueError(
                f"{name} has no licence file, and its code is in the documentation: add its notice by hand."
            )
        classified = re.search(r"OSI Approved :: (\w+)", " ".join(found.metadata.get_all("Classifier") or []))
        licence = found.metadata.json.get("license_expression") or found.metadata.json.get("license")
        licence = licence or (classified[1] if classified else "see below")
        own = "\n\n".join(Path(str(file.locate())).read_text(encoding="utf-8").strip() for file in files)
        texts.append(f"{name} {found.version} ({licence})\n\n{own}\n")
    return _RULE.join(texts)


def anchor(heading: str) -> str:
    """The address of a heading in its page, as docutils makes it and the tab does (`frontend/src/views/help/Docs.tsx`)."""
    return re.sub(r"^[-0-9]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", heading.lower()))


class _Page(HTMLParser):
    """What a page has and asks for.

    Attributes:
        ids: what `#…` may name.
        links: addresses that it leads to.
        loads: addresses of what the browser loads with it.
        inline: how often a script is written in the page.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.inline = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        self.ids |= {about["id"]} if "id" in about else set()
        self.inline += (tag == "script" and "src" not in about) + sum(name.startswith("on") for name in about)
        self.links += [about["href"]] if tag == "a" and "href" in about else []
        self.loads += [about[name] for name in ("src", "href") if tag != "a" and name in about]


def dead_links(target: Path) -> list[str]:
    """Links, scripts, styles and pictures of the pages that are not there, or that come from elsewhere; scripts in a page."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(target.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(target).as_posix()
        faults += [f"{name} has a script in the page"] * (page.inline > 0)
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if address == "data:,":
                continue
            if parts.scheme or parts.netloc:
                faults += [f"{name} loads {address} from elsewhere"] * (address in page.loads)
                continue
            there = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            known = there in pages and parts.fragment in (*pages[there].ids, "", "top")
            if not (known or (there not in pages and there.is_file())):
                faults.append(f"{name} leads to {address}, which is not there")
    return faults


def linked_from_the_tab() -> list[str]:
    """Addresses that the tab's help links to: a term is a heading of docs/terms.md, a view or a question names its page."""
    terms = re.findall(r"^## (.+)$", (ROOT / "docs" / "terms.md").read_text(encoding="utf-8"), re.M)
    keys = (ROOT / "frontend" / "src" / "views" / "help" / "keys.ts").read_text(encoding="utf-8")
    pages = re.findall(r'page: "([^"]+)"', keys)
    return ["index.html", "terms.html", *dict.fromkeys(pages), *(f"terms.html#{anchor(term)}" for term in terms)]


def missing_places(target: Path) -> list[str]:
    """What the tab links to and is not there."""
    faults = []
    for address in linked_from_the_tab():
        name, _, place = address.partition("#")
        path = target / name
        if not path.is_file() or (place and place not in _Page(path.read_text(encoding="utf-8")).ids):
            faults.append(f"The tab's help leads to {address}, which is not there")
    return faults


def too_large(target: Path) -> list[str]:
    """A fault when the site would make the wheel much larger."""
    files = sorted(path for path in target.rglob("*") if path.is_file())
    size = sum(len(zlib.compress(path.read_bytes())) for path in files)
    print(f"the documentation has {len(files)} files, {size / 1e6:.1f} MB compressed")
    return [f"{size} bytes compressed, where {MOST_BYTES} are the limit"] if size > MOST_BYTES else []
