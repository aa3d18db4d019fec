"""Networks over sequences in which it is hard to tell instances, positions and neurons apart: x is [instances, length, width]."""

import torch
from torch import nn
from torch.nn import functional


class TimeFirst(nn.Module):
    """An LSTM over [positions, instances, features], as it is by default."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.lstm, self.head = nn.LSTM(width, width, num_layers=2), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.inner(x.transpose(0, 1)))[0][-1])


class Cells(nn.Module):
    """A GRU cell that is called once per position."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(width, width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(len(x), x.shape[2])
        for position in range(x.shape[1]):
            state = self.cell(x[:, position], state)
        return self.head(state)


class Packed(nn.Module):
    """Sequences sorted by length, packed, and put back."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(width, width, batch_first=True, bidirectional=True), nn.Linear(2 * width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lengths = 2 + (x[:, 0, 0] > 0).long()
        order = lengths.argsort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(x[order], lengths[order], batch_first=True)
        states = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]
        return self.head(states[order.argsort()][:, :2].mean(1))


class AttentionTimeFirst(nn.Module):
    """torch's encoder with its default order of axes."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 20)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x.permute(1, 0, 2)).mean(0))


class EncoderDecoder(nn.Module):
    """torch's Transformer, with learned queries."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 20, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.transformer = nn.Transformer(width, heads, 1, 1, 20, custom_encoder=encoder, batch_first=True)
        self.queries, self.head = nn.Parameter(torch.randn(4, width)), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.transformer(x, self.queries.expand(len(x), -1, -1)))


class Causal(nn.Module):
    """Dilated convolutions over time, gated as WaveNet's."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.steps = (1, 2)
        self.filters = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=step) for step in self.steps)
        self.skips, self.head = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(2)), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, total = x.transpose(1, 2), torch.zeros(())
        for step, conv, skip in zip(self.steps, self.filters, self.skips, strict=True):
            wave, gate = conv(functional.pad(x, (step, 0))).chunk(2, 1)
            inner = wave.tanh() * gate.sigmoid()
            total, x = total + skip(inner), x + inner
        return self.head(total.mean(2))


class Flow(nn.Module):
    """An ordinary differential equation, by Euler's steps."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.change = nn.Sequential(nn.Linear(width + 1, width), nn.Tanh())
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in range(4):
            time = torch.full((*x.shape[:2], 1), step / 4)
            x = x + self.change(torch.cat([x, time], -1)) / 4
        return self.head(x.mean(1))


class Spectra(nn.Module):
    """Fourier transforms over the positions, with complex weights."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(length // 2 + 1, width, dtype=torch.cfloat))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        filtered = torch.fft.irfft(torch.fft.rfft(x, dim=1) * self.weights, n=x.shape[1], dim=1)
        return self.head(self.norm(filtered).mean(1))


class Heads(nn.Module):
    """Attention whose heads are folded into the axis of the instances."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(width, 3 * width)
        self.norm, self.out, self.head = nn.LayerNorm(width // heads), nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        q, k, v = (
            each.reshape(n, length, self.heads, -1).transpose(1, 2).reshape(n * self.heads, length, -1)
            for each in self.qkv(x).chunk(3, -1)
        )
        mixed = self.norm(torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v))
        mixed = mixed.view(n, self.heads, length, -1).transpose(1, 2).reshape(n, length, width)
        return self.head(self.out(mixed).mean(1))


class Halting(nn.Module):
    """Runs until all instances have enough; in other batches more often than in the first."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.step, self.head = nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, total = x.mean(1), torch.zeros(len(x), 1)
        while bool((total < 1).any()):
            enough = (total >= 1).float()
            state = enough * state + (1 - enough) * self.step(state).tanh()
            total = total + 0.3
        return self.head(state)
