"""Questions to a client's FHIR server: one call at a time, bounded in time, size and pages, trusting nothing.

What real servers do is in ``docs/fhir-servers.md``; what follows from it here:

- Redirects are refused, not followed; a ``next`` link is followed on the same origin only, never twice.
- A search whose URL would be long is posted to ``_search``; where that is not supported, it is asked as a GET.
- 429 and 503 with a ``Retry-After`` that fits into the budget, and a connection that broke, get one more try.
- Matches are picked by ``resourceType`` and ``search.mode``; ``total`` is never believed.
- A body is read in pieces, unpacked in pieces, and dropped when it is too large, too late or ends too early.

No error from here carries a URL, a header or a body: each is one of the words in ``Trouble``.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin

import requests
import urllib3

from cds_service.budget import Budget
from cds_service.bundles import has_type, is_mild, next_link, resource_of, type_of
from cds_service.strict_json import StrictJsonError, decode
from cds_service.url_guard import Base, Guard, Line, NotAllowedError, on_line

LONGEST_URL: Final = 2000
"""Above it a search is posted: some servers and proxies cut or refuse query strings from 2048 characters on."""

_MOST_DEPTH = 64
_CHUNK = 65536
_TRIES = 2
_GZIP = 16 + zlib.MAX_WBITS
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ID = re.compile(r"(?!\.{1,2}$)[^\s/\x00-\x1f\x7f]+")
_NO_POST = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_CHARSETS = re.compile(r"charset=\"?(iso-8859-1|iso-8859-15|windows-1252|utf-16|latin1)\b", re.IGNORECASE)


class Trouble(StrEnum):
    """Why a question was not answered. Fit to be logged and to be sent to the client: it quotes nothing."""

    NO_TOKEN = "no-token"  # noqa: S105  a word, not a secret
    FOREIGN_TOKEN = "foreign-token"  # noqa: S105  as above
    NOT_ALLOWED = "not-allowed"
    REFUSED = "refused"
    NOT_FOUND = "not-found"
    BUSY = "busy"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    LATE = "late"


class FhirError(Exception):
    """A question that was not answered."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Limits:
    """What one search may cost."""

    max_pages: int = 20
    max_bytes: int = 16 * 1024 * 1024
    """Of all pages together, unpacked."""


