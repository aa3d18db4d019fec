"""Trains and logs one run of the demo in PyTorch."""

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

from tensorboard_activis.demo.digits import SEED
from tensorboard_activis.demo.plan import SUBSETS, Clock, Plan, Progress
from tensorboard_activis.demo.torch_network import DigitsNet
from tensorboard_activis.torch import ActiVisLogger


def train(plan: Plan, progress: Progress, clock: Clock) -> float:
    """Train one run and log a snapshot after every epoch.

    Returns:
        The share of the evaluation images that the trained network gets right.
    """
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # on images this small, threads wait for each other, on a busy machine for minutes
    digits = plan.digits
    images, labels = torch.from_numpy(digits.train_images).unsqueeze(1), torch.from_numpy(digits.train_labels)
    evaluation = TensorDataset(torch.from_numpy(digits.images).unsqueeze(1), torch.from_numpy(digits.labels))
    model = DigitsNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=plan.learning_rate)
    step, accuracy = 0, 0.0
    with clock.measure_logging():
        logger = ActiVisLogger(plan.log_dir, model, DataLoader(evaluation, batch_size=256), subsets=SUBSETS)
    with logger, SummaryWriter(str(plan.log_dir)) as writer:
        for epoch in range(plan.epochs):
            model.train()
            for batch in plan.batches(epoch):
                loss = functional.cross_entropy(model(images[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                writer.add_scalar("loss/train", loss.item(), step)
                progress.update()
            accuracy, evaluation_loss = evaluate(model, *evaluation.tensors)
            writer.add_scalar("accuracy/evaluation", accuracy, step)
            writer.add_scalar("loss/evaluation", evaluation_loss, step)
            progress.set_postfix_str(f"epoch {epoch + 1}, accuracy {accuracy:.1%}")
            with clock.measure_logging():
                logger.log(step)
    return accuracy


@torch.inference_mode()
def evaluate(model: DigitsNet, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Accuracy and mean cross-entropy over all images."""
    model.eval()
    logits = model(images)
    return (logits.argmax(1) == labels).float().mean().item(), functional.cross_entropy(logits, labels).item()
