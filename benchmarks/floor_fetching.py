"""The least that fetching takes: the service's own queries, all at once, and their answers thrown away.

gunicorn benchmarks.floor_fetching:asked
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import requests
from flask import Flask, Response, request
from requests.adapters import HTTPAdapter

from benchmarks.floor import answer
from fhir_mappings.codes import Terminology
from fhir_mappings.queries import queries

_AT_ONCE = 100

asked = Flask("asked")
_templates = [query.template for query in queries(Terminology.load())]


@cache
def _means() -> tuple[ThreadPoolExecutor, requests.Session]:
    """Return what asks: made in the worker, for threads do not survive a fork."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=_AT_ONCE))
    return ThreadPoolExecutor(_AT_ONCE), session


@asked.post("/cds-services/<service_id>")
def ask(service_id: str) -> Response:  # noqa: ARG001  the same address as in the service
    """Send every query, wait for the last answer, and return a constant."""
    body = request.get_json()
    pool, session = _means()
    patient = body["context"]["patientId"]
    urls = [f"{body['fhirServer']}/{template.replace('{{context.patientId}}', patient)}" for template in _templates]
    for received in pool.map(lambda url: session.get(url, timeout=10), urls):
        received.raise_for_status()
    return answer()
