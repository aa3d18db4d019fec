"""What is taken out of a text that is going to be pasted: paths of POSIX and Windows, addresses, hosts and users."""

import getpass
from pathlib import Path

import pytest

from tensorboard_activis.doctor.pasting import pasted, without_private_parts


def _without(text: str, home: str = "/Users/ann") -> str:
    return without_private_parts(text, home, ("ann",), ("gpu-7.lab.example", "gpu-7"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("in /srv/logs/b.parquet: 1/2 of a/b", "in …/b.parquet: 1/2 of a/b"),
        ("'/data/some body/x y/run 1/a.safetensors' and /: 1/2", "'…/a.safetensors' and /: 1/2"),
        ('"/data/o\'neil/a.parquet" cannot be read', '"…/a.parquet" cannot be read'),
        ("No such file: '/tmp'", "No such file: '/tmp'"),
        ("(/opt/site-packages/x.py, line 3)", "(…/x.py, line 3)"),
        ("//nas/people/bea/x.npy", "…/x.npy"),
        # the home directory, however it is written
        ("/Users/ann/my logs/run 1: bad", "~/my logs/run 1: bad"),
        ("/Users/anna/logs/run: bad", "…/run: bad"),
        ("/Users/ann", "~"),
        # Windows
        (r"in D:\data\Bea Ott\run 1\b.parquet: bad", "in …/b.parquet: bad"),
        (r"in 'D:\\data\\Bea Ott\\run 1\\my b.parquet': bad", "in '…/my b.parquet': bad"),
        ("in D:/data/bea/b.parquet, and e:/x/y", "in …/b.parquet, and …/y"),
        (r"\\fileserver\people\Bea Ott\b.parquet is gone", "…/b.parquet is gone"),
        (r"\\?\D:\data\bea\b.parquet is gone", "…/b.parquet is gone"),
        (r"\\?\UNC\fileserver\people\b.parquet", "…/b.parquet"),
        (
            r"C:\x is a file; a layer 'a:b', a pattern '\\d+' and C:",
            r"C:\x is a file; a layer 'a:b', a pattern '\\d+' and C:",
        ),
        # addresses
        ("s3://…/run1 is no directory", "s3://…/run1 is no directory"),
        ("s3://key:secret@bucket/team/run1: bad", "s3://…/run1: bad"),
        (
            'no answer from "https://bea:hunter2@pypi.corp.example:8443/simple/x/?token=abc#y".',
            'no answer from "https://…/x".',
        ),
        ("see http://minio.corp.example:9000.", "see http://…."),
        ("file:///data/bea/x.npy", "file://…/x.npy"),
        ("HTTPSConnectionPool(host='minio.corp.example', port=443)", "HTTPSConnectionPool(host=<host>, port=443)"),
        ("cannot reach 10.1.2.3:9000", "cannot reach <host>:9000"),
        # names
        ("events.out.tfevents.1764468855.gpu-9.lab.example.4711.0", "events.out.tfevents.1764468855…"),
        (
            "events.out.tfevents.1764468855.0123456789ab-1f.000002.gpu-9.4711: record 3",
            "events.out.tfevents.1764468855.0123456789ab-1f.000002…: record 3",
        ),
        ("Nov30_02-14-15_gpu-7 of Ann_2 on gpu-7.lab.example", "Nov30_02-14-15_<host> of <user>_2 on <host>"),
        ("annotations of gpu-77", "annotations of gpu-77"),
    ],
)
def test_private_parts_go_and_the_rest_stays(text: str, left: str) -> None:
    assert _without(text) == left
    assert _without(left) == left, "nothing is taken from what was shortened already"


def test_a_home_of_windows_in_each_of_its_spellings() -> None:
    home = r"C:\Users\Ann Lee"
    for text in (r"C:\Users\Ann Lee\logs\a.npy", "c:/users/ann lee/logs/a.npy", r"C:\\Users\\Ann Lee\\logs\\a.npy"):
        assert (
            without_private_parts(f"{text}: bad", home, (), ()).replace("\\", "/").replace("//", "/")
            == "~/logs/a.npy: bad"
        )


def test_values_of_secrets_in_the_environment_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_REGISTRY_TOKEN", "pypi-0123456789")
    assert pasted("refused: pypi-0123456789") == "refused: [MY_REGISTRY_TOKEN]"


def test_an_account_without_a_name_or_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(Path, "home", homeless)
    assert pasted("in /srv/logs/b.parquet: bad") == "in …/b.parquet: bad"
