"""SSRF (M-05): whatever a client writes into ``fhirServer``, ``next`` or ``jku``, only listed addresses are called.

The matrix is about names; below it, real sockets show that what is connected to is what was checked.
"""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.budget import Budget
from cds_service.fhir_client import Call, FhirServer, Harvest, Limits, Search, Trouble
from cds_service.url_guard import (
    LOOPBACK,
    Base,
    Guard,
    Line,
    NotAllowedError,
    guarded_session,
    on_line,
    resolve,
)

LISTED = "https://ehr.example.org/fhir/r4"
GUARD = Guard.listing([LISTED])
NEVER = Budget(float("inf"), lambda: 0.0)

ELSEWHERE = {
    "another host": "https://evil.example/fhir/r4",
    "the host as a prefix": "https://ehr.example.org.evil.example/fhir/r4",
    "the host as a user name": "https://ehr.example.org@evil.example/fhir/r4",
    "a user name": "https://user:secret@ehr.example.org/fhir/r4",
    "an empty user name": "https://@ehr.example.org/fhir/r4",
    "a wrong port": "https://ehr.example.org:8443/fhir/r4",
    "port 0": "https://ehr.example.org:0/fhir/r4",
    "no number for a port": "https://ehr.example.org:https/fhir/r4",
    "plain http": "http://ehr.example.org/fhir/r4",
    "loopback": "http://127.0.0.1/fhir/r4",
    "loopback by name": "http://localhost/fhir/r4",
    "loopback, IPv6": "https://[::1]/fhir/r4",
    "loopback as one number": "https://2130706433/fhir/r4",
    "loopback in hexadecimal": "https://0x7f.0.0.1/fhir/r4",
    "loopback, shortened": "https://127.1/fhir/r4",
    "a private address": "https://10.0.0.5/fhir/r4",
    "link-local: the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "the metadata by IPv6": "http://[fd00:ec2::254]/latest/meta-data/",
    "any address": "https://0.0.0.0/fhir/r4",
    "a file": "file:///etc/passwd",
    "a file on the host": "file://ehr.example.org/fhir/r4",
    "gopher": "gopher://ehr.example.org/fhir/r4",
    "ftp": "ftp://ehr.example.org/fhir/r4",
    "a backslash before the host": "https://evil.example\\@ehr.example.org/fhir/r4",
    "a backslash after the host": "https://ehr.example.org\\.evil.example/fhir/r4",
    "a line break in the host": "https://ehr.exa\nmple.org/fhir/r4",
    "a header after the path": "https://ehr.example.org/fhir/r4 HTTP/1.1\r\nX-Injected: 1",
    "a percent sign in the host": "https://ehr.example.org%2f@evil.example/fhir/r4",
    "a full stop of another script": "https://ehr\u3002example.org/fhir/r4",
    "a letter of another script": "https://ehr.ex\u0430mple.org/fhir/r4",
    "a letter that folds to another": "https://e\u0127r.example.org/fhir/r4",
    "no host": "https:///fhir/r4",
    "an open bracket": "https://[ehr.example.org/fhir/r4",
}
# Joined to the page they stand on, these are links of that page.
REPAIRED = ("no host", "a line break in the host", "a header after the path")
# On the right origin, but another address: no base, and no key set, is reached by these.
BESIDE = {
    "another path": "https://ehr.example.org/fhir/r5",
    "a longer path": "https://ehr.example.org/fhir/r4/admin",
    "dot segments": "https://ehr.example.org/fhir/x/../r4",
    "escaped dot segments": "https://ehr.example.org/fhir/x/%2e%2e/r4",
    "an escaped slash": "https://ehr.example.org/fhir%2fr4",
    "a double slash": "https://ehr.example.org//fhir/r4",
    "a query": "https://ehr.example.org/fhir/r4?tenant=2",
    "an empty query": "https://ehr.example.org/fhir/r4?",
    "a fragment": "https://ehr.example.org/fhir/r4#x",
}


