"""Addresses that lead nowhere, or say too much: each message says what was wrong, what is allowed, and what to do."""

import sys
from pathlib import Path

import pytest

from tensorboard_activis import cli, open_run
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import ConfigurationError, NotFoundError
from tensorboard_activis.serve.directories import Root, roots, run_directory, why_unreachable
from tensorboard_activis.stores import locations
from tensorboard_activis.stores.faults import store_faults, without_secrets
from tensorboard_activis.stores.locations import is_address, location
from tests.faults.victim import log_with_recorder
from tests.records import small_data, small_graph, small_layers, write_run
from tests.stores.slow_store import SlowStore


def test_local_paths_stay_paths(tmp_path: Path) -> None:
    assert location(tmp_path) == tmp_path
    assert location("logs/run1") == Path("logs/run1")
    assert location(f"file://{tmp_path}") == tmp_path
    assert location("C:/logs") == Path("C:/logs")
    assert location(f"{tmp_path}/run:/1") == tmp_path / "run:" / "1"
    assert location("exp::1/run") == Path("exp::1/run")
    assert not is_address("logs/a:b")
    assert not is_address("file:///logs")
    assert is_address("s3://bucket/run1")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("slow://", "does not name a place in a store"),
        ("slow://bucket/../other", "does not name a place in a store"),
        ("slow://bucket//run", "does not name a place in a store"),
        ("nowhere://bucket/run", "No store is known for addresses that begin with nowhere://"),
        ("slow://key:secret@bucket/run", "must not contain credentials"),
        ("slow://bucket/run?token=secret", "must not contain credentials, ?"),
        ("simplecache::slow://bucket/run", "must not contain credentials, ? or ::"),
        (Path("slow://bucket/run"), "Give the address as text, such as 's3://bucket/run1'"),
        (Path("simplecache::slow://bucket/run"), "Give the address as text, such as 's3://bucket/run1'"),
        ("simplecache::/bucket/run", "Give the address as text, such as 's3://bucket/run1'"),
        ("no_where://bucket/run", "No store is known for addresses that begin with no_where://"),
        (" slow://bucket/run", "neither the address of a store nor a local path"),
        ("logs/slow://bucket/run", "neither the address of a store nor a local path"),
        ("://bucket/run", "neither the address of a store nor a local path"),
        ("::slow://bucket/run", "neither the address of a store nor a local path"),
    ],
)
def test_what_is_no_address_is_refused_before_training(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: object, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        Recorder(address, small_graph(), small_layers())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []  # it became no directory
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "missing", "extra"),
    [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs"), ("s3", "fsspec", "s3"), ("gs", "fsspec", "gcs")],
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], protocol: str, missing: str, extra: str
) -> None:
    imported = sys.modules["fsspec.registry"]  # fsspec has another thing of this name
    monkeypatch.setattr(imported, "_registry", dict(imported._registry))
    imported._registry.pop(protocol, None)
    monkeypatch.setitem(sys.modules, missing, None)
    locations._store.cache_clear()
    try:
        with pytest.raises(ConfigurationError) as caught:
            open_run(f"{protocol}://bucket/run1")
        assert missing in str(caught.value)
        assert f"pip install 'tensorboard-activis[{extra}]'" in str(caught.value)
        for command in ("check", "report", "serve"):
            assert cli.main([command, f"{protocol}://bucket/runs"]) == 1
            assert f"tensorboard-activis[{extra}]" in capsys.readouterr().err
        assert f"tensorboard-activis[{extra}]" in why_unreachable(roots(f"{protocol}://bucket/runs", ""))
    finally:
        locations._store.cache_clear()


