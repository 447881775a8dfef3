"""Writes in the background what must not hold up an answer.

One thread a process, started by the first item: a thread started earlier would not survive gunicorn's fork. What
the database does not take is tried again, later and later; meanwhile the queue fills, and when it is full, what
comes is dropped and counted.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

ROOM: Final = 10_000
"""Items that wait at most: some minutes of a busy hospital, some ten megabytes."""
_BATCH: Final = 500
_GATHERING_SECONDS: Final = 0.1
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 30.0
# gunicorn kills a worker that has not ended 30 s after it was told to.
_FAREWELL_SECONDS: Final = 10.0

Item = TypeVar("Item")


class Writer(Generic[Item]):
    """A bounded queue and the thread that empties it, in batches."""

    def __init__(
        self,
        write: Callable[[Sequence[Item]], None],
        failed: Callable[[Exception], object],
        dropped: Callable[[int], object],
        *,
        room: int = ROOM,
        gathering_seconds: float = _GATHERING_SECONDS,
    ) -> None:
        """Take what writes a batch, what hears of each attempt that failed, and what counts items that are lost.

        Items wait ``gathering_seconds`` for others: a transaction costs about as much for one as for many.
        """
        self._write = write
        self._failed = failed
        self._dropped = dropped
        self._room = room
        self._gathering_seconds = gathering_seconds
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._unwritten = 0

    def put(self, item: Item) -> None:
        """Have an item written, soon. Never waits."""
        with self._changed:
            taken = self._unwritten < self._room and not self._stopping.is_set()
            if taken:
                self._items.append(item)
                self._unwritten += 1
                self._start()
                self._changed.notify_all()
        if not taken:
            self._dropped(1)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written or dropped, and say whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._unwritten == 0, seconds)

    def close(self) -> None:
        """Write what is left, if the database takes it within a few seconds, and stop."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_FAREWELL_SECONDS)
            atexit.unregister(self.close)

    def _start(self) -> None:
        if self._thread is None:
            # A daemon, so that it never keeps the process alive; what it holds is written at the exit.
            self._thread = threading.Thread(target=self._run, name="records-writer", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def _run(self) -> None:
        while batch := self._next():
            if not self._written(batch):
                self._dropped(len(batch))
            with self._changed:
                self._unwritten -= len(batch)
                self._changed.notify_all()

    def _next(self) -> list[Item]:
        """Return what is to be written next; nothing where the work is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._stopping.is_set())
        self._stopping.wait(self._gathering_seconds)
        with self._changed:
            return [self._items.popleft() for _ in range(min(len(self._items), _BATCH))]

    def _written(self, batch: Sequence[Item]) -> bool:
        """Write a batch, however often it takes; say whether it is written."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            last = self._stopping.is_set()
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001
                # Whatever it is, it must not end the thread: the items after this batch are still to be written.
                again = isinstance(error, SQLAlchemyError) and not isinstance(error, DataError | IntegrityError)
                self._failed(error)
                if last or not again:
                    return False
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                return True