def cases(table: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("url", table.values(), ids=table.keys())


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that somebody tried to resolve; nothing resolves."""
    names: list[str] = []

    def refuse(host: str, *_: Any, **__: Any) -> Any:
        names.append(host)
        raise socket.gaierror("nothing resolves here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return names


@pytest.mark.requirement("M-04", "M-05", "R-32", "R-75")
class TestTheMatrix:
    """For ``fhirServer`` through the service itself, see ``tests/fhir_server/test_guard.py``."""

    @cases(ELSEWHERE | BESIDE)
    def test_no_fhir_server_or_jku_but_the_listed(self, url: str) -> None:
        with pytest.raises(NotAllowedError):
            GUARD.base(url)

    @cases({name: url for name, url in ELSEWHERE.items() if name not in REPAIRED})
    def test_next_is_not_followed_to_another_origin(self, url: str, resolved: list[str]) -> None:
        session = guarded_session(GUARD)
        server = FhirServer(Base.of(LISTED), "secret-token", session=session, guard=GUARD, limits=Limits())
        harvest = Harvest()
        server.follow("Observation", url, harvest, Call(NEVER))
        assert harvest.trouble is Trouble.NOT_ALLOWED
        assert resolved == []

    @cases({name: ELSEWHERE[name] for name in REPAIRED})
    def test_a_next_that_is_no_url_leads_to_its_own_origin_or_nowhere(self, url: str, resolved: list[str]) -> None:
        session = guarded_session(GUARD)
        server = FhirServer(Base.of(LISTED), "secret-token", session=session, guard=GUARD, limits=Limits())
        harvest = Harvest()
        server.follow("Observation", url, harvest, Call(NEVER))
        assert harvest.trouble is not None
        assert set(resolved) <= {"ehr.example.org"}

    @pytest.mark.parametrize(
        "url", [LISTED, LISTED + "/", "https://EHR.example.org/fhir/r4", "https://ehr.example.org:443/fhir/r4"]
    )
    def test_the_listed_base_in_other_spellings(self, url: str) -> None:
        assert GUARD.base(url).url == LISTED

    def test_nothing_is_allowed_unless_it_is_listed(self) -> None:
        with pytest.raises(NotAllowedError):
            Guard().base(LISTED)

    def test_http_is_for_development_even_if_it_is_listed(self) -> None:
        url = "http://ehr.example.org/fhir"
        assert Guard.listing([url], https_only=False).base(url).url == url
        with pytest.raises(NotAllowedError):
            Guard.listing([url]).base(url)
        with pytest.raises(requests.exceptions.InvalidSchema):
            guarded_session(Guard.listing([url])).get(url, timeout=1)

    def test_what_is_wrong_is_never_repeated(self) -> None:
        for url in (ELSEWHERE | BESIDE).values():
            with pytest.raises(NotAllowedError) as caught:
                GUARD.base(url)
            assert "example" not in str(caught.value)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",  # noqa: S104  an address to refuse
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "::7f00:1",
            "::5db8:d822",
            "::ffff:0:7f00:1",
            "::ffff:0:5db8:d822",
            "64:ff9b:1::7f00:1",
            "fec0::1",
            "not an address",
        ],
    )
    def test_refused(self, address: str) -> None:
        assert not GUARD.permits(address)

    @pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
    def test_public_ones_pass(self, address: str) -> None:
        assert GUARD.permits(address)

    def test_private_ones_pass_if_their_network_is_listed(self) -> None:
        guard = Guard.listing([LISTED], [ipaddress.ip_network("10.1.0.0/16")])
        assert guard.permits("10.1.2.3")
        assert guard.permits("::ffff:10.1.2.3")
        assert not guard.permits("10.2.2.3")
        assert not guard.permits("127.0.0.1")

    def test_a_base_that_is_an_address_lists_that_address_and_no_other(self) -> None:
        guard = Guard.listing(["https://10.1.2.3/fhir", "https://[fd00::5]/fhir"])
        assert guard.permits("10.1.2.3")
        assert guard.permits("fd00::5")
        assert not guard.permits("10.1.2.4")

    def test_no_network_makes_an_address_of_nobody_reachable(self) -> None:
        everything = Guard.listing([], [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")])
        assert not everything.permits("0.0.0.0")  # noqa: S104  an address to refuse
        assert not everything.permits("224.0.0.1")


# ── What is connected to ──────────────────────────────────────────────────────────────────────────


class QuietServer(ThreadingHTTPServer):
    """Clients that hang up, or refuse a certificate, are what is tested here."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


class Listener:
    """A server that answers every GET with what it is told, and remembers who came."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        listener = self
        self.requests: list[tuple[str, str | None]] = []
        self.status = 200
        self.headers: dict[str, str] = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                listener.requests.append((self.path, self.headers.get("Authorization")))
                self.send_response(listener.status)
                for name, value in {"Content-Length": "2", **listener.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = QuietServer((address, port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def speak_tls(self, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


MakeListener = Callable[..., Listener]


@pytest.fixture
def listen() -> Iterator[MakeListener]:
    started: list[Listener] = []

    def start(*args: Any) -> Listener:
        started.append(Listener(*args))
        return started[-1]

    yield start
    for one in started:
        one.close()


class TestConnections:
    def test_a_listed_name_that_resolves_to_this_machine_is_not_connected_to(self, listen: MakeListener) -> None:
        server = listen()
        guard = Guard.listing(["http://ehr.example.org/fhir"], https_only=False)
        session = guarded_session(guard, resolve=lambda *_: ["127.0.0.1"])
        with pytest.raises(NotAllowedError):
            session.get(f"http://ehr.example.org:{server.port}/fhir", timeout=5)
        assert server.requests == []

    def test_dns_rebinding_gains_nothing(self, listen: MakeListener, monkeypatch: pytest.MonkeyPatch) -> None:
        """The name is resolved once for a connection, and the address that was checked is the one connected to."""
        checked = listen("127.0.0.1")
        inside = listen("127.0.0.2", checked.port)
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        guard = Guard.listing([], [ipaddress.ip_network("127.0.0.1/32")], https_only=False)
        real, looked_up = socket.getaddrinfo, []

        def spy(host: Any, *args: Any, **kwargs: Any) -> Any:
            looked_up.append(host)
            return real(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", spy)
        url = f"http://rebinding.example:{checked.port}/fhir"
        guarded_session(guard, resolve=lambda *_: next(answers)).get(url, timeout=5).close()
        assert set(looked_up) == {"127.0.0.1"}
        assert len(checked.requests) == 1

        with pytest.raises(NotAllowedError):
            guarded_session(guard, resolve=lambda *_: next(answers)).get(url, timeout=5)
        assert inside.requests == []

    def test_of_several_addresses_only_permitted_ones_are_tried(self, listen: MakeListener) -> None:
        server = listen("127.0.0.3")
        forbidden = listen("127.0.0.2", server.port)
        guard = Guard.listing(
            [], [ipaddress.ip_network("127.0.0.3/32"), ipaddress.ip_network("127.0.0.4/32")], https_only=False
        )
        # Nobody listens on the first permitted one: the next is tried.
        session = guarded_session(guard, resolve=lambda *_: ["127.0.0.2", "127.0.0.4", "127.0.0.3"])
        session.get(f"http://ehr.example.org:{server.port}/fhir", timeout=5).close()
        assert len(server.requests) == 1
        assert forbidden.requests == []

    def test_the_name_stays_the_name_for_tls_and_for_the_host_header(self, listen: MakeListener) -> None:
        server = listen()
        guard = Guard.listing([], LOOPBACK, https_only=False)
        session = guarded_session(guard, resolve=lambda *_: ["127.0.0.1"])
        answer = session.get(f"http://ehr.example.org:{server.port}/fhir", timeout=5, stream=True)
        connection: Any = answer.raw._connection
        assert connection.host == "ehr.example.org"
        assert answer.request.url == f"http://ehr.example.org:{server.port}/fhir"
        answer.close()

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, to make a certificate with, is not here")
    def test_the_certificate_is_checked_against_the_name(self, listen: MakeListener, tmp_path: Path) -> None:
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ehr.example.org"
        command += f" -addext subjectAltName=DNS:ehr.example.org -keyout {key} -out {certificate}"
        subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603  our own words
        server = listen()
        server.speak_tls(certificate, key)
        session = guarded_session(Guard.listing([], LOOPBACK), resolve=lambda *_: ["127.0.0.1"])
        session.verify = str(certificate)
        assert session.get(f"https://ehr.example.org:{server.port}/fhir", timeout=20).content == b"{}"
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://other.example.org:{server.port}/fhir", timeout=20)
        session.verify = True
        session.close()
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://ehr.example.org:{server.port}/fhir", timeout=20)
        assert len(server.requests) == 1

    def test_connections_are_kept_and_used_again(self, listen: MakeListener) -> None:
        server = listen()
        asked: list[str] = []
        guard = Guard.listing([], LOOPBACK, https_only=False)

        def resolve_here(host: str, _: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        session = guarded_session(guard, resolve=resolve_here)
        fhir = FhirServer(
            Base.of(f"http://ehr.example.org:{server.port}"), None, session=session, guard=guard, limits=Limits()
        )
        for _ in range(3):
            fhir.search(Search("Observation", ()), Harvest(), Call(NEVER_LATE))
        assert len(server.requests) == 3
        assert asked == ["ehr.example.org"]

    def test_neither_proxy_nor_password_is_taken_from_the_environment(
        self, listen: MakeListener, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        proxy, server = listen(), listen()
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n", encoding="utf-8")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        guard = Guard.listing([f"http://127.0.0.1:{server.port}"], https_only=False)
        guarded_session(guard).get(f"http://127.0.0.1:{server.port}/fhir", timeout=5).close()
        assert server.requests == [("/fhir", None)]
        assert proxy.requests == []

    def test_a_proxy_that_is_asked_for_is_refused(self) -> None:
        guard = Guard.listing([], LOOPBACK, https_only=False)
        with pytest.raises(NotAllowedError):
            guarded_session(guard).get("http://127.0.0.1:9/", timeout=1, proxies={"http": "http://127.0.0.1:9"})

    def test_a_redirect_is_not_followed_and_the_token_stays(self, listen: MakeListener) -> None:
        server, elsewhere = listen(), listen()
        server.status, server.headers = 302, {"Location": f"http://127.0.0.1:{elsewhere.port}/fhir"}
        url = f"http://127.0.0.1:{server.port}"
        guard = Guard.listing([url, f"http://127.0.0.1:{elsewhere.port}"], https_only=False)
        fhir = FhirServer(Base.of(url), "secret-token", session=guarded_session(guard), guard=guard, limits=Limits())
        harvest = Harvest()
        fhir.search(Search("Observation", ()), harvest, Call(NEVER_LATE))
        assert harvest.trouble is Trouble.REFUSED
        assert server.requests == [("/Observation", "Bearer secret-token")]
        assert elsewhere.requests == []

    def test_cookies_of_one_call_do_not_come_along_on_the_next(self, listen: MakeListener) -> None:
        server = listen()
        server.headers = {"Set-Cookie": "session=somebody"}
        guard = Guard.listing([f"http://127.0.0.1:{server.port}"], https_only=False)
        session = guarded_session(guard)
        session.get(f"http://127.0.0.1:{server.port}/fhir", timeout=5).close()
        assert not session.cookies


NEVER_LATE = Budget(60.0, lambda: 0.0)


class TestHangingUp:
    def test_whoever_waits_for_a_silent_server_is_woken(self) -> None:
        silent = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        guard = Guard.listing([url], https_only=False)
        session, line, errors = guarded_session(guard), Line(), []

        def call() -> None:
            with on_line(line):
                try:
                    session.get(url, timeout=60)
                except requests.ConnectionError as error:
                    errors.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        accepted, _ = silent.accept()
        accepted.recv(1000)
        line.cut()
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert errors
        accepted.close()
        silent.close()

    def test_a_line_that_was_cut_before_it_was_taken_is_cut_all_the_same(self, listen: MakeListener) -> None:
        server = listen()
        url = f"http://127.0.0.1:{server.port}/"
        session, line = guarded_session(Guard.listing([url], https_only=False)), Line()
        line.cut()
        with on_line(line), pytest.raises(requests.ConnectionError):
            session.get(url, timeout=60)

    def test_a_connection_that_somebody_else_uses_by_now_is_left_alone(self, listen: MakeListener) -> None:
        server = listen()
        url = f"http://127.0.0.1:{server.port}/"
        session, first, second = guarded_session(Guard.listing([url], https_only=False)), Line(), Line()
        with on_line(first):
            session.get(url, timeout=60)
        with on_line(second):
            answer = session.get(url, timeout=60, stream=True)
            first.cut()
            assert answer.content == b"{}"


def test_a_name_resolves_to_its_addresses_each_once() -> None:
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]
