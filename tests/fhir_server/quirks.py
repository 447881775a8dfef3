"""A proxy that does to a well-behaved FHIR server's answers what real servers and networks do.

Real sockets on the side of the service; behind it the sandbox. What it does to whom is looked up in ``QUIRKS`` and
``FAULTS``. Quirks are to change nothing but the time; faults are to cost what they hit and nothing else.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask

from cds_service.sandbox import SANDBOX_PATH

Parameters = list[tuple[str, str]]
Quirk: TypeAlias = "Callable[[Visit], None]"


class Visit:
    """One request to the proxy, and its answer until it is sent."""

    def __init__(self, handler: BaseHTTPRequestHandler, proxy: Proxy) -> None:
        self.handler = handler
        self.proxy = proxy
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.path = parts.path
        self.parameters: Parameters = parse_qsl(parts.query, keep_blank_values=True)
        self.form: Parameters = []
        if length := int(handler.headers.get("Content-Length") or 0):
            self.form = parse_qsl(handler.rfile.read(length).decode(), keep_blank_values=True)

    @property
    def kind(self) -> str:
        """The resource type that is asked for; empty for the base itself."""
        return self.path.removeprefix(SANDBOX_PATH).strip("/").partition("/")[0]

    @property
    def is_first(self) -> bool:
        """Whether the same was not asked before."""
        return self.proxy.times(self.path) == 1

    def parameter(self, name: str) -> str:
        return dict([*self.form, *self.parameters]).get(name, "")

    def set(self, name: str, value: str) -> None:
        """Change a parameter, wherever it stands."""
        own = self.form or self.parameters
        own[:] = [*((key, old) for key, old in own if key != name), (name, value)]

    def answer(self) -> tuple[int, Any]:
        """Ask the server behind."""
        status, body = self.raw()
        return status, json.loads(body)

    def raw(self) -> tuple[int, bytes]:
        client = self.proxy.app.test_client()
        answer = client.open(
            self.path,
            method=self.method,
            query_string=urlencode(self.parameters),
            data=dict(self.form) if self.form else None,
            base_url=self.proxy.origin,
        )
        return answer.status_code, answer.get_data()

    def send(self, status: int, body: bytes | Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        fields = {"Content-Type": "application/fhir+json", "Content-Length": str(len(data))}
        self.start(status, {**fields, **{name.replace("_", "-"): value for name, value in headers.items()}})
        self.handler.wfile.write(data)

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def hang(self) -> None:
        """Say nothing until the test is over, or a minute has passed."""
        self.proxy.over.wait(60)
        self.handler.close_connection = True


class Proxy:
    """The proxy, listening while its ``with`` block runs.

    Args:
        app: The server behind.
        quirk: What happens to the requests it is for.
        only: The resource type that the quirk is for; all if empty.
    """

    def __init__(self, app: Flask, quirk: Quirk, only: str = "") -> None:
        self.app = app
        self.over = threading.Event()
        self.seen: list[str] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with proxy._lock:
                    proxy.seen.append(urlsplit(self.path).path)
                visit = Visit(self, proxy)
                try:
                    if only in {"", visit.kind}:
                        quirk(visit)
                    else:
                        visit.send(*visit.raw())
                except OSError:
                    self.close_connection = True  # whoever asked hung up

            do_POST = do_GET  # noqa: N815  named by http.server

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = self.origin + SANDBOX_PATH

    def times(self, path: str) -> int:
        with self._lock:
            return self.seen.count(path)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


# ── Quirks: what changes nothing ──────────────────────────────────────────────────────────────────


def pages_of_20(visit: Visit) -> None:
    """20 on a page, whatever ``_count`` says."""
    visit.set("_count", "20")
    visit.send(*visit.answer())


def no_total(visit: Visit) -> None:
    """No ``total``."""
    status, body = visit.answer()
    body.pop("total", None)
    visit.send(status, body)


def wrong_total(visit: Visit) -> None:
    """A ``total`` of nothing."""
    status, body = visit.answer()
    if "total" in body:
        body["total"] = 0
    visit.send(status, body)


def extra_includes(visit: Visit) -> None:
    """Resources that nobody asked for, and a remark."""
    status, body = visit.answer()
    issue = {"severity": "information", "code": "informational", "diagnostics": "by the way"}
    extra: list[tuple[str, dict[str, Any]]] = [
        ("include", {"resourceType": "Practitioner", "id": "somebody"}),
        ("include", {"resourceType": "Patient", "id": "stranger"}),
        ("include", {"resourceType": "Observation", "id": "related", "status": "final"}),
        ("outcome", {"resourceType": "OperationOutcome", "issue": [issue]}),
    ]
    if body["resourceType"] == "Bundle":
        entries = [{"resource": resource, "search": {"mode": mode}} for mode, resource in extra]
        body["entry"] = [*entries[:2], *body.get("entry", []), *entries[2:]]
    visit.send(status, body)


def parameters_ignored(visit: Visit) -> None:
    """Every search returns everything of everybody, in no order."""
    kept = [(name, value) for name, value in visit.parameters if name == "_offset"]
    visit.method, visit.path, visit.form = "GET", visit.path.removesuffix("/_search"), []
    visit.parameters = [*kept, ("_count", "100")]
    visit.send(*visit.answer())


def includes_ignored(visit: Visit) -> None:
    """``_include`` is not known."""
    status, body = visit.answer()
    if "entry" in body:
        body["entry"] = [entry for entry in body["entry"] if entry["search"]["mode"] == "match"]
    visit.send(status, body)


def batch_refused(visit: Visit) -> None:
    """A batch is a 400."""
    if not visit.kind:
        visit.send(400, {"resourceType": "OperationOutcome"})
        return
    visit.send(*visit.answer())


def post_refused(visit: Visit) -> None:
    """A posted search is a 405."""
    if visit.method == "POST":
        visit.send(405, {"resourceType": "OperationOutcome"}, Allow="GET")
        return
    visit.send(*visit.answer())


def pages_twice(visit: Visit) -> None:
    """Every page comes twice, under two addresses."""
    visit.set("_count", "20")
    again = visit.parameter("again")
    visit.parameters = [(name, value) for name, value in visit.parameters if name != "again"]
    status, body = visit.answer()
    for link in body.get("link", ()):
        if link["relation"] == "next" and not again:
            here = next(other for other in body["link"] if other["relation"] == "self")
            link["url"] = here["url"] + "&again=1"
    visit.send(status, body)


def wrong_charset(visit: Visit) -> None:
    """UTF-8 that calls itself Latin-1."""
    visit.send(*visit.answer(), Content_Type="application/fhir+json; charset=iso-8859-1")


def latin_1(visit: Visit) -> None:
    """Latin-1 that says so."""
    status, body = visit.answer()
    data = json.dumps({**body, "language": "d\u00e9j\u00e0"}, ensure_ascii=False).encode("iso-8859-1")
    visit.send(status, data, Content_Type='application/fhir+json; charset="ISO-8859-1"')


def byte_order_mark(visit: Visit) -> None:
    """A byte order mark before the JSON."""
    status, body = visit.answer()
    visit.send(status, b"\xef\xbb\xbf" + json.dumps(body).encode())


def packed(visit: Visit) -> None:
    """gzip."""
    status, body = visit.answer()
    visit.send(status, gzip.compress(json.dumps(body).encode()), Content_Encoding="gzip")


def busy_once(visit: Visit) -> None:
    """429, come back at once."""
    if visit.is_first:
        visit.send(429, {"resourceType": "OperationOutcome"}, Retry_After="0")
        return
    visit.send(*visit.answer())


def reset_once(visit: Visit) -> None:
    """The connection breaks the first time."""
    if visit.is_first:
        reset(visit)
        return
    visit.send(*visit.answer())


QUIRKS: dict[str, Quirk] = {
    quirk.__name__.replace("_", " "): quirk
    for quirk in (
        pages_of_20,
        no_total,
        wrong_total,
        extra_includes,
        parameters_ignored,
        includes_ignored,
        batch_refused,
        post_refused,
        pages_twice,
        wrong_charset,
        latin_1,
        byte_order_mark,
        packed,
        busy_once,
        reset_once,
    )
}


# ── Faults: what costs something ──────────────────────────────────────────────────────────────────


def status(code: int, **headers: str) -> Quirk:
    return lambda visit: visit.send(code, {"resourceType": "OperationOutcome"}, **headers)


def reset(visit: Visit) -> None:
    """Not a word, and the connection is gone."""
    connection = visit.handler.connection
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.handler.close_connection = True
    visit.handler.rfile.close()
    visit.handler.wfile = _Nowhere()  # type: ignore[assignment]  # nothing is left to flush
    connection.close()


class _Nowhere:
    """Where a handler writes to whose connection is gone."""

    closed = True

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def half_a_body(visit: Visit) -> None:
    _, data = visit.raw()
    visit.start(200, {"Content-Type": "application/fhir+json", "Content-Length": str(len(data))})
    visit.handler.wfile.write(data[: len(data) // 2])
    visit.handler.close_connection = True


def half_a_chunked_body(visit: Visit) -> None:
    _, data = visit.raw()
    visit.start(200, {"Content-Type": "application/fhir+json", "Transfer-Encoding": "chunked"})
    visit.handler.wfile.write(f"{len(data):x}\r\n".encode() + data[: len(data) // 2])
    visit.handler.close_connection = True


def silence(visit: Visit) -> None:
    visit.hang()


def silence_after_the_headers(visit: Visit) -> None:
    visit.start(200, {"Content-Type": "application/fhir+json", "Content-Length": "5000"})
    visit.hang()


def body_without_end(visit: Visit) -> None:
    visit.start(200, {"Content-Type": "application/fhir+json", "Transfer-Encoding": "chunked"})
    while not visit.proxy.over.is_set():
        visit.handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def body_in_drops(visit: Visit) -> None:
    visit.start(200, {"Content-Type": "application/fhir+json", "Content-Length": "100000"})
    while not visit.proxy.over.wait(0.05):
        visit.handler.wfile.write(b" ")
        visit.handler.wfile.flush()


def headers_in_drops(visit: Visit) -> None:
    visit.handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not visit.proxy.over.wait(0.05):
        visit.handler.wfile.write(b"x")
        visit.handler.wfile.flush()


def redirect_without_end(visit: Visit) -> None:
    visit.start(302, {"Location": f"{visit.proxy.url}/Patient/x", "Transfer-Encoding": "chunked"})
    while not visit.proxy.over.is_set():
        visit.handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def gzip_bomb(visit: Visit) -> None:
    visit.send(200, gzip.compress(b" " * 200_000_000, 1), Content_Encoding="gzip")


def half_a_gzip(visit: Visit) -> None:
    _, data = visit.raw()
    visit.send(200, gzip.compress(data)[:-20], Content_Encoding="gzip")


def slow_second_page(visit: Visit) -> None:
    visit.set("_count", "20")
    if visit.parameter("_offset"):
        visit.hang()
        return
    visit.send(*visit.answer())


def next_elsewhere(visit: Visit) -> None:
    visit.set("_count", "20")
    code, body = visit.answer()
    for link in body.get("link", ()):
        if link["relation"] == "next":
            link["url"] = link["url"].replace("127.0.0.1", "localhost")
    visit.send(code, body)


def next_leads_back(visit: Visit) -> None:
    code, body = visit.answer()
    if body["resourceType"] == "Bundle":
        body["link"] = [{"relation": "next", "url": f"{visit.proxy.url}/{visit.kind}?{urlencode(visit.parameters)}"}]
    visit.send(code, body)


def pages_without_end(visit: Visit) -> None:
    code, body = visit.answer()
    if body["resourceType"] == "Bundle":
        page = visit.proxy.times(visit.path)
        body["link"] = [
            {
                "relation": "next",
                "url": f"{visit.proxy.url}/{visit.kind}?patient={visit.parameter('patient')}&page={page}",
            }
        ]
    visit.send(code, body)


def outcome_with_status_200(visit: Visit) -> None:
    issue = {"severity": "error", "code": "timeout"}
    visit.send(200, {"resourceType": "OperationOutcome", "issue": [issue]})


def outcome_among_the_matches(visit: Visit) -> None:
    code, body = visit.answer()
    issue = {"severity": "error", "code": "incomplete"}
    if body["resourceType"] == "Bundle":
        body.setdefault("entry", []).append({"resource": {"resourceType": "OperationOutcome", "issue": [issue]}})
        visit.send(code, body)
    else:
        outcome_with_status_200(visit)


def text(body: bytes, content_type: str) -> Quirk:
    return lambda visit: visit.send(200, body, Content_Type=content_type)
