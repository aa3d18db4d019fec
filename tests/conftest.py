"""What all tests share. Warnings are errors (pyproject.toml); fixtures of one module's tests are with these tests."""

import os

import hypothesis

# Before any test module imports TensorFlow: its start-up notes would hide the tests' own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Nothing is left in the cache directory of who runs the tests, nor found there.
os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""

# Equal examples in every run, and no deadlines: a machine that is busy fails no test.
hypothesis.settings.register_profile("activis", deadline=None, derandomize=True)
hypothesis.settings.load_profile("activis")
