"""Networks that are put together in ways that make it hard to tell instances, positions and neurons apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.zoo.sequence_models import (
    AttentionTimeFirst,
    Causal,
    Cells,
    EncoderDecoder,
    Flow,
    Halting,
    Heads,
    Packed,
    Spectra,
    TimeFirst,
)


class Towers(nn.Module):
    """Contrastive: the similarity of every instance to every other."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(width, 5), nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.left(x[:, 0]) @ self.right(x[:, 1]).T


class Vmapped(nn.Module):
    """Every instance by itself, through `torch.func.vmap`."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(width, width), nn.Linear(width, 3)
        self.scale = nn.Parameter(torch.randn(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = torch.func.vmap(lambda one: (one * self.scale).cumsum(0).tanh())(self.inner(x))
        return self.head(mixed.mean(1))


class Autoencoder(nn.Module):
    """A VAE, which gives what it rebuilds, and the mean and spread of the latent."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(width * length, 10), nn.ReLU())
        self.mean, self.spread = nn.Linear(10, 4), nn.Linear(10, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, width * length))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inner = self.encoder(x)
        mean, spread = self.mean(inner), self.spread(inner)
        return self.decoder(mean).view_as(x), mean, spread


class Squeezing(nn.Module):
    """Gives one number, without an axis for a batch of one."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(x).relu().mean(1)).squeeze()


class Named(nn.Module):
    """Gives a dict."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.age, self.sex = nn.Linear(width, 1), nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        inner = self.inner(x).mean(1)
        return {"age": self.age(inner).squeeze(-1), "sex": self.sex(inner)}


class Weights(nn.Module):
    """A network gives the weights of another, for each instance its own."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.weights, self.head = nn.Linear(width, width * 5), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.weights(x.mean(1)).view(len(x), x.shape[2], 5)
        return self.head(torch.bmm(x, weights).relu().amax(1))


class Shared(nn.Module):
    """One layer is called three times, and stands under two names."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.steps = nn.ModuleDict({"again": self.layer, "norm": nn.LayerNorm(width)})
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = x + self.steps["norm"](self.steps["again"](x)).tanh()
        return self.head(x.mean(1))


