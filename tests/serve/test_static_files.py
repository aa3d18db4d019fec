"""Only the built front end's own files are served."""

from pathlib import Path

import pytest
from werkzeug import Request

from tensorboard_activis.serve import static_files
from tensorboard_activis.serve.static_files import static_file

#: Names that the build writes, some with a hash of what is in them.
BUILT = ["index.js", "graph.worker-DfU07yHO.js", "Table-_8d-L7E-.js", "styles.css", "assets/a.b_c-1.js"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "assets").mkdir(parents=True)
    for name in (*BUILT, "secret.py", ".hidden.js"):
        (root / name).write_text("x")
    (tmp_path / "outside.js").write_text("x")
    (tmp_path / "static-more").mkdir()
    (tmp_path / "static-more" / "outside.js").write_text("x")
    (root / "link.js").symlink_to(tmp_path / "outside.js")
    return root


@pytest.mark.parametrize("name", BUILT)
def test_built_files_are_served(root: Path, name: str) -> None:
    assert static_file(name, root) == root / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "assets",
        "assets/",
        "/index.js",
        "//index.js",
        "./index.js",
        "assets//a.b_c-1.js",
        "../outside.js",
        "assets/../index.js",
        "assets/../../outside.js",
        "../static-more/outside.js",
        "..\\outside.js",
        "%2e%2e/outside.js",
        "%2e%2e%2foutside.js",
        "..%2foutside.js",
        "..;/outside.js",
        "....//outside.js",
        "index.js\0",
        "index.js\0.png",
        "index.js/",
        "index.js ",
        "index.js\n",
        "index.js?x",
        "C:\\index.js",
        "C:/index.js",
        "file:///etc/passwd",
        "/etc/passwd",
        "~/index.js",
        "link.js",
        "secret.py",
        ".hidden.js",
        "missing.js",
        "ｉndex.js",
        "a" * 5000 + ".js",
        "a/" * 3000 + "b.js",
    ],
)
def test_nothing_else_is(root: Path, name: str) -> None:
    assert static_file(name, root) is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("index.js", "no-cache, must-revalidate"),
        ("graph.worker-DfU07yHO.js", "private, max-age=31536000"),
        ("Table-_8d-L7E-.js", "private, max-age=31536000"),
        ("styles.css", "no-cache, must-revalidate"),
    ],
)
def test_only_files_named_by_their_content_are_kept_by_the_browser(
    root: Path, name: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, "static_file", lambda name: static_file(name, root))
    response = static_files.static_response(Request({}), name)
    assert response is not None
    assert response.headers["Cache-Control"] == kept