@dataclass(slots=True)
class Harvest:
    """What a search has brought so far: whoever stops waiting takes what is there."""

    resources: list[Any] = field(default_factory=list)
    included: list[Any] = field(default_factory=list)
    pages: int = 0
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A search: a resource type and its parameters, in order."""

    kind: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def query(self) -> str:
        """The parameters as a query string."""
        return urlencode(self.parameters, quote_via=quote, safe=":/,")


@dataclass(frozen=True, slots=True)
class Call:
    """What bounds one question: the budget, and the line on which the one who waits can hang up."""

    budget: Budget
    line: Line = field(default_factory=Line)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    charset: str


class FhirServer:
    """One FHIR server, with the permission that came with one request."""

    def __init__(  # noqa: PLR0913  each by name
        self,
        base: Base,
        token: str | None,
        *,
        session: requests.Session,
        guard: Guard,
        limits: Limits,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            # It would end the header line and begin another.
            raise FhirError(Trouble.NO_TOKEN)
        self._base = base
        self._session = session
        self._guard = guard
        self._limits = limits
        self._pause = pause
        self._headers = {
            "Accept": "application/fhir+json, application/json;q=0.9",
            "Accept-Encoding": "gzip",
            # Some servers answer a repeated search from memory.
            "Cache-Control": "no-cache",
            "User-Agent": "magnesium-cds",
        }
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    @property
    def url(self) -> str:
        """The base URL."""
        return self._base.url

    def read(self, kind: str, own_id: str, call: Call) -> dict[str, Any]:
        """Return one resource.

        Raises:
            FhirError: it did not come.
        """
        if not _ID.fullmatch(own_id):
            raise FhirError(Trouble.NOT_ALLOWED)
        with on_line(call.line):
            url = f"{self.url}/{kind}/{quote(own_id, safe='')}"
            reply = self._ask("GET", url, call.budget, self._limits.max_bytes)
        resource = _decoded(reply)
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise FhirError(Trouble.FAILED if type_of(resource) == "OperationOutcome" else Trouble.UNREADABLE)
        return resource

    def search(
        self, search: Search, into: Harvest, call: Call, *, enough: Callable[[Sequence[Any]], bool] = lambda _: False
    ) -> None:
        """Put the matches of a search, page by page, into ``into``.

        Args:
            search: What to ask for.
            into: Gets the resources as they come, and the trouble if there was any.
            call: The budget and the line.
            enough: Whether, after the matches of a page, the rest is not wanted.
        """
        self._pages(search.kind, search, into, call, enough)

    def follow(self, kind: str, link: str, into: Harvest, call: Call) -> None:
        """Put what the client's own answer left for later pages into ``into``."""
        self._pages(kind, link, into, call, lambda _: False)

    def _pages(
        self, kind: str, start: Search | str, into: Harvest, call: Call, enough: Callable[[Sequence[Any]], bool]
    ) -> None:
        room = self._limits.max_bytes
        asked: set[str] = set()
        try:
            with on_line(call.line):
                url = self._url(start) if isinstance(start, Search) else self._next(f"{self.url}/", start)
                while True:
                    asked.add(url)
                    reply = (
                        self._first(start, url, call.budget, room)
                        if isinstance(start, Search) and not into.pages
                        else self._ask("GET", url, call.budget, room)
                    )
                    room -= len(reply.body)
                    page = _page(_decoded(reply), kind)
                    into.resources += page.matches
                    into.included += page.included
                    into.pages += 1
                    if page.next is None or enough(page.matches):
                        return
                    url = self._next(url, page.next)
                    if into.pages >= self._limits.max_pages or url in asked:
                        into.trouble = Trouble.TOO_LARGE
                        return
        except FhirError as error:
            into.trouble = error.trouble

    def _url(self, search: Search) -> str:
        return f"{self.url}/{search.kind}?{search.query}"

    def _next(self, url: str, link: str) -> str:
        try:
            found = urljoin(url, link)
            self._guard.follows(found, self._base)
        except (NotAllowedError, ValueError):
            raise FhirError(Trouble.NOT_ALLOWED) from None
        return found

    def _first(self, search: Search, url: str, budget: Budget, room: int) -> _Reply:
        if len(url) <= LONGEST_URL:
            return self._ask("GET", url, budget, room)
        try:
            return self._ask("POST", f"{self.url}/{search.kind}/_search", budget, room, search.query)
        except _NotPostedError:
            return self._ask("GET", url, budget, room)

    def _ask(self, method: str, url: str, budget: Budget, room: int, form: str | None = None) -> _Reply:
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._send(method, url, budget, room, form)
            except _AgainError as again:
                if not tries_left or again.after >= budget.left:
                    raise FhirError(Trouble.LATE if not budget.left else again.trouble) from None
                if again.after:
                    self._pause(again.after)
        raise FhirError(Trouble.FAILED)  # pragma: no cover  the last try raised or returned

    def _send(self, method: str, url: str, budget: Budget, room: int, form: str | None) -> _Reply:
        left = budget.left
        if not left:
            raise FhirError(Trouble.LATE)
        headers = self._headers
        if form is not None:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            prepared = self._session.prepare_request(requests.Request(method, url, headers, data=form))
            # Once more on what is really sent: two parsers have read the URL by now.
            self._guard.follows(prepared.url or "", self._base)
            response = self._session.send(prepared, stream=True, timeout=(left, left), allow_redirects=False)
        except NotAllowedError:
            raise FhirError(Trouble.NOT_ALLOWED) from None
        except requests.Timeout:
            raise FhirError(Trouble.LATE) from None
        except requests.exceptions.SSLError:
            raise FhirError(Trouble.FAILED) from None
        except requests.ConnectionError:
            raise _AgainError(Trouble.FAILED) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
            # ValueError: a line of the answer that none of the layers below could make anything of.
            raise FhirError(Trouble.FAILED) from None
        try:
            _check_status(response, posted=form is not None)
            body = b"".join(_body(response, budget, room))
        except BaseException:
            response.close()
            raise
        return _Reply(response.status_code, body, response.headers.get("Content-Type", ""))


