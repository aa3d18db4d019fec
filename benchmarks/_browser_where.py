"""The drawer of a neuron with its sixteen maps: a run of images, written by the PyTorch logger, and the script that times it."""

from pathlib import Path

RUN = "where"
INSTANCES, SIDE, NEURONS = 2_000, 64, 128
#: From a click in the matrix until the drawer has the maps of another neuron, and their frame is drawn: milliseconds.
MAPS = """() => {
  const tiles = () => [...document.querySelectorAll(".where-tile")].map((tile) => tile.getAttribute("aria-label")).join();
  const before = tiles();
  window.answer = null;
  addEventListener("pointerdown", ({ timeStamp }) => {
    const look = () => {
      const now = tiles();
      if (now === before || document.querySelectorAll(".where-tile .painted-map").length < 16) requestAnimationFrame(look);
      else {
        const port = new MessageChannel();
        port.port1.onmessage = () => { window.answer = performance.now() - timeStamp; };
        port.port2.postMessage(0);
      }
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true });
}"""


def write(log_dir: Path) -> None:
    """Logs 2,000 images of 64 x 64 and a convolution of 128 channels, whose maps are kept of each neuron's strongest."""
    import torch
    from torch import nn

    from tensorboard_activis.torch import ActiVisLogger

    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, NEURONS, 5, stride=2, padding=2))
    model.add_module("relu", nn.ReLU())
    model.add_module("pool", nn.AdaptiveAvgPool2d(1))
    model.add_module("flat", nn.Flatten())
    model.add_module("head", nn.Linear(NEURONS, 10))
    labels = torch.arange(INSTANCES) % 10
    with ActiVisLogger(log_dir, model, (torch.rand(INSTANCES, 3, SIDE, SIDE), labels), sample=None, strict=True) as log:
        log.log(1)
