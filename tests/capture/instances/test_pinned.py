"""Arrays of the sample followed by those of the pinned instances; what these lack is missing."""

import numpy as np

from tensorboard_activis.capture.instances.pinned import longest, padded, with_pinned


def test_what_a_pinned_does_not_have_is_missing() -> None:
    sample = {
        "id": np.array([7, 5, 3]),
        "label": np.array([1, 0, 2]),
        "column/correct": np.array([1, 0, 1], np.uint8),
        "column/loss": np.array([0.5, 1, 2], np.float32),
        "user/whole": np.array([1, 2, 3]),
        "user/yes": np.array([True, False, True]),
        "image": np.array([b"a", b"b", b"c"], object),
        "features": np.zeros((3, 2), np.float32),
    }
    pinned = [{"label": np.array([2, 1])}, {"label": np.array([0]), "user/whole": np.array([9])}]
    arrays = with_pinned(sample, [batch | {"column/loss": np.zeros(len(batch["label"]))} for batch in pinned], 3, 3)
    assert arrays["id"].tolist() == [7, 5, 3, -1, -2, -3]
    assert arrays["pinned"].tolist() == [False] * 3 + [True] * 3
    assert arrays["label"].tolist() == [1, 0, 2, 2, 1, 0]
    assert arrays["column/correct"].tolist() == [1, 0, 1, 255, 255, 255]
    np.testing.assert_array_equal(arrays["user/whole"], [1, 2, 3, np.nan, np.nan, 9])
    assert arrays["user/yes"].tolist() == [True, False, True, None, None, None]
    assert arrays["image"].tolist() == [b"a", b"b", b"c", None, None, None]
    assert np.isnan(arrays["features"][3:]).all()
    assert arrays["features"].shape == (6, 2)


def test_without_pinned_nothing_is_added() -> None:
    sample = {"id": np.array([7, 5])}
    assert with_pinned(sample, [], 2, 0) == sample


def test_lists_of_classes_as_one_array() -> None:
    lists = np.empty(4, object)
    lists[:] = [np.array([2, 0]), np.array([], int), None, np.array([1])]
    assert longest(lists) == 2
    assert padded(lists, 2).tolist() == [[2, 0], [-1, -1], [-1, -1], [1, -1]]
    assert padded(np.array([None, None], object), 0).shape == (2, 0)
