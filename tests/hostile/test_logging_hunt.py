"""Some sequences of logging; more are `python -m tests.hostile.hunt logging --inputs 20000`."""

import pytest

from tests.hostile.hunt import main


def test_every_reader_shows_what_counts(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["logging", "--inputs", "80"]) == 0, capfd.readouterr().err
    assert "no fault" in capfd.readouterr().out
