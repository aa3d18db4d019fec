"""The whole pattern of an attention, for pinned instances: from each position to each."""

import torch

from tensorboard_activis.capture.instances.patterns import MOST_POSITIONS, Patterns
from tensorboard_activis.capture.torch.attention.figures import Heads


def attention_patterns(heads: Heads, mask: torch.Tensor | None) -> Patterns:
    """The shares of attention of each instance over its real positions.

    Arguments:
        heads: of an attention whose batch is the instances.
        mask: bool [instances, positions], False in padding.

    Returns:
        NaN behind an instance's positions. Of more than 256 positions, some beside each other are one: the mean of those that
        look, the sum of those that are looked at.
    """
    batch, count, rows, columns = heads.sizes
    whole = torch.ones((batch, 1), dtype=torch.bool)
    real = None if mask is None else mask.cpu()
    froms = real if real is not None and real.shape[1] == rows else whole.expand(-1, rows)
    tos = real if real is not None and real.shape[1] == columns else whole.expand(-1, columns)
    (row_bins, row_sizes), (column_bins, column_sizes) = _bins(froms), _bins(tos)
    height, width = (int(bins.max()) + 1 if bins.numel() else 0 for bins in (row_bins, column_bins))
    sums = torch.zeros((batch, count, height + 1, width + 1))
    for ours, positions, shares in heads.shares():
        device = shares.device
        for place, index in enumerate(range(ours.start, ours.stop)):
            # The last row and column take what is padding.
            to = column_bins[index].to(device)
            across = shares.new_zeros((count, shares.shape[2], width + 1)).index_add_(
                2, torch.where(to < 0, width, to), shares[place]
            )
            at = row_bins[index, positions]
            sums[index].index_add_(1, torch.where(at < 0, height, at), across.cpu())
    sizes = torch.stack([torch.bincount(row[row >= 0], minlength=height) for row in row_bins])
    patterns = sums[:, :, :height, :width] / sizes[:, None, :, None]
    ends = torch.arange(width) > column_bins.amax(1, keepdim=True)
    kept = patterns.masked_fill(ends[:, None, None], torch.nan).to(torch.float16).numpy()
    return Patterns(kept, torch.cat([row_sizes, column_sizes], 1).to(torch.int32).numpy())


def _bins(real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which row or column of the pattern each position belongs to, -1 for padding; and of how many positions they are."""
    counts = real.sum(1, keepdim=True)
    together = torch.clamp((counts + MOST_POSITIONS - 1) // MOST_POSITIONS, min=1)
    return torch.where(real, (real.cumsum(1) - 1) // together, -1), together
