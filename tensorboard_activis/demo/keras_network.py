"""The same small residual network as in torch_network.py, as nested Keras models."""

import keras
from keras import layers


def batch_normalization(name: str) -> layers.Layer:
    """With PyTorch's momentum: Keras' own, 0.99, is for training that is longer than the demo's."""
    return layers.BatchNormalization(momentum=0.9, name=name)


def conv_block(name: str, channels: int, *, pool: bool = False) -> keras.Sequential:
    """Convolution, batch normalisation, ReLU; then halves the image if asked."""
    parts = [
        layers.Conv2D(channels, 3, padding="same", use_bias=False, name="conv"),
        batch_normalization("bn"),
        layers.ReLU(name="relu"),
    ]
    if pool:
        parts.append(layers.MaxPooling2D(name="pool"))
    return keras.Sequential(parts, name=name)


def residual(name: str, size: int, channels: int) -> keras.Model:
    """A residual block: the output of two convolutions is added to the input; [batch, size, size, channels] -> the same."""
    x = keras.Input((size, size, channels), name="x")
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False, name="conv1")(x)
    y = layers.ReLU(name="relu1")(batch_normalization("bn1")(y))
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False, name="conv2")(y)
    y = batch_normalization("bn2")(y)
    return keras.Model(x, layers.ReLU(name="relu2")(layers.Add(name="add")([x, y])), name=name)


def digits_net() -> keras.Model:
    """Images [batch, 8, 8, 1] -> logits [batch, 10]."""
    blocks = keras.Sequential([residual(f"res{index}", 4, 32) for index in range(3)], name="blocks")
    head = keras.Sequential(
        [
            layers.GlobalMaxPooling2D(name="pool"),
            layers.Dense(64, name="fc1"),
            layers.ReLU(name="relu"),
            layers.Dense(10, name="fc2"),
        ],
        name="head",
    )
    x = images = keras.Input((8, 8, 1), name="images")
    for part in (conv_block("stem", 16), conv_block("block1", 32, pool=True), blocks, conv_block("block2", 48), head):
        x = part(x)
    return keras.Model(images, x, name="digits_net")