@pytest.mark.parametrize("address", ["simplecache::slow://bucket/run", "nowhere://bucket/run", "slow:/bucket/run"])
def test_no_reader_takes_it_for_a_directory(
    store: type[SlowStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError):
        open_run(address)
    for command in ("check", "check --thin 2", "check --repair", "report", "serve", "doctor", "demo --logdir"):
        assert cli.main([*command.split(), address]) == 1
        assert "address" in capsys.readouterr().err
    assert cli.main(["demo", "--logdir", "slow://bucket/run"]) == 1
    assert "to a local directory, not to a store; got --logdir slow://bucket/run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_where_nothing_was_logged(store: type[SlowStore], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFoundError, match="slow://bucket/nothing holds no activations"):
        open_run("slow://bucket/nothing")
    for command, status in (("check", 2), ("report", 2), ("serve", 1)):
        assert cli.main([command, "slow://bucket/nothing"]) == status
        assert "slow://bucket/nothing" in capsys.readouterr().err


def test_reports_and_checks_of_all_runs_below_an_address(
    store: type[SlowStore], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "deeper/b"):
        write_run(f"slow://bucket/runs/{name}", small_data(60))
    assert cli.main(["check", "slow://bucket/runs"]) == 0
    assert "2 runs checked: everything is as it was written." in capsys.readouterr().out
    assert cli.main(["report", "slow://bucket/runs"]) == 0
    out = capsys.readouterr().out
    assert "deeper/b" in out
    assert "\na" in f"\n{out}"
    assert cli.main(["doctor", "slow://bucket/runs"]) in (0, 1)
    assert "deeper/b: step 3" in capsys.readouterr().out


def test_leftovers_in_a_store_are_removed_when_nobody_says_that_he_lives(
    store: type[SlowStore], capsys: pytest.CaptureFixture[str]
) -> None:
    write_run("slow://bucket/runs/a", small_data(60))
    lost = "bucket/runs/a/activis/step-0000000009-01a000000000-00000000.safetensors"
    store.replace(lost, b"left by a process that was killed")
    store.store[f"/{lost}"].modified = store.store[f"/{lost}"].created = store.store[f"/{lost}"].modified.replace(
        year=2020
    )
    log = log_with_recorder("slow://bucket/runs/a", 1)
    assert cli.main(["check", "--repair", "slow://bucket/runs"]) == 0
    assert f"/{lost}" in store.store  # a session lives: it may be its own
    log.close()  # type: ignore[attr-defined]
    capsys.readouterr()
    assert cli.main(["check", "--repair", "slow://bucket/runs"]) == 0
    assert "removed" in capsys.readouterr().out
    assert f"/{lost}" not in store.store


def test_messages_hold_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-secret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up-id")
    text = "Could not connect to https://user:pass@host/x with made-up-id and made-up-secret"
    assert (
        without_secrets(text)
        == "Could not connect to https://host/x with [AWS_ACCESS_KEY_ID] and [AWS_SECRET_ACCESS_KEY]"
    )
    with pytest.raises(OSError, match=r"the store failed: made \[AWS_SECRET_ACCESS_KEY\] up"), store_faults("s3://b"):
        raise RuntimeError("made made-up-secret\n up")


def test_no_credentials_are_said_in_words() -> None:
    class NoCredentialsError(Exception):
        pass

    with (
        pytest.raises(PermissionError, match="no credentials were found where the store's package looks"),
        store_faults("s3://b"),
    ):
        raise NoCredentialsError("Unable to locate credentials")


def test_the_directory_of_a_run_below_an_address(store: type[SlowStore]) -> None:
    write_run("slow://bucket/runs/a", small_data(20))
    where = roots("slow://bucket/runs", "")
    assert where == [Root("", "slow://bucket/runs")]
    assert str(run_directory("a/activis", where)) == "slow://bucket/runs/a/activis"
    assert run_directory("b/activis", where) is None
    assert run_directory("../runs/a/activis", where) is None
    assert roots("", "x:slow://bucket/runs,slow://bucket/others") == [
        Root("x", "slow://bucket/runs"),
        Root("", "slow://bucket/others"),
    ]
    assert str(run_directory("x/a/activis", roots("", "x:slow://bucket/runs"))) == "slow://bucket/runs/a/activis"
