import numpy as np

from tensorboard_activis.capture.ids import content_ids


def test_ids_follow_content_not_order():
    images = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3)
    ids = content_ids(images)
    assert len(set(ids)) == 7
    assert content_ids(images[::-1]) == ids[::-1]
    assert content_ids(np.repeat(images[:1], 2, axis=0)) == [ids[0]] * 2


def test_ids_tell_types_shapes_and_further_inputs_apart():
    rows = np.zeros((1, 6), np.int32)
    variants = [
        content_ids(rows),
        content_ids(rows.astype(np.int64)),
        content_ids(rows.reshape(1, 2, 3)),
        content_ids(rows, rows),
    ]
    assert len({ids[0] for ids in variants}) == 4


def test_texts():
    texts = np.array(["who", "wer", "\udcff", "谁"], dtype=object)
    assert len(set(content_ids(texts))) == 4
    assert content_ids(texts.copy()) == content_ids(texts)
    assert content_ids() == []
