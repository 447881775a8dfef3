"""Public keys: read strictly, fetched rarely, from one address, and never lost to a key server that fails."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cds_service import clock
from cds_service.auth.keys import (
    MAX_AGE,
    MAX_BYTES,
    MIN_INTERVAL,
    PATIENCE,
    FetchedKeys,
    FixedKeys,
    KeysError,
    KeyServer,
    read_keys,
)
from cds_service.settings import SettingsError
from cds_service.url_guard import LOOPBACK, Guard, guarded_session
from tests.signing import Signer, jwks

EC, RSA = Signer("ES384", "ec"), Signer("RS384", "rsa")


class TestReading:
    @pytest.mark.parametrize(
        ("jwk", "algorithms"),
        [
            (EC.jwk(), ("ES384",)),
            (EC.jwk(alg="ES384"), ("ES384",)),
            (EC.jwk(use=None), ("ES384",)),
            (EC.jwk(key_ops=["verify"]), ("ES384",)),
            (Signer("ES256").jwk(), ("ES256",)),
            (RSA.jwk(), ("RS256", "RS384")),
            (RSA.jwk(alg="RS384"), ("RS384",)),
            (RSA.jwk(alg="RS256"), ("RS256",)),
            (RSA.jwk(x5c=["MIIB"], x5t="x", other={"a": None}), ("RS256", "RS384")),
        ],
    )
    def test_a_key_is_for_the_algorithms_of_its_kind_or_the_one_it_names(
        self, jwk: dict[str, Any], algorithms: tuple[str, ...]
    ) -> None:
        (key,) = read_keys(jwks(jwk)).values()
        assert key.algorithms == algorithms

    @pytest.mark.parametrize("kid", ["d3bmo5+Hz/W61TUg=", "../../x", " ", "ключ", "0" * 200])
    def test_a_kid_is_opaque(self, kid: str) -> None:
        assert list(read_keys(jwks(EC.jwk(kid=kid)))) == [kid]

    UNUSABLE: ClassVar[tuple[dict[str, Any], ...]] = (
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1"},
        {"kty": "EC", "crv": "P-384", "kid": "1"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "1"},
        {"kty": "EC", "crv": ["P-384"], "kid": "1"},
        {"kty": "RSA", "n": 1, "e": 2, "kid": "1"},
        {"kty": ["RSA"], "kid": "1"},
        {"kid": "1"},
        {},
        EC.jwk(kid=None),
        EC.jwk(kid=""),
        EC.jwk(kid=7),
        EC.jwk(use="enc"),
        EC.jwk(key_ops=["sign"]),
        EC.jwk(key_ops=7),
        EC.jwk(alg="ES256"),
        EC.jwk(alg="none"),
        EC.jwk(crv="P-256"),
        RSA.jwk(alg="HS256"),
        RSA.jwk(alg="PS384"),
        Signer("RS256", bits=1024).jwk(),
    )

    @pytest.mark.parametrize("jwk", UNUSABLE)
    def test_keys_of_other_kinds_and_for_other_uses_are_left_out(self, jwk: dict[str, Any]) -> None:
        assert list(read_keys(jwks(jwk, EC.jwk()))) == ["ec"]
        with pytest.raises(KeysError, match="no key in it can be used"):
            read_keys(jwks(jwk))

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "not JSON"),
            (b"<html>", "not JSON"),
            (b'{"keys": [], "keys": []}', "not JSON"),
            (b"[" * 100, "not JSON"),
            (b"null", "not a JWK set"),
            (b"{}", "not a JWK set"),
            (b'{"keys": [7]}', "not a JWK set"),
            (json.dumps(EC.jwk()).encode(), "not a JWK set"),
            (jwks(EC.jwk(), Signer(kid="ec", which=1).jwk()), "two keys have the same kid"),
            (jwks(EC.jwk(), EC.jwk(d="AAAA")), "it holds a private key"),
            (jwks(EC.jwk(), {"kty": "oct", "k": "c2VjcmV0", "kid": "1"}), "it holds a private key"),
        ],
    )
    def test_what_is_no_key_set(self, data: bytes, said: str) -> None:
        with pytest.raises(KeysError, match=f"^{said}$"):
            read_keys(data)

    def test_a_file_that_is_gone_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"^jwks_file gone\.json: No such file"):
            FixedKeys.in_file(tmp_path / "gone.json")


class Server:
    """Answers with a key set, counts how often it was asked, and fails when told to."""

    def __init__(self, *signers: Signer) -> None:
        self.answer: bytes | KeysError = jwks(*(signer.jwk() for signer in signers))
        self.asked = 0

    def publish(self, *signers: Signer) -> None:
        self.answer = jwks(*(signer.jwk() for signer in signers))

    def fetch(self) -> bytes:
        self.asked += 1
        if isinstance(self.answer, KeysError):
            raise self.answer
        return self.answer


class Scene:
    """Fetched keys with a stopwatch that is set by hand; fetches run at once."""

    def __init__(self, *signers: Signer, start: Callable[[Callable[[], None]], None] = lambda work: work()) -> None:
        self.server = Server(*signers)
        self.seconds = 0.0
        self.troubles: list[str] = []
        self.keys = FetchedKeys(self.server.fetch, lambda: self.seconds, self.troubles.append, start=start)

    def has(self, kid: str) -> bool:
        return self.keys.find(kid) is not None


OLD, NEW = Signer(kid="old"), Signer(kid="new", which=1)


class TestRotation:
    def test_keys_are_fetched_when_the_first_is_asked_for_and_then_kept(self) -> None:
        scene = Scene(OLD)
        assert scene.server.asked == 0
        assert [scene.has("old") for _ in range(3)] == [True] * 3
        assert scene.server.asked == 1

    def test_an_unknown_key_is_looked_for_once(self) -> None:
        scene = Scene(OLD)
        assert scene.has("old")
        scene.server.publish(OLD, NEW)
        scene.seconds = MIN_INTERVAL
        assert scene.has("new")
        assert scene.has("old")
        assert scene.server.asked == 2

    def test_keys_that_nobody_has_make_no_flood(self) -> None:
        scene = Scene(OLD)
        for n in range(1000):
            scene.seconds = n * MIN_INTERVAL / 500
            assert not scene.has(f"nobody-{n}")
        assert scene.server.asked == 2

    def test_a_key_that_was_withdrawn_is_good_for_max_age_at_most(self) -> None:
        scene = Scene(OLD)
        assert scene.has("old")
        scene.server.publish(NEW)
        scene.seconds = MAX_AGE - 1
        assert scene.has("old")
        scene.seconds = MAX_AGE
        assert scene.has("old")  # fetched behind this call, which does not wait
        assert not scene.has("old")
        assert scene.has("new")
        assert scene.server.asked == 2

    @pytest.mark.parametrize(
        "failure",
        [
            KeysError("it does not answer"),
            b"<html>down for maintenance</html>",
            b'{"keys": []}',
            b'{"keys": [{"kty": "oct", "kid": "old", "k": "c2VjcmV0"}]}',
            jwks(Signer(kid="old", which=1).jwk(), Signer(kid="old", which=2).jwk()),
        ],
    )
    def test_keys_that_are_known_stay_good_whatever_the_key_server_says(self, failure: Any) -> None:
        scene = Scene(OLD)
        key = scene.keys.find("old")
        scene.server.answer = failure
        for round_ in range(1, 6):
            scene.seconds = round_ * MAX_AGE
            assert scene.keys.find("old") is key
        assert scene.server.asked == 6
        assert len(scene.troubles) == 5

    def test_a_key_server_that_is_down_from_the_start_is_asked_again_later(self) -> None:
        scene = Scene()
        scene.server.answer = KeysError("it does not answer")
        assert not scene.has("old")
        scene.server.publish(OLD)
        scene.seconds = MIN_INTERVAL - 1
        assert not scene.has("old")
        scene.seconds = MIN_INTERVAL
        assert scene.has("old")

    def test_calls_that_come_together_share_one_fetch(self) -> None:
        pending: list[Callable[[], None]] = []
        scene = Scene(OLD, start=pending.append)
        found: list[bool] = []
        threads = [threading.Thread(target=lambda: found.append(scene.has("old"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        while not pending:
            time.sleep(0.001)
        pending.pop()()
        for thread in threads:
            thread.join(timeout=PATIENCE * 10)
        assert found == [True] * 8
        assert scene.server.asked == 1

    def test_by_itself_it_fetches_in_the_background(self) -> None:
        server = Server(OLD)
        assert FetchedKeys(server.fetch, lambda: 0.0, print).find("old") is not None


# ── A real key server ─────────────────────────────────────────────────────────────────────────────


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are what is tested here."""


