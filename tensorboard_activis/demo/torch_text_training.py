"""Trains and logs the demo's transformer on sentences, in PyTorch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

from tensorboard_activis.demo.digits import SEED
from tensorboard_activis.demo.plan import Clock, Progress
from tensorboard_activis.demo.sentences import CLASSES
from tensorboard_activis.demo.text_plan import SPECIAL, SUBSETS, TextPlan, encoded
from tensorboard_activis.demo.torch_transformer import SentenceNet
from tensorboard_activis.torch import ActiVisLogger

#: Sentences per batch of the evaluation, and steps until the learning rate is what it is to be.
EVALUATED, WARM_UP = 70, 60


def train(plan: TextPlan, progress: Progress, clock: Clock) -> float:
    """Train the run and log a snapshot after every epoch.

    Returns:
        The share of the sentences for evaluation that the trained network gets right.
    """
    torch.manual_seed(SEED)
    data, vocabulary = plan.sentences, plan.vocabulary
    labels = torch.from_numpy(data.train_labels)
    evaluation = batches_of(plan, vocabulary)
    model = SentenceNet(len(vocabulary))
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.steps, pct_start=min(0.5, WARM_UP / plan.steps)
    )
    step, accuracy = 0, 0.0
    with clock.measure_logging():
        logger = ActiVisLogger(
            plan.log_dir,
            model,
            evaluation,
            class_names=CLASSES,
            subsets=SUBSETS,
            id=data.ids,
            columns={"documents": data.names, "length": [len(words) for words in data.evaluation]},
            texts=lambda batch: batch["tokens"],
            unpack=lambda batch: ({name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]),
            sample=None,
        )
    with logger, SummaryWriter(str(plan.log_dir)) as writer:
        for epoch in range(plan.epochs):
            model.train()
            for chosen in plan.batches(epoch):
                numbers, mask = map(torch.from_numpy, encoded([data.train[row] for row in chosen], vocabulary))
                loss = functional.cross_entropy(model(numbers, mask), labels[chosen], label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                step += 1
                writer.add_scalar("loss/train", loss.item(), step)
                progress.update()
            accuracy = evaluate(model, evaluation)
            writer.add_scalar("accuracy/evaluation", accuracy, step)
            progress.set_postfix_str(f"epoch {epoch + 1}, accuracy {accuracy:.1%}")
            with clock.measure_logging():
                logger.log(step)
    return accuracy


def batches_of(plan: TextPlan, vocabulary: dict[str, int]) -> list[dict[str, Any]]:
    """The sentences for evaluation, with the words that the model sees, one per token; padding is empty."""
    data, batches = plan.sentences, []
    for start in range(0, len(data.evaluation), EVALUATED):
        part = data.evaluation[start : start + EVALUATED]
        numbers, mask = encoded(part, vocabulary)
        batches.append(
            {
                "input_ids": torch.from_numpy(numbers),
                "attention_mask": torch.from_numpy(mask),
                "labels": torch.from_numpy(data.labels[start : start + EVALUATED].astype(np.int64)),
                "tokens": [[SPECIAL[1], *words] for words in part],
            }
        )
    return batches


@torch.inference_mode()
def evaluate(model: SentenceNet, batches: Sequence[Mapping[str, Any]]) -> float:
    """Accuracy over all sentences."""
    model.eval()
    right = [model(each["input_ids"], each["attention_mask"]).argmax(dim=1) == each["labels"] for each in batches]
    return torch.cat(right).float().mean().item()
