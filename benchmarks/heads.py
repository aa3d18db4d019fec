"""What it costs to record the heads of attention: a pass over a 12-layer BERT of 128 tokens, with heads and without any recording.

    python benchmarks/heads.py [--width 768] [--batches 4]

Prints seconds of a plain pass, of one whose heads are recorded (norm, entropy, shares), and their ratio.
The two take turns, and the median of the ratios of neighbours counts.
"""

import argparse
import statistics
import tempfile
import time

import torch
import transformers

from tensorboard_activis.torch import ActiVisLogger


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--attention", default="sdpa", choices=["sdpa", "eager"])
    options = parser.parse_args()
    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.width // 64,
        intermediate_size=4 * options.width,
        attn_implementation=options.attention,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    shape = options.batch, options.tokens
    batches = [
        {"input_ids": torch.randint(0, 1000, shape), "attention_mask": torch.ones(shape, dtype=torch.long)}
        for _ in range(options.batches)
    ]

    def plain() -> float:
        start = time.perf_counter()
        with torch.no_grad():
            for batch in batches:
                model(**batch)
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as directory:
        data = [dict(batch) for batch in batches]
        logger = ActiVisLogger(
            directory, model, data, layers=["*/heads*"], task="none", sample=32, positions=0, depth=False, strict=True
        )

        def logged(step: int) -> float:
            start = time.perf_counter()
            logger.log(step)
            return time.perf_counter() - start

        logged(0)
        plain()
        pairs = [(plain(), logged(step)) for step in range(1, options.repeats + 1)]
    ratios = [with_heads / without for without, with_heads in pairs]
    print(
        f"{options.attention}, {options.layers} layers of {options.width}, {options.tokens} tokens: plain "
        f"{statistics.median(pair[0] for pair in pairs):.2f} s, with heads {statistics.median(pair[1] for pair in pairs):.2f} s, "
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