class Capsules(nn.Module):
    """Routing by agreement, in einsum."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.votes, self.norm = nn.Parameter(torch.randn(length, 3, width, 4)), nn.LayerNorm(4)
        self.inner = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        votes = torch.einsum("npw,pkwd->npkd", self.inner(x), self.votes)
        weights = torch.zeros(votes.shape[:3])
        for _ in range(2):
            out = self.norm(torch.einsum("npk,npkd->nkd", weights.softmax(2), votes))
            weights = weights + torch.einsum("npkd,nkd->npk", votes, out)
        return out.norm(dim=2)


class Points(nn.Module):
    """PointNet: the same for all points, a matrix for each cloud, the largest over the points."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.transform, self.first = nn.Linear(width, width * width), nn.Conv1d(width, width, 1)
        self.norm, self.head = nn.BatchNorm1d(width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrices = self.transform(x.amax(1)).view(len(x), x.shape[2], x.shape[2])
        points = torch.bmm(x, matrices).transpose(1, 2)
        return self.head(self.norm(self.first(points)).relu().amax(2))


class Warped(nn.Module):
    """A spatial transformer, on the sequence as an image of one channel."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.theta, self.conv = nn.Linear(width, 6), nn.Conv2d(1, width, 3, padding=1)
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grid = functional.affine_grid(
            self.theta(x.mean(1)).view(-1, 2, 3).tanh(), [len(x), 1, *x.shape[1:]], align_corners=False
        )
        return self.head(self.conv(functional.grid_sample(x[:, None], grid, align_corners=False)).mean((2, 3)))


class Pixels(nn.Module):
    """Channels become places, by pixel shuffling."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.conv, self.shuffle = nn.Conv2d(1, 4 * width, 3, padding=1), nn.PixelShuffle(2)
        self.out, self.back = nn.Conv2d(width, 1, 3, padding=1), nn.PixelUnshuffle(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.back(self.out(self.shuffle(self.conv(x[:, None])).relu())).mean(1)


class Experts(nn.Module):
    """The two experts that the router prefers, for each position."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.router, self.head = nn.Linear(width, 4), nn.Linear(width, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 9), nn.GELU(), nn.Linear(9, width)) for _ in range(4)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.reshape(-1, x.shape[2])
        weights, chosen = self.router(tokens).softmax(-1).topk(2)
        mixed = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            rows, place = torch.where(chosen == index)
            mixed.index_add_(0, rows, weights[rows, place, None] * expert(tokens[rows]))
        return self.head((tokens + mixed).view_as(x).mean(1))


class SortedExperts(nn.Module):
    """Tokens are sorted by their expert, and put back."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.router, self.head = nn.Linear(width, 4), nn.Linear(width, 3)
        self.weights, self.norm = nn.Parameter(torch.randn(4, width, width)), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(0, 1)
        expert, order = torch.sort(self.router(tokens).argmax(-1))
        sorted_tokens = torch.bmm(tokens[order][:, None], self.weights[expert])[:, 0]
        return self.head(self.norm(sorted_tokens[order.argsort()]).view_as(x).mean(1))


class LastAxis(nn.Module):
    """Instances are the last axis inside."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.weights, self.act = nn.Parameter(torch.randn(5, width)), nn.Tanh()
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.act(self.weights @ x.mean(1).T).T)


class Interactions(nn.Module):
    """DLRM: the products of all pairs of embeddings."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(10, width) for _ in range(3))
        self.dense, self.top = nn.Linear(width, width), nn.Linear(6 + width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dense = self.dense(x.mean(1))
        sparse = [table((x[:, 0, index] * 3).long().clamp(-4, 4) + 4) for index, table in enumerate(self.tables)]
        stacked = torch.stack([dense, *sparse], 1)
        rows, columns = torch.triu_indices(4, 4, 1)
        return self.top(torch.cat([dense, torch.bmm(stacked, stacked.mT)[:, rows, columns]], 1))


@dataclass
class Outputs:
    """What `Structured` gives."""

    states: torch.Tensor
    logits: torch.Tensor


class Structured(nn.Module):
    """Parts give dataclasses and dicts."""

    class Part(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Linear(width, width)

        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return {"states": self.inner(x), "length": x.shape[1], "none": None}

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.part, self.head = Structured.Part(width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> Outputs:
        states = self.part(x)["states"]
        return Outputs(states, self.head(states.mean(1)))


class Graphs(nn.Module):
    """Messages along the edges of a graph that all instances share, whose nodes are the positions."""

    edges: torch.Tensor

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.message, self.update, self.head = nn.Linear(width, width), nn.GRUCell(width, width), nn.Linear(width, 3)
        self.register_buffer("edges", torch.stack([torch.arange(length), torch.arange(length).roll(1)]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[2]
        incoming = torch.zeros_like(x).index_add(1, self.edges[1], self.message(x)[:, self.edges[0]])
        states = self.update(incoming.reshape(-1, width), x.reshape(-1, width)).view_as(x)
        return self.head(states.mean(1))


#: By name: functions of width, heads and length. All take x [instances, length, width].
ODD: dict[str, Callable[[int, int, int], nn.Module]] = {
    kind.__name__: kind
    for kind in (
        TimeFirst,
        Cells,
        Packed,
        AttentionTimeFirst,
        EncoderDecoder,
        Causal,
        Flow,
        Spectra,
        Heads,
        Halting,
        Towers,
        Vmapped,
        Autoencoder,
        Squeezing,
        Named,
        Weights,
        Shared,
        Capsules,
        Points,
        Warped,
        Pixels,
        Experts,
        SortedExperts,
        LastAxis,
        Interactions,
        Structured,
        Graphs,
    )
}

#: Modules that get rows in another order than that of the instances, or as many as all pairs of them.
LOST = {"Experts": r"experts\..*", "Packed": "gru"}
