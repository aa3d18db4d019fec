"""The widget: what is shown, as traits that the front end and Python share, and the messages between them."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tensorboard_activis.notebook.address import START, address_of, selection_of
from tensorboard_activis.notebook.answers import Answers
from tensorboard_activis.printable import visible

THEMES = ("auto", "light", "dark")
#: Pixels. Less shows no matrix.
LOWEST = 200


class ActiVisWidget(anywidget.AnyWidget):
    """The tab in a notebook; made by `show`.

    Attributes:
        height: pixels.
        theme: "auto", "light" or "dark".
        state: what is shown, the fragment of a link: follows the tab, and the tab follows it.
        selection: what is selected in the tab, see `selection_of`; follows the tab.
    """

    _esm = Path(__file__).with_name("widget.js")
    height = traitlets.Int(720, min=LOWEST).tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto").tag(sync=True)
    state = traitlets.Unicode(START).tag(sync=True)
    selection = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, answers: Answers, name: str, **traits: Any) -> None:
        self._answers, self._name = answers, name
        super().__init__(**traits)
        self.set_trait("selection", selection_of(self.state))
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        """What is seen where widgets are not shown, as in a notebook on a forge."""
        return f"ActiVis of {visible(self._name)}: run this cell to see it"

    @traitlets.validate("state")
    def _state_is_an_address(self, proposal: dict[str, Any]) -> str:
        return address_of(proposal["value"])

    @traitlets.observe("state")
    def _select(self, change: dict[str, Any]) -> None:
        self.set_trait("selection", selection_of(change["new"]))

    def _receive(self, _: object, content: object, __: object) -> None:
        self._answers.receive(content, self.send)