class _AgainError(Exception):
    """Nothing came, and asking once more may help."""

    def __init__(self, trouble: Trouble, after: float = 0.0) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.after = after


class _NotPostedError(FhirError):
    """The server takes no posted searches."""


def _check_status(response: requests.Response, *, posted: bool) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    if status in _BUSY:
        after = response.headers.get("Retry-After", "").strip()
        if after.isascii() and after.isdigit():
            raise _AgainError(Trouble.BUSY, min(float(after), 3600.0))
        raise FhirError(Trouble.BUSY)
    if posted and status in _NO_POST:
        raise _NotPostedError(Trouble.REFUSED)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise FhirError(Trouble.NOT_FOUND)
    raise FhirError(Trouble.FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Trouble.REFUSED)


def _body(response: requests.Response, budget: Budget, room: int) -> Iterator[bytes]:
    """Yield the body in pieces, unpacked, as long as there is time and room."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().casefold()
    if encoding not in {"identity", "", "gzip", "x-gzip"}:
        raise FhirError(Trouble.UNREADABLE)
    unpack = zlib.decompressobj(_GZIP) if encoding.endswith("gzip") else None
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            if not budget.left:
                raise FhirError(Trouble.LATE)
            piece = unpack.decompress(chunk, room + 1) if unpack is not None else chunk
            room -= len(piece)
            if room < 0:
                raise FhirError(Trouble.TOO_LARGE)
            yield piece
    except zlib.error:
        raise FhirError(Trouble.UNREADABLE) from None
    except urllib3.exceptions.ReadTimeoutError:
        raise FhirError(Trouble.LATE) from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise FhirError(Trouble.FAILED if budget.left else Trouble.LATE) from None
    if unpack is not None and not unpack.eof:
        raise FhirError(Trouble.FAILED)


def _decoded(reply: _Reply) -> Any:
    try:
        return decode(_utf_8(reply), max_depth=_MOST_DEPTH)
    except StrictJsonError:
        raise FhirError(Trouble.UNREADABLE) from None


def _utf_8(reply: _Reply) -> bytes:
    """Return the body in UTF-8. It is, whatever the header says; where it is not, the header is believed."""
    named = _CHARSETS.search(reply.charset)
    if named is None:
        return reply.body
    try:
        reply.body.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return reply.body.decode(named[1]).encode("utf-8")
        except UnicodeError:
            raise FhirError(Trouble.UNREADABLE) from None
    return reply.body


@dataclass(frozen=True, slots=True)
class _Page:
    matches: list[Any]
    included: list[Any]
    next: str | None


def _page(value: Any, kind: str) -> _Page:
    if type_of(value) == "OperationOutcome":
        raise FhirError(Trouble.FAILED)
    entries = value.get("entry", []) if type_of(value) == "Bundle" else None
    if not isinstance(entries, list):
        raise FhirError(Trouble.UNREADABLE)
    page = _Page([], [], next_link(value))
    for entry in entries:
        resource = resource_of(entry)
        name = type_of(resource)
        if name == "OperationOutcome":
            if not is_mild(resource):
                raise FhirError(Trouble.FAILED)
        elif not has_type(resource) or (name == kind and _mode(entry) != "include"):
            # What is no resource is left to the readers, who report it.
            page.matches.append(resource)
        elif name == "Medication":
            page.included.append(resource)
    return page


def _mode(entry: Mapping[str, Any]) -> Any:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None