class KeyHost:
    """An https server on this machine that answers ``/jwks.json`` as it is told."""

    def __init__(self, certificate: Path, key: Path) -> None:
        host = self
        self.respond: Callable[[BaseHTTPRequestHandler], object] = lambda handler: reply(handler, 200, b"{}")
        self.paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.paths.append(self.path)
                host.respond(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://keys.example.org:{self._server.server_address[1]}/jwks.json"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, to make a certificate with, is not here")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=keys.example.org"
    command += f" -addext subjectAltName=DNS:keys.example.org -out {files[0]} -keyout {files[1]}"
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603  our own words
    return files


@pytest.fixture
def host(certificate: tuple[Path, Path]) -> Iterator[KeyHost]:
    found = KeyHost(*certificate)
    yield found
    found.close()


def server_at(url: str, certificate: Path) -> KeyServer:
    session = guarded_session(Guard.listing([url], LOOPBACK), resolve=lambda *_: ["127.0.0.1"])
    session.verify = str(certificate)
    return KeyServer(url, session, clock.stopwatch)


FAULTS: dict[str, tuple[Callable[[BaseHTTPRequestHandler], object], str]] = {
    "an error": (lambda handler: reply(handler, 503, b"{}"), "it answers 503"),
    "nothing there": (lambda handler: reply(handler, 404, b"{}"), "it answers 404"),
    "no content": (lambda handler: reply(handler, 204, b""), "it answers 204"),
    "a redirect": (
        lambda handler: reply(handler, 302, b"", Location="https://keys.example.org/other.json"),
        "it answers 302",
    ),
    "too much": (lambda handler: reply(handler, 200, b" " * (MAX_BYTES + 1)), "its answer is too large"),
    "less than it said": (
        lambda handler: reply(handler, 200, b"{}", **{"Content-Length": "100"}),
        "it does not answer",
    ),
    "a line that is none": (
        lambda handler: handler.wfile.write(b"\x00\xff\r\n\r\n"),
        "it does not answer",
    ),
}


class TestFetching:
    def test_keys_rotate_over_https(self, host: KeyHost, certificate: tuple[Path, Path]) -> None:
        seconds = 0.0
        troubles: list[str] = []
        keys = FetchedKeys(server_at(host.url, certificate[0]).fetch, lambda: seconds, troubles.append)
        host.respond = lambda handler: reply(handler, 200, jwks(OLD.jwk()))
        assert keys.find("old") is not None
        host.respond = lambda handler: reply(handler, 200, jwks(NEW.jwk()))
        assert keys.find("new") is None
        seconds = MIN_INTERVAL
        assert keys.find("new") is not None
        host.close()
        seconds = MAX_AGE * 2
        assert keys.find("new") is not None
        assert host.paths == ["/jwks.json"] * 2

    @pytest.mark.parametrize(("respond", "said"), FAULTS.values(), ids=FAULTS.keys())
    def test_what_is_no_answer(
        self,
        host: KeyHost,
        certificate: tuple[Path, Path],
        respond: Callable[[BaseHTTPRequestHandler], object],
        said: str,
    ) -> None:
        host.respond = respond
        with pytest.raises(KeysError, match=f"^{said}$"):
            server_at(host.url, certificate[0]).fetch()
        assert host.paths == ["/jwks.json"]

    @pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow:", b"HTTP"])
    def test_one_that_answers_drop_by_drop_is_hung_up_on(
        self, host: KeyHost, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, begin: bytes
    ) -> None:
        monkeypatch.setattr("cds_service.auth.keys.PATIENCE", 0.2)
        hung_up = threading.Event()

        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(begin)
            try:
                while True:
                    handler.wfile.write(b" ")
                    time.sleep(0.01)
            except OSError:
                hung_up.set()

        host.respond = drip
        with pytest.raises(KeysError, match=r"^it does not answer$"):
            server_at(host.url, certificate[0]).fetch()
        assert hung_up.wait(timeout=30)

    def test_its_certificate_is_checked(self, host: KeyHost) -> None:
        session = guarded_session(Guard.listing([host.url], LOOPBACK), resolve=lambda *_: ["127.0.0.1"])
        with pytest.raises(KeysError, match=r"^it does not answer$"):
            KeyServer(host.url, session, clock.stopwatch).fetch()
        assert host.paths == []

    def test_a_listed_name_that_resolves_to_this_machine_is_not_called(self, host: KeyHost) -> None:
        session = guarded_session(Guard.listing([host.url]), resolve=lambda *_: ["127.0.0.1"])
        with pytest.raises(KeysError, match=r"^its address may not be called$"):
            KeyServer(host.url, session, clock.stopwatch).fetch()
        assert host.paths == []

    def test_it_reaches_https_only(self) -> None:
        server = KeyServer.listing("https://keys.example.org/jwks.json", (), clock.stopwatch)
        assert list(server.session.adapters) == ["https://"]
