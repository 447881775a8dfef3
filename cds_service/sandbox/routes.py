"""``/sandbox/fhir``: the sandbox over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, request

from cds_service.errors import Issue, IssueCode, operation_outcome
from cds_service.sandbox import SANDBOX_PATH
from cds_service.sandbox.search import PARAMETERS, Result, SearchError, search
from cds_service.sandbox.store import Resource, Store

_MEDIA_TYPE = "application/fhir+json"
_MOST_IN_A_BATCH = 100
_CORS = {
    # Invented patients, for whoever's browser asks.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
}


def blueprint(store: Store) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("sandbox", __name__, url_prefix=SANDBOX_PATH)
    server = _Server(store)

    @routes.after_request
    def open_to_browsers(answer: Response) -> Response:
        answer.headers.update(_CORS)
        return answer

    @routes.get("/metadata")
    def metadata() -> Response:
        return _response(HTTPStatus.OK, server.capabilities(_base()))

    @routes.post("/")
    @routes.post("", endpoint="batch_here")
    def batch() -> Response:
        return _response(*server.batch(request.get_json(silent=True, force=True), _base()))

    @routes.get("/<kind>")
    def search_type(kind: str) -> Response:
        return _response(*server.search(kind, _query(), _base()))

    @routes.post("/<kind>/_search")
    def search_posted(kind: str) -> Response:
        posted = list(request.form.items(multi=True))
        return _response(*server.search(kind, [*_query(), *posted], _base()))

    @routes.get("/<kind>/<own_id>")
    def read(kind: str, own_id: str) -> Response:
        return _response(*server.read(kind, own_id))

    return routes


def _base() -> str:
    return request.url_root.rstrip("/") + SANDBOX_PATH


def _query() -> list[tuple[str, str]]:
    return list(request.args.items(multi=True))


def _response(status: HTTPStatus, body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, content_type=_MEDIA_TYPE)


def _problem(status: HTTPStatus, code: IssueCode, text: str) -> tuple[HTTPStatus, Resource]:
    return status, operation_outcome([Issue(code, text)])


class _Server:
    """The answers, apart from HTTP: a batch asks for them, too."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, kind: str, own_id: str) -> tuple[HTTPStatus, Resource]:
        found = self._store.read(kind, own_id)
        if found is None:
            return _problem(HTTPStatus.NOT_FOUND, IssueCode.NOT_FOUND, "There is no such resource in the sandbox.")
        return HTTPStatus.OK, found

    def search(self, kind: str, parameters: Sequence[tuple[str, str]], base: str) -> tuple[HTTPStatus, Resource]:
        if kind not in PARAMETERS:
            text = f"The sandbox can search {', '.join(PARAMETERS)}."
            return _problem(HTTPStatus.NOT_FOUND, IssueCode.NOT_SUPPORTED, text)
        try:
            result = search(self._store, kind, parameters)
        except SearchError as error:
            return _problem(HTTPStatus.BAD_REQUEST, IssueCode.VALUE, f"{error}.")
        return HTTPStatus.OK, _searchset(result, kind, parameters, base)

    def batch(self, bundle: Any, base: str) -> tuple[HTTPStatus, Resource]:
        entries = bundle.get("entry", []) if isinstance(bundle, dict) else None
        if not isinstance(entries, list) or not isinstance(bundle, dict) or bundle.get("type") != "batch":
            return _problem(HTTPStatus.BAD_REQUEST, IssueCode.STRUCTURE, "Expected a Bundle of type batch.")
        if len(entries) > _MOST_IN_A_BATCH:
            text = f"A batch has at most {_MOST_IN_A_BATCH} entries."
            return _problem(HTTPStatus.BAD_REQUEST, IssueCode.TOO_LONG, text)
        answers: list[Resource] = []
        for entry in entries:
            status, resource = self._one(entry, base)
            response: Resource = {"status": f"{status.value} {status.phrase}"}
            if status is not HTTPStatus.OK:
                answers.append({"response": {**response, "outcome": resource}})
            else:
                answers.append({"resource": resource, "response": response})
        body: Resource = {"resourceType": "Bundle", "type": "batch-response"}
        return HTTPStatus.OK, {**body, "entry": answers} if answers else body

    def _one(self, entry: Any, base: str) -> tuple[HTTPStatus, Resource]:
        asked = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(asked, dict) or asked.get("method") != "GET" or not isinstance(asked.get("url"), str):
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, IssueCode.NOT_SUPPORTED, "The sandbox only takes GET.")
        parts = urlsplit(asked["url"])
        match parts.path.strip("/").split("/"):
            case ["metadata"]:
                return HTTPStatus.OK, self.capabilities(base)
            case [kind]:
                return self.search(kind, parse_qsl(parts.query, keep_blank_values=True), base)
            case [kind, own_id]:
                return self.read(kind, own_id)
            case _:
                return _problem(HTTPStatus.NOT_FOUND, IssueCode.NOT_FOUND, "There is no such address in the sandbox.")

    def capabilities(self, base: str) -> Resource:
        kinds = sorted({*PARAMETERS, *self._store.types})
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-21",
            "kind": "instance",
            "implementation": {"description": "magnesium-cds sandbox: invented patients, read-only", "url": base},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "resource": [_resource_capabilities(kind) for kind in kinds],
                    "interaction": [{"code": "batch"}],
                }
            ],
        }


def _resource_capabilities(kind: str) -> Resource:
    parameters = PARAMETERS.get(kind, {})
    interactions = ["read", "search-type"] if parameters else ["read"]
    known: Resource = {"type": kind, "interaction": [{"code": code} for code in interactions]}
    if not parameters:
        return known
    listed = [{"name": name, "type": _kind_of(name)} for name in ("_id", *parameters)]
    return {**known, "searchParam": listed}


def _kind_of(name: str) -> str:
    if name in {"patient", "subject", "encounter"}:
        return "reference"
    dates = {"date", "effective", "effective-time", "authoredon", "authored", "recorded-date", "birthdate"}
    return "date" if name in dates else "token"


def _searchset(result: Result, kind: str, parameters: Sequence[tuple[str, str]], base: str) -> Resource:
    kept = [(name, value) for name, value in parameters if name not in {"_offset", "_count", *result.ignored}]

    def link(relation: str, offset: int) -> dict[str, str]:
        query = urlencode([*kept, ("_count", str(result.count)), ("_offset", str(offset))])
        return {"relation": relation, "url": f"{base}/{kind}?{query}"}

    links = [link("self", result.offset)]
    if result.count and result.offset + result.count < result.total:
        links.append(link("next", result.offset + result.count))
    if result.count and result.offset:
        links.append(link("previous", max(0, result.offset - result.count)))
    entries = [*_entries(result.matches, "match", base), *_entries(result.included, "include", base)]
    if result.ignored:
        # The warning that the specification asks for, so that nobody takes the answer for a narrower one.
        text = f"Not known here, and ignored: {', '.join(sorted(result.ignored))}"
        outcome = operation_outcome([Issue(IssueCode.NOT_SUPPORTED, text)], severity="warning")
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": result.total, "link": links}
    return {**bundle, "entry": entries} if entries else bundle


def _entries(resources: Sequence[Resource], mode: str, base: str) -> Iterator[Resource]:
    for resource in resources:
        url = f"{base}/{resource['resourceType']}/{resource['id']}"
        yield {"fullUrl": url, "resource": resource, "search": {"mode": mode}}
