"""`show`: its arguments, its errors, and the widget's traits, without a notebook."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.records import small_data, write_run

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "anywidget":
            raise ModuleNotFoundError("No module named 'anywidget'", name=name)
sys.meta_path.insert(0, Missing())
sys.modules.pop("anywidget", None)
try:
    import tensorboard_activis.notebook
except ImportError as error:
    assert str(error) == 'tensorboard_activis.notebook needs anywidget: pip install "tensorboard-activis[notebook]"', error
else:
    raise AssertionError("it was imported")
"""


def test_without_anywidget_the_extra_is_named() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)


@pytest.fixture(scope="module")
def show() -> Any:
    pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")
    from tensorboard_activis.notebook import show

    return show


def test_a_run_and_a_directory_of_runs_are_shown(show: Any, logdir: Path) -> None:
    for log_dir in (logdir, logdir / "run1", str(logdir)):
        widget = show(log_dir)
        assert (widget.height, widget.theme, widget.state) == (720, "auto", "#activis")
        assert widget.comm is not None
        bundle, _ = widget._repr_mimebundle_()
        assert bundle["text/plain"] == f"ActiVis of {log_dir}: run this cell to see it"
        assert "application/vnd.jupyter.widget-view+json" in bundle
    assert show(logdir)._answers is show(str(logdir))._answers  # one reader of a log directory


def test_what_is_shared_with_a_page_is_small(show: Any, logdir: Path) -> None:
    """A notebook that is saved with its widgets does not hold the tab."""
    state = show(logdir).get_state()
    assert "render" in state["_esm"]
    assert sum(len(str(value)) for value in state.values()) < 20_000
    assert str(logdir) not in str(state)


def test_selection_follows_the_state_and_the_state_can_be_set(show: Any, logdir: Path) -> None:
    chosen = {"expression": "not correct", "selection": {"kind": "neuron", "layer": "fc1", "neuron": 1}}
    widget = show(logdir, height=500, theme="dark", state=chosen)
    assert (widget.height, widget.theme) == (500, "dark")
    assert (widget.selection["layer"], widget.selection["neuron"]) == ("fc1", 1)
    assert widget.selection["expression"] == "not correct"
    seen: list[dict] = []
    widget.observe(lambda change: seen.append(change["new"]), "selection")
    # As the page says it: a click on a row of the matrix.
    widget.set_state({"state": "#activis&p.activis.rows=%5B%5B%22s%22%2C%22wrong%22%5D%5D"})
    assert [one["rows"] for one in seen] == [["wrong"]]
    assert widget.selection["neuron"] is None
    widget.state = "http://localhost:6006/#activis&p.activis.step=5"
    assert widget.state == "#activis&p.activis.step=5"
    assert widget.selection["step"] == 5


def test_messages_are_answered(show: Any, logdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    widget, answered, sent = show(logdir), threading.Event(), []

    def send(message: dict, buffers: list[bytes]) -> None:
        sent.append((message, buffers))
        if "status" in message:
            answered.set()

    monkeypatch.setattr(widget, "send", send)
    widget._handle_custom_msg({"id": "1", "route": "runs"}, [])
    assert answered.wait(60)
    assert [message.get("status") for message, _ in sent] == [None, 200]
    assert b'"run1"' in sent[1][1][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 100}, "height must be a number of pixels, 200 or more; got 100"),
        ({"height": "720px"}, "height must be a number of pixels, 200 or more; got '720px'"),
        ({"theme": "blue"}, "theme must be one of 'auto', 'light', 'dark'; got 'blue'"),
        ({"theme": ["dark"]}, "theme must be one of 'auto', 'light', 'dark'; got ['dark']"),
        ({"state": {"layer": "fc1"}}, "state has no field 'layer'"),
    ],
)
def test_wrong_arguments_are_refused(show: Any, logdir: Path, arguments: dict, message: str) -> None:
    from tensorboard_activis.errors import ConfigurationError

    with pytest.raises(ConfigurationError) as error:
        show(logdir, **arguments)
    assert message in str(error.value)


def test_a_change_of_the_working_directory_changes_nothing(
    show: Any, logdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(logdir)
    widget = show("run1")
    write_run(tmp_path / "run1", small_data(), (6,))
    monkeypatch.chdir(tmp_path)
    assert show("run1")._answers is not widget._answers
    assert show(logdir / "run1")._answers is widget._answers


def test_no_run_there_is_said(show: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard_activis.errors import NotFoundError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "activis").mkdir(parents=True)
    (tmp_path / "file").touch()
    for log_dir, message in [
        ("missing", f"There is no directory 'missing' (below '{tmp_path}')"),
        ("file", f"There is no directory 'file' (below '{tmp_path}')"),
        ("empty", f"'empty' holds no activations (below '{tmp_path}')"),
        (tmp_path / "empty", f"'{tmp_path}/empty' holds no activations:"),
    ]:
        with pytest.raises(NotFoundError) as error:
            show(log_dir)
        assert message in str(error.value)
        assert "call show again once it is written" in str(error.value)
    write_run(tmp_path / "empty", small_data(), (5,))  # training has begun
    assert "empty" in repr(show("empty"))


def test_the_guide_runs(show: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs/notebook.md").read_text()
    write_run(tmp_path / "logs/run1", small_data(), (5,))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.S):
        exec(code, names)
    assert names["widget"].selection["step"] == 240
    assert names["mask"].sum() == 2
    keys = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", guide.partition("| key |")[2], re.M)))
    assert set(keys) == set(names["widget"].selection)
