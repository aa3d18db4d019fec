"""A small transformer that classifies sentences, in PyTorch."""

import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis.demo.sentences import CLASSES, LONGEST

WIDTH, HEADS, BLOCKS = 192, 4, 4


class Attention(nn.Module):
    """Self-attention between all words of a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Shapes [batch, words, width] and bool [batch, words] -> [batch, words, width]."""
        batch, words, width = x.shape
        q, k, v = self.qkv(x).view(batch, words, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        result: torch.Tensor = self.out(mixed.transpose(1, 2).reshape(batch, words, width))
        return result


class Block(nn.Module):
    """Attention, then a network for each word; both are added to their input."""

    def __init__(self) -> None:
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(WIDTH), Attention()
        self.ln2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """As `Attention`."""
        x = x + self.dropout(self.attn(self.ln1(x), mask))
        result: torch.Tensor = x + self.dropout(self.mlp(self.ln2(x)))
        return result


class SentenceNet(nn.Module):
    """Numbers of words [batch, words] -> logits [batch, classes], read at the first token, which stands before the sentence."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LONGEST + 1, WIDTH)
        self.dropout = nn.Dropout(0.2)
        self.h = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.classify = nn.Linear(WIDTH, len(CLASSES))
        for embedding in (self.words, self.places):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """`attention_mask`: 1 where there is a word, 0 in padding."""
        x = self.dropout(self.words(input_ids) + self.places(torch.arange(input_ids.shape[1])))
        mask = attention_mask.bool()
        for block in self.h:
            x = block(x, mask)
        logits: torch.Tensor = self.classify(self.norm(x)[:, 0])
        return logits
