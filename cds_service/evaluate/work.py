"""The folder of an evaluation: what it is an evaluation of, and how far it has come.

Everything is written beside its place and moved there when it is whole, so that whatever a kill leaves behind is
either finished or not there. A second start goes on from there, if it is asked for the same thing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.evaluate.judge import Judge
from cds_service.evaluate.rows import Row, encode
from cds_service.evaluate.source import Source


class OtherRunError(Exception):
    """The folder holds the beginnings of another evaluation."""


class Plan(msgspec.Struct, frozen=True):
    """What is evaluated."""

    engine: str
    version: str
    """Of this software."""
    sources: tuple[tuple[str, int], ...]
    """Address and size of each file."""
    policies: tuple[tuple[str, str], ...]
    """Name of each policy and a hash of its file."""

    @classmethod
    def of(cls, engine: str, version: str, sources: Sequence[Source], judges: Iterable[Judge]) -> Plan:
        """Return the plan of an evaluation."""
        return cls(
            engine,
            version,
            tuple((source.url, source.size) for source in sources),
            tuple((judge.name, _hash(judge.policy)) for judge in judges),
        )


def _hash(policy: Path | None) -> str:
    return hashlib.sha256(policy.read_bytes()).hexdigest() if policy is not None else ""


@dataclass(frozen=True, slots=True)
class Work:
    """The working folder inside the folder of the results."""

    folder: Path

    @classmethod
    def begin(cls, out: Path, plan: Plan, *, fresh: bool) -> Work:
        """Make the folder, or take up what an earlier start left there.

        Args:
            out: the folder of the results.
            plan: what is evaluated.
            fresh: throw away what an earlier start left.

        Raises:
            OtherRunError: it was a start of something else.
        """
        folder = out / "work"
        if fresh and folder.exists():
            shutil.rmtree(folder)
        note = folder / "plan.json"
        told = msgspec.json.encode(plan)
        if note.exists() and note.read_bytes() != told:
            raise OtherRunError(
                f"{out} holds the beginnings of another evaluation (other files, policies, engine or version)."
                " Name another folder with --out, or throw them away with --fresh."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with made_whole(note) as beside:
            beside.write_bytes(told)
        return cls(folder)

    @property
    def rows(self) -> Path:
        """Where the rows are, in files of any name that end in ``.ndjson``."""
        return self.folder / "rows"

    def has_rows(self, name: str) -> bool:
        """Whether the rows of this name are written."""
        return (self.rows / f"{name}.ndjson").exists()

    def write_rows(self, name: str, rows: Iterable[Row]) -> None:
        """Write rows to a file of their own."""
        self.rows.mkdir(exist_ok=True)
        with made_whole(self.rows / f"{name}.ndjson") as beside:
            beside.write_bytes(b"".join(line + b"\n" for line in encode(rows)))

    def finish(self) -> None:
        """Remove the folder: it holds copies of the patients' data."""
        shutil.rmtree(self.folder)


@contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes its place once it is written."""
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    yield beside
    beside.replace(path)
