"""What the heads of an attention do at each position: the norm of their output, and where they look."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch

from tensorboard_activis.capture.torch.attention.calls import AttentionCall
from tensorboard_activis.capture.torch.model.thread_state import without_autocast

#: The most shares of attention that are computed at a time, on the CPU (they should fit into its cache) and on other devices.
_CHUNK, _DEVICE_CHUNK = 1 << 20, 1 << 25


@dataclass(frozen=True, eq=False)
class Heads:
    """An attention with axes that are known: [instances, heads, from, …].

    Attributes:
        output: [batch, heads, from, size]. The batch is the instances, or several windows of each.
        call: the attention. instances: in the batch of the pass.
    """

    output: torch.Tensor
    call: AttentionCall
    instances: int

    @classmethod
    def of(cls, call: AttentionCall, instances: int, heads: int | None = None) -> "Heads | None":
        """The heads of an attention; None if its first axis is not that of the instances.

        Arguments:
            instances: in the batch.
            heads: number of heads, where it is known.
        """
        output = call.output.detach()
        if not instances or output.shape[0] % instances:
            return None
        if output.dim() == 3:
            count = call.heads or heads or output.shape[0] // instances
            if output.shape[0] % count:
                return None
            output = output.reshape(-1, count, *output.shape[1:])
        elif heads is not None and output.shape[1] != heads and output.shape[1] * output.shape[2] == heads:
            # Of a single position, the heads that share a key come as positions.
            output = output.reshape(output.shape[0], heads, 1, output.shape[3])
        return cls(output, call, instances) if output.shape[0] % instances == 0 else None

    @property
    def count(self) -> int:
        """Number of heads."""
        return self.output.shape[1]

    @property
    def windows(self) -> int:
        """How many windows the sequence of an instance is cut into."""
        return self.output.shape[0] // self.instances

    def norms(self) -> torch.Tensor:
        """float32 [instances, heads, positions]: the L2 norm of what each head gives at each position."""
        return self._by_instance(torch.linalg.vector_norm(self.output, dim=-1, dtype=torch.float32))

    def looks(self, figures: Collection[str], mask: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Where the heads look from each position.

        Arguments:
            figures: "entropy" (bits) of the shares of attention; "first", "previous", "self": the share that goes to the first
                real position, to the real one before (0 where there is none) and to the same.
            mask: bool [instances, positions], False in padding.

        Returns:
            By figure float32 [instances, heads, positions].
        """
        batch, heads, rows, columns = self.sizes
        values = {name: self.output.new_empty((batch, heads, rows), dtype=torch.float32) for name in figures}
        targets = self._targets(figures, mask, rows, columns)
        for ours, positions, shares in self.shares():
            at = (ours, slice(None), positions)
            for name, target in targets.items():
                index, there = (each[ours] if each.shape[0] > 1 else each for each in target)
                index, there = (each[:, positions] if each.shape[1] > 1 else each for each in (index, there))
                wanted = index[:, None, :, None].expand(*shares.shape[:3], 1)
                values[name][at] = shares.gather(3, wanted)[..., 0].masked_fill_(~there[:, None], 0)
            if "entropy" in values:
                values["entropy"][at] = _entropy(shares)
        return {name: self._by_instance(each) for name, each in values.items()}

    def shares(self) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        """The shares of attention piece by piece: rows of the batch, positions, and float32 [batch, heads, from, to] of these."""
        batch, heads, rows, columns = self.sizes
        most = _CHUNK if self.output.device.type == "cpu" else _DEVICE_CHUNK
        at_once = max(1, most // (heads * columns))
        for start in range(0, batch, max(1, at_once // rows)):
            ours = slice(start, min(batch, start + max(1, at_once // rows)))
            for first in range(0, rows, at_once):
                positions = slice(first, min(rows, first + at_once))
                yield ours, positions, self._shares(ours, positions, heads, rows, columns)

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Numbers of rows of the batch, heads, positions that look, and positions that are looked at."""
        batch, heads, rows, _ = self.output.shape
        given = self.call.weights if self.call.weights is not None else self.call.key
        assert given is not None
        return batch, heads, rows, given.shape[-1] if given is self.call.weights else given.shape[-2]

    def _shares(self, ours: slice, positions: slice, heads: int, rows: int, columns: int) -> torch.Tensor:
        call, batch = self.call, self.output.shape[0]
        if call.weights is not None:
            return call.weights.detach().reshape(batch, heads, rows, columns)[ours, :, positions].float()
        assert call.query is not None
        assert call.key is not None
        query = call.query.detach().reshape(batch, heads, rows, -1)[ours, :, positions].float()
        key = call.key.detach()
        key = (key.reshape(batch, -1, columns, key.shape[-1]) if key.dim() == 3 else key)[ours].float()
        if key.shape[1] != heads:  # several heads share a key
            key = key.repeat_interleave(heads // key.shape[1], 1)
        query, key = query * call.scale, key.transpose(-1, -2).expand(query.shape[0], -1, -1, -1)
        scores = without_autocast(query.device.type, lambda: torch.matmul(query, key))
        if call.causal:
            from_ = torch.arange(rows, device=scores.device)[positions, None]
            scores.masked_fill_(from_ < torch.arange(columns, device=scores.device), -torch.inf)
        if call.mask is not None:
            mask = _part(call.mask.detach(), batch, heads, ours, positions)
            scores = scores.masked_fill_(~mask, -torch.inf) if mask.dtype == torch.bool else scores.add_(mask)
        return scores.softmax(-1)

    def _targets(
        self, figures: Collection[str], mask: torch.Tensor | None, rows: int, columns: int
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """By figure, for each position the one that the share is of, and whether there is one: [instances or 1, positions or 1]."""
        device = self.output.device
        real = None
        if mask is not None and self.windows == 1 and mask.shape[1] == columns:
            real = mask.to(device=device, dtype=torch.bool)
        positions = torch.arange(columns, device=device)
        # With keys of positions before these, as of a prompt, the rows are the last ones.
        own = torch.arange(columns - rows, columns, device=device).clamp(min=0)[None]
        everywhere = torch.ones((1, 1), dtype=torch.bool, device=device)
        targets = {}
        if "first" in figures:
            first = own.new_zeros((1, 1)) if real is None else real.int().argmax(1, keepdim=True)
            targets["first"] = first, everywhere
        if "self" in figures:
            targets["self"] = own, everywhere
        if "previous" in figures:
            if real is None:
                before = positions[None] - 1
            else:  # the last real position before
                last = torch.where(real, positions, -1).cummax(1).values
                before = torch.cat([last.new_full((len(last), 1), -1), last[:, :-1]], 1)
            before = before[:, own[0]]
            targets["previous"] = before.clamp(min=0), before >= 0
        return targets

    def _by_instance(self, values: torch.Tensor) -> torch.Tensor:
        """[batch, heads, positions] as [instances, heads, positions], the windows of an instance beside each other."""
        if self.windows == 1:
            return values
        heads, positions = values.shape[1:]
        parts = values.reshape(self.instances, self.windows, heads, positions).transpose(1, 2)
        return parts.reshape(self.instances, heads, self.windows * positions)


def _entropy(shares: torch.Tensor) -> torch.Tensor:
    """In bits, over the last axis."""
    return shares.clamp_min(1e-38).log2_().mul_(shares).sum(-1).neg_()


def _part(mask: torch.Tensor, batch: int, heads: int, ours: slice, positions: slice) -> torch.Tensor:
    """The part of a mask that is for these rows of the batch and positions; it broadcasts to [batch, heads, from, to]."""
    while mask.dim() < 4:
        # [batch * heads, from, to], or [from, to] for all.
        split = mask.dim() == 3 and mask.shape[0] == batch * heads > 1
        mask = mask.reshape(batch, heads, *mask.shape[1:]) if split else mask[None]
    mask = mask[ours] if mask.shape[0] > 1 else mask
    return mask[:, :, positions] if mask.shape[2] > 1 else mask
