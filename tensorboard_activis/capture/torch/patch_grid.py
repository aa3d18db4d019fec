"""How the tokens of a vision transformer lie in the image."""

import math
from collections.abc import Iterable

from torch import nn

from tensorboard_activis.capture.torch.graph.layer_outputs import Recording
from tensorboard_activis.capture.torch.positions import Grid

#: Tokens before the patches: a class token, one for distillation, registers.
_MOST_BEFORE = 8


def patch_grids(model: nn.Module, recording: Recording, layers: Iterable[str]) -> dict[str, Grid]:
    """The grids of those layers that have a token for each patch, by layer.

    Patches are made by a convolution whose stride is the size of its kernel. A layer [instances, tokens, neurons] has its grid when
    it has as many tokens as that has places, or up to 8 more, which come first and have no place in the image. There are none
    if the model has convolutions of several grids.
    """
    grids = {
        output.shape[2:]
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Conv3d)
        and tuple(module.kernel_size) == tuple(module.stride)
        and math.prod(module.kernel_size) > 1
        and (output := recording.outputs.get(name)) is not None
    }
    if len(grids) != 1:
        return {}
    (sizes,) = grids
    found = {}
    for name in layers:
        output = recording.outputs.get(name)
        if output is None or len(output.shape) != 3:
            continue
        before = output.shape[1] - math.prod(sizes)
        if 0 <= before <= _MOST_BEFORE and (output.axes.batch or 0) == 0 and output.axes.neuron_axis(3) == 2:
            found[name] = Grid(tuple(sizes), before)
    return found
