"""How gunicorn's workers refuse what they cannot read as HTTP, and how gunicorn logs.

Left to itself gunicorn answers such a request with a page of HTML that quotes it, and logs the quotation. What it
quotes may be the rest of a body whose length was wrong: a patient.
"""

from __future__ import annotations

import contextlib
import json
import socket
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker

from cds_service import errors
from cds_service.account import REQUEST_ID
from cds_service.clock import stopwatch
from cds_service.logging import LibraryLog, Log

_STATUS: Final = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}
# Of a body that is refused unread. What takes longer, or is larger, is cut off.
_DISCARD_SECONDS: Final = 20.0
_MOST_DISCARDED: Final = 64 * 1024 * 1024
_PIECE: Final = 64 * 1024
# How long a caller may take to close a connection that we have ended.
_PARTING_SECONDS: Final = 2.0


class Worker(ThreadWorker):
    """Answers what it cannot read in the one shape that errors have here, and quotes nothing of it."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer a request that could not be read, or whose answer could not be sent."""
        unreadable = isinstance(exc, ParseException)
        status = _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST) if unreadable else HTTPStatus.INTERNAL_SERVER_ERROR
        self.log.warning("not readable", exc_info=exc)
        with contextlib.suppress(OSError):
            client.sendall(refusal(status))

    def handle(self, conn: Any) -> Any:
        """Answer a request; a connection that ends with it is left as gunicorn can close it without waiting.

        Left to itself gunicorn waits for the caller to close, 2 s at most, in the thread that hands out the requests of
        all others. Here the thread that answered waits.
        """
        kept = super().handle(conn)
        if kept is False:
            _part(conn.sock)
        return kept

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # noqa: FBT001  gunicorn calls it by position
        """Take in the rest of a body that nobody read, and say whether the connection is good for another request.

        Left to itself gunicorn takes 64 KiB and then closes, while the caller is still sending: the answer – the 401,
        the 413 – is lost on the way, and the caller hears of a broken connection instead. And it takes 1 KiB at a time,
        copying with each what else has come: more than a second of processor time for 9 MB.
        """
        until = stopwatch() + _DISCARD_SECONDS
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < _MOST_DISCARDED and (left := until - stopwatch()) > 0:
                conn.sock.settimeout(left)
                piece = conn.parser.mesg.body.read(_PIECE)
                taken += len(piece)
                if not piece:
                    break
        read = conn.parser.finish_body(deadline=until, max_bytes=_MOST_DISCARDED - taken)
        return keepalive and bool(read)


def _part(connection: socket.socket) -> None:
    """Say that no more comes, and wait until the caller has understood: what it still sends could undo the answer."""
    until = stopwatch() + _PARTING_SECONDS
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            while (left := until - stopwatch()) > 0:
                connection.settimeout(left)
                if not connection.recv(_PIECE):
                    break
        # Whoever closes it now need not wait.
        connection.shutdown(socket.SHUT_RD)


def refusal(status: HTTPStatus) -> bytes:
    """Return the whole answer to a request that could not be read."""
    body = json.dumps(errors.operation_outcome(errors.issues_of(status))).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Connection: close\r\n"
        f"Content-Type: {errors.MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"{REQUEST_ID}: {uuid4()}\r\n\r\n"
    )
    return head.encode("ascii") + body


def logger_class(log: Log) -> type[Logger]:
    """Return the class by which gunicorn logs: to ``log``, without quotations."""

    class ToOurLog(Logger):
        def setup(self, cfg: Config) -> None:
            super().setup(cfg)
            self.error_log.handlers = [LibraryLog(log)]

        # Where it was said is two calls up, past gunicorn's method and ours.
        def critical(self, msg: Any, *args: Any, **more: Any) -> None:
            super().critical(msg, *args, stacklevel=3, **more)

        def error(self, msg: Any, *args: Any, **more: Any) -> None:
            super().error(msg, *args, stacklevel=3, **more)

        def warning(self, msg: Any, *args: Any, **more: Any) -> None:
            super().warning(msg, *args, stacklevel=3, **more)

        def exception(self, msg: Any, *args: Any, **more: Any) -> None:
            super().exception(msg, *args, stacklevel=3, **more)

    return ToOurLog
