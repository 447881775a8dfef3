"""The service under gunicorn, started from the command line; the same in development and production."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

# More than there are processors: a request whose data are fetched waits for its client's FHIR server. In the dev
# profile that may be the sandbox, in this very process.
THREADS = 16


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a taken port is found out before anything is started.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Server(BaseApplication):
    """One application on one listening socket."""

    def __init__(self, app: Flask, listener: socket.socket, *, workers: int, on_ready: Callable[[], None]) -> None:
        self._app = app
        self._options: dict[str, Any] = {
            # Handed over: from here on gunicorn opens and closes it.
            "bind": f"fd://{listener.detach()}",
            "workers": workers,
            "threads": THREADS,
            "worker_class": "gthread",
            "loglevel": "warning",
            "when_ready": lambda _: on_ready(),
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
