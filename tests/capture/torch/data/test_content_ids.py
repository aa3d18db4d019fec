"""Instance ids from a hash of the content."""

import torch

from tensorboard_activis.capture.torch.data.batch import Batch
from tensorboard_activis.capture.torch.data.content_ids import ContentIds


def batch(*args: torch.Tensor, mask: torch.Tensor | None = None) -> Batch:
    return Batch(args, {}, None, args[0].shape[0], mask)


def test_ids_follow_the_content_not_the_order() -> None:
    x, y = torch.randn(7, 5), torch.randn(7, 3)
    order = torch.randperm(7)
    plain = ContentIds().for_batch(batch(x, y))
    mixed = ContentIds().for_batch(batch(x[order], y[order]))
    assert [plain[index] for index in order] == mixed
    assert len(set(plain)) == 7
    assert ContentIds().for_batch(batch(x, torch.randn(7, 3))) != plain


def test_equal_content_is_numbered() -> None:
    ids = ContentIds()
    x = torch.ones(2, 3)
    first, second = ids.for_batch(batch(x))
    assert second == f"{first}-1"
    assert ids.for_batch(batch(x[:1])) == [f"{first}-2"]


def test_padding_does_not_count() -> None:
    short = torch.tensor([[4, 5, 0]])
    long = torch.tensor([[4, 5, 0, 0, 0]])
    masks = [(tokens > 0) for tokens in (short, long)]
    assert ContentIds().for_batch(batch(short, mask=masks[0])) == ContentIds().for_batch(batch(long, mask=masks[1]))


def test_half_precision() -> None:
    assert len(set(ContentIds().for_batch(batch(torch.randn(4, 3).bfloat16())))) == 4
