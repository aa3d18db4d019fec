"""Malformed training health, in the corpus beside the other malformed runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import health_codec, metadata
from tests.hostile.corpus import CASES, SESSION, TRICKS, case, forge
from tests.records import small_health

#: Snapshots are answered in full, whatever is wrong with the training health beside them.
BESIDE: Any = {"step": 1, "whole": (1, 2)}


def _health(directory: Path, change: Callable[[pb.Health], None], step: int = 3) -> None:
    """Adds a part that is right but for a change."""
    message = pb.Health()
    message.ParseFromString(health_codec.encode_health(small_health(SESSION, range(30, 40))))
    change(message)
    forge(directory, metadata.HEALTH_TAG, message.SerializeToString(), step)


def _many(directory: Path, parts: int, layers: int) -> None:
    """Parts of layers that no other part has."""
    for part in range(parts):

        def change(message: pb.Health, part: int = part) -> None:
            del message.layers[:], message.steps[:]
            message.layers.extend(pb.HealthLayer(name=f"{part} {index}") for index in range(layers))
            message.steps.append(100 + part)
            message.values.CopyFrom(pb.Array(dtype="uint16", shape=[2, layers, 1], inline=bytes(4 * layers)))
            message.loss.CopyFrom(pb.Array(dtype="float32", shape=[1], inline=bytes(4)))

        _health(directory, change, 100 + part)


@case("An event of training health cannot be decoded", **BESIDE)
def bytes_that_are_no_health(directory: Path) -> None:
    forge(directory, metadata.HEALTH_TAG, b"\xff\xff\xff")


@case("The steps of training health do not ascend", **BESIDE)
def health_that_goes_back(directory: Path) -> None:
    _health(directory, lambda message: message.steps.__setitem__(3, 2))


@case("The steps of training health do not ascend", **BESIDE)
def health_before_training(directory: Path) -> None:
    _health(directory, lambda message: message.steps.__setitem__(0, -(2**62)))


@case("The steps of training health do not ascend", **BESIDE)
def health_of_no_step(directory: Path) -> None:
    def change(message: pb.Health) -> None:
        del message.steps[:]
        message.values.shape[2] = message.loss.shape[0] = 0
        message.values.inline = message.loss.inline = b""

    _health(directory, change)


@case("names some of its layers twice", **BESIDE)
def health_of_a_layer_twice(directory: Path) -> None:
    _health(directory, lambda message: message.layers[1].CopyFrom(message.layers[0]))


@case("names some of its measures twice", **BESIDE)
def health_of_a_measure_twice(directory: Path) -> None:
    _health(directory, lambda message: message.measures.__setitem__(1, message.measures[0]))


@case(r"uint16 \(2, 2, 10\) was expected|training health .* bytes", **BESIDE)
def health_with_a_lying_shape(directory: Path) -> None:
    _health(directory, lambda message: message.values.shape.__setitem__(1, 2**40))


@case("are uint8 .* was expected", **BESIDE)
def health_of_another_type(directory: Path) -> None:
    def change(message: pb.Health) -> None:
        message.values.CopyFrom(pb.Array(dtype="uint8", shape=[2, 2, 10], inline=bytes(40)))

    _health(directory, change)


@case("in files; uint16", **BESIDE)
def health_in_a_file(directory: Path) -> None:
    def change(message: pb.Health) -> None:
        message.values.inline = b""
        message.values.files.append("step-0000000002-x.safetensors")
        message.values.tensor = "values"

    _health(directory, change)


@case("says that every 0 steps are measured", **BESIDE)
def health_of_every_zeroth_step(directory: Path) -> None:
    _health(directory, lambda message: setattr(message, "every", 0))


@case("that it has 5,001 layers; at most 5,000", **BESIDE)
def health_of_too_many_layers(directory: Path) -> None:
    _many(directory, 1, 5_001)


@case("layers at [0-9]+ steps; at most [0-9,]+ values of 10,000 layers are read", **BESIDE)
def health_of_too_many_layers_together(directory: Path) -> None:
    _many(directory, 5, 3_000)


@case(r"An event of training health has 1[0-9],[0-9]{3},[0-9]{3} bytes; at most", **BESIDE)
def health_like_a_bomb(directory: Path) -> None:
    _health(directory, lambda message: message.notes.append("x" * (13 << 20)))


# What is odd, and none the less right


@case(r"a\\+u0000b", **BESIDE)
def health_with_tricks(directory: Path) -> None:
    def change(message: pb.Health) -> None:
        for layer, name in zip(message.layers, TRICKS, strict=False):
            layer.name = layer.type = name
            layer.experts, layer.chosen = -(2**63), 2**63 - 1
        message.notes.extend(TRICKS)
        message.every = 2**63 - 1

    _health(directory, change)


@case('"health": ?4611686018427387904', **BESIDE)
def health_of_late_steps_and_numbers_that_are_none(directory: Path) -> None:
    def change(message: pb.Health) -> None:
        message.steps.__setitem__(9, 2**62)
        message.wall_time = float("nan")
        bits = np.resize(np.array([0x7FC0, 0x7F80, 0xFF80, 0x7FFF, 1, 0x8000], np.uint16), (2, 2, 10))
        message.values.inline = bits.astype("<u2").tobytes()
        message.loss.inline = np.resize(np.array([np.nan, np.inf, -np.inf, 3e38], "<f4"), 10).tobytes()

    _health(directory, change, 2**62)


#: With those of the corpus, to which they were added.
ALL = CASES
