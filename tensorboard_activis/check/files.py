"""Checks the files beside the events: that each is complete and has the checksum it was written with."""

from tensorboard_activis import metadata
from tensorboard_activis.check.report import Report
from tensorboard_activis.checksums import checksum, checksum_key
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import open_own
from tensorboard_activis.read.arrays import whole_file
from tensorboard_activis.read.tables import read_table
from tensorboard_activis.stores.path import Location


def check_file(path: Location, report: Report) -> bool:
    """Whether the file is as it was written; adds faults to the report."""
    problems = len(report.problems)
    try:
        (_check_table if path.suffix == ".parquet" else _check_arrays)(path, report)
    except UnreadableError as error:
        report.add(path.name, str(error).removeprefix(f"{path.name} "), "Nothing of this file.")
    return len(report.problems) == problems


def _check_arrays(path: Location, report: Report) -> None:
    file = whole_file(path)
    tensors, recorded = file.header.tensors, file.header.metadata
    missing = {name for name in tensors if checksum_key(name) not in recorded}
    if missing:
        report.unverified += 1
    wrong = [
        name
        for name in tensors
        if name not in missing and checksum(file.read(file.tensor(name))) != recorded[checksum_key(name)]
    ]
    if wrong:
        report.add(
            path.name,
            f"{_listed(wrong)} {'is' if len(wrong) == 1 else 'are'} not what was written: the checksum differs.",
            f"The other {len(tensors) - len(wrong)} arrays of this file are intact."
            if len(tensors) > len(wrong)
            else "Nothing of this file is certain.",
        )


def _check_table(path: Location, report: Report) -> None:
    read_table(path)
    try:
        with open_own(path) as file:
            content = file.read()
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if not metadata.is_stand_in(path.name) and metadata.instances_file([content]) != path.name:
        report.add(
            path.name,
            "The checksum in its name is not that of its content.",
            "It can be opened, but which of its values were changed is not known.",
        )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
