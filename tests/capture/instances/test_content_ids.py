import numpy as np

from tensorboard_activis.capture.instances.content_ids import ContentIds


def ids_of(*inputs: np.ndarray) -> list[str]:
    return ContentIds().for_batch(*inputs)


def test_ids_follow_content_not_order():
    images = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3)
    ids = ids_of(images)
    assert len(set(ids)) == 7
    assert ids_of(images[::-1]) == ids[::-1]


def test_equal_instances_are_counted_across_batches():
    row = np.ones((1, 3))
    ids = ContentIds()
    first, second, third = (ids.for_batch(row)[0] for _ in range(3))
    assert [second, third] == [f"{first}-1", f"{first}-2"]


def test_ids_tell_types_shapes_and_further_inputs_apart():
    rows = np.ones((1, 6), np.int32)
    variants = [ids_of(rows), ids_of(rows.astype(np.int64)), ids_of(rows.reshape(1, 2, 3)), ids_of(rows, rows)]
    assert len({ids[0] for ids in variants}) == 4


def test_padding_of_tokens_does_not_count():
    assert ids_of(np.array([[4, 7, 1, 0, 0]])) == ids_of(np.array([[4, 7, 1]]))


def test_texts():
    texts = np.array(["who", "wer", "\udcff", "谁"], dtype=object)
    assert len(set(ids_of(texts))) == 4
    assert ids_of(texts.copy()) == ids_of(texts)
    assert ids_of() == []
