"""The service under gunicorn, started from the command line; the same in development and production."""

from __future__ import annotations

import gc
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from cds_service.logging import Log
from cds_service.worker import Worker, logger_class

# More than there are processors: a request whose data are fetched waits for its client's FHIR server. In the dev
# profile that may be the sandbox, in this very process.
THREADS = 16

GRACE_SECONDS = 20
"""How long what has begun may take to end after SIGTERM: more than any sensible budget for fetching."""
IDLE_SECONDS = 75
"""How long a connection may wait for its next request: longer than proxies keep theirs (60 s), so that none sends a
request on a connection that is being closed."""

SILENCE_SECONDS = 20
"""How long a caller may send nothing in the middle of a request: gunicorn would wait for ever, and keep a thread."""

_MEMORY = "/dev/shm"  # noqa: S108  a folder that the system mounts, for files without names


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a taken port is found out before anything is started.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it, and keep it whatever Python sets on them.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SILENCE_SECONDS, 0))
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Worker(Worker):
    """Refuses connections as soon as it is told to stop.

    Left to itself the worker would keep the socket and let connections queue up in it, which are cut when the last
    answer has been sent. A connection that is refused is tried elsewhere; one that is cut is a failed request.
    """

    def set_accept_enabled(self, enabled: bool | None) -> None:  # noqa: FBT001  gunicorn calls it by position
        """Begin or stop to take connections; of a stopping worker for good, with what had queued up by then taken."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            listener.close()


class Server(BaseApplication):
    """One application on one listening socket."""

    def __init__(  # noqa: PLR0913  each by name
        self,
        app: Flask,
        listener: socket.socket,
        log: Log,
        *,
        workers: int,
        on_ready: Callable[[], None],
        on_exit: Callable[[], None],
    ) -> None:
        self._app = app
        self._options: dict[str, Any] = {
            # Handed over: from here on gunicorn opens and closes it.
            "bind": f"fd://{listener.detach()}",
            "workers": workers,
            "threads": THREADS,
            "worker_class": _Worker,
            "logger_class": logger_class(log),
            "loglevel": "warning",
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": IDLE_SECONDS,
            # A worker's sign of life must not wait for a disk.
            "worker_tmp_dir": _MEMORY if os.access(_MEMORY, os.W_OK) else None,
            # Nobody steers a running server, and its file would have to be written somewhere.
            "control_socket_disable": True,
            "when_ready": lambda _: on_ready(),
            "on_exit": lambda _: on_exit(),
        }
        super().__init__()

    def load_config(self) -> None:
        """Hand our options to gunicorn; none come from files or the environment."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application, which every worker shares with the parent process."""
        return self._app


def freeze() -> None:
    """Take what is loaded so far out of the garbage collector's sight: it stays, and need not be looked at."""
    gc.collect()
    gc.freeze()
