"""What all tests share. Warnings are errors (pyproject.toml); fixtures of one module's tests are with these tests."""

import os
import random
import signal
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# Before any test module imports TensorFlow: its start-up notes would hide the tests' own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Nothing is left in the cache directory of who runs the tests, nor found there.
os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""

# A shell that starts a command in the background has it ignore Ctrl-C, which many tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Equal examples in every run, and no deadlines: a machine that is busy fails no test.
hypothesis.settings.register_profile("activis", deadline=None, derandomize=True)
hypothesis.settings.register_profile("quick", parent=hypothesis.settings.get_profile("activis"), max_examples=20)
hypothesis.settings.load_profile("activis")

#: What every test draws from, so that a run can be repeated; another value tries the tests with other weights and data.
SEED = int(os.environ.get("TEST_SEED", "2018"))

TESTS = Path(__file__).parent
#: Files and directories whose tests are all marked `slow`: they train, start processes or import a large framework.
#: A slow test among quick ones has the mark itself.
SLOW = [
    TESTS / "browser",
    TESTS / "capture/keras",
    TESTS / "capture/test_parity.py",
    TESTS / "capture/torch",
    TESTS / "distributed",
    TESTS / "docs/test_keywords.py",
    TESTS / "docs/test_recipes.py",
    TESTS / "docs/test_start.py",
    TESTS / "export",
    TESTS / "faults",
    TESTS / "flax",
    TESTS / "hostile",
    TESTS / "ray",
    TESTS / "serve/test_bad_files.py",
    TESTS / "serve/test_memory.py",
    TESTS / "serve/test_parameters.py",
    TESTS / "serve/test_projections.py",
    TESTS / "serve/test_same_step.py",
    TESTS / "serve/test_tensorboard.py",
    TESTS / "serve/test_victim.py",
    TESTS / "stores/test_faces.py",
    TESTS / "stores/test_s3.py",
    TESTS / "stores/test_serving.py",
    TESTS / "test_demo.py",
    TESTS / "test_expression_time.py",
    TESTS / "test_keras.py",
    TESTS / "test_keras_alerts.py",
    TESTS / "test_keras_backends.py",
    TESTS / "test_keras_bounds.py",
    TESTS / "test_keras_effects.py",
    TESTS / "test_keras_instances.py",
    TESTS / "test_keras_interrupts.py",
    TESTS / "test_keras_layers.py",
    TESTS / "test_keras_logs.py",
    TESTS / "test_keras_manners.py",
    TESTS / "test_keras_outputs.py",
    TESTS / "test_keras_states.py",
    TESTS / "test_trainer_alerts.py",
    TESTS / "test_trainer_outputs.py",
    TESTS / "test_lightning.py",
    TESTS / "test_lightning_alerts.py",
    TESTS / "test_lightning_batches.py",
    TESTS / "test_lightning_manners.py",
    TESTS / "test_lightning_modules.py",
    TESTS / "test_lightning_positions.py",
    TESTS / "test_lightning_processes.py",
    TESTS / "test_lightning_watching.py",
    TESTS / "test_linear.py",
    TESTS / "test_packaging.py",
    TESTS / "test_predicate_reference.py",
    TESTS / "test_readme.py",
    TESTS / "test_steps.py",
    TESTS / "test_torch_models.py",
    TESTS / "test_transformers.py",
    TESTS / "test_transformers_models.py",
    TESTS / "test_transformers_positions.py",
    TESTS / "test_transformers_watching.py",
    TESTS / "test_trainer_effects.py",
    TESTS / "torch",
    TESTS / "zoo",
]


def _is_slow(path: Path) -> bool:
    return any(path.is_relative_to(slow) for slow in SLOW)


def pytest_configure(config: pytest.Config) -> None:
    """Tries fewer examples of each property in a contributor's loop."""
    if config.option.markexpr == "not slow":
        hypothesis.settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves slow files out before they are imported: the frameworks alone take longer than all quick tests."""
    return True if config.option.markexpr == "not slow" and _is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seeds all global generators before each test and before the fixtures of its module; imports no framework for it."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - the global generator is the one that users draw from
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(SEED)  # the processor's alone: `torch.manual_seed` takes milliseconds
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.random.set_seed(SEED)
