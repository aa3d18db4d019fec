"""The entry point that TensorBoard imports at every start, so it imports as little as possible."""

import argparse
import logging
from typing import TYPE_CHECKING

from tensorboard.plugins import base_plugin

from tensorboard_activis.metadata import PLUGIN_NAME

if TYPE_CHECKING:
    from tensorboard_activis.serve.plugin import ActiVisPlugin


class ActiVisLoader(base_plugin.TBLoader):
    """Loads the plugin; the entry point of the group `tensorboard_plugins`."""

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Makes TensorBoard keep all steps of this plugin: by default its loaders keep ten. Called before data are read."""
        flags.samples_per_plugin = dict(flags.samples_per_plugin or {})
        flags.samples_per_plugin.setdefault(PLUGIN_NAME, 0)

    def load(self, context: base_plugin.TBContext) -> "ActiVisPlugin | None":
        """The plugin; None, with a line in TensorBoard's log, when something that it needs cannot be imported."""
        try:
            from tensorboard_activis.serve.plugin import ActiVisPlugin
        except ImportError as error:
            logging.getLogger(__name__).error("The ActiVis tab is off: %s. Install tensorboard-activis again.", error)
            return None
        return ActiVisPlugin(context)
