"""How a worker ends a request: the unread rest of its body, and connections that the caller does not close."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from cds_service import worker
from cds_service.worker import Worker

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, callers = socket.socketpair()
    with ours, callers:
        yield ours, callers


@pytest.fixture
def server() -> Worker:
    return Worker.__new__(Worker)


def connection(pair: Pair, length: int, sent: bytes) -> Any:
    """A connection whose request has been read up to its body."""
    ours, callers = pair
    callers.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + sent)
    parser = RequestParser(Config(), ours, ("127.0.0.1", 1))
    next(parser)
    return SimpleNamespace(sock=ours, parser=parser)


class TestABodyThatNobodyRead:
    @pytest.mark.parametrize(("keepalive", "good"), [(True, True), (False, False)])
    def test_is_taken_in_and_no_more_than_it(self, keepalive: bool, good: bool, pair: Pair, server: Worker) -> None:
        conn = connection(pair, 5, b"12345GET")
        assert server._keepalive_after(conn, keepalive) is good
        assert conn.parser.unreader.read(3) == b"GET"

    def test_that_does_not_come_ends_the_connection(
        self, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "_DISCARD_SECONDS", 0.01)
        assert server._keepalive_after(connection(pair, 5, b"123"), keepalive=True) is False

    @pytest.mark.parametrize(("most", "good"), [(4000, False), (6000, True)])
    def test_has_a_most(
        self, most: int, good: bool, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "_PIECE", 1000)
        monkeypatch.setattr(worker, "_MOST_DISCARDED", most)
        assert server._keepalive_after(connection(pair, 5000, b"x" * 5000), keepalive=True) is good

    def test_is_not_taken_in_by_crumbs(self, pair: Pair, server: Worker) -> None:
        class Body:
            left, asked = 9_000_000, 0

            def read(self, size: int) -> bytes:
                Body.asked += 1
                piece = b" " * min(size, Body.left)
                Body.left -= len(piece)
                return piece

        conn = SimpleNamespace(
            sock=pair[0], parser=SimpleNamespace(mesg=SimpleNamespace(body=Body()), finish_body=lambda **_: True)
        )
        assert server._keepalive_after(conn, keepalive=True)
        assert (Body.left, Body.asked) == (0, 139)


class TestTheEndOfAConnection:
    def handled(self, result: object, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ThreadWorker, "handle", lambda *_: result)
        monkeypatch.setattr(worker, "_PARTING_SECONDS", 0.01)
        assert server.handle(SimpleNamespace(sock=pair[0])) is result
        pair[0].setblocking(False)
        pair[1].setblocking(False)

    @pytest.mark.parametrize("result", [True, object()], ids=["kept", "no data yet"])
    def test_is_not_yet_there_while_it_is_kept(
        self, result: object, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.handled(result, pair, server, monkeypatch)
        for end in pair:
            with pytest.raises(BlockingIOError):
                end.recv(1)

    def test_the_caller_hears_of_it_and_nobody_waits_for_one_that_stays(
        self, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair[0].sendall(b"answer")
        self.handled(False, pair, server, monkeypatch)
        assert (pair[1].recv(10), pair[1].recv(10)) == (b"answer", b"")
        # Without waiting: it would raise if there were still something to wait for.
        assert pair[0].recv(1) == b""

    def test_what_the_caller_still_sends_is_taken_in(
        self, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair[1].sendall(b"more")
        self.handled(False, pair, server, monkeypatch)
        assert pair[0].recv(1) == b""

    def test_a_caller_that_has_gone_is_no_trouble(
        self, pair: Pair, server: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair[1].shutdown(socket.SHUT_RDWR)
        self.handled(False, pair, server, monkeypatch)
        assert pair[0].recv(1) == b""
