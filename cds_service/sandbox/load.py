"""The example patients, put on somebody's FHIR test server: into the same shape as they have in the sandbox."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import requests

from cds_service.sandbox.store import SandboxError, Store

_TIMEOUT_SECONDS = 60
# What others refer to goes first: servers check references as they write.
_FIRST = ("Patient", "Medication", "Encounter")


def transaction(moment: datetime) -> dict[str, Any]:
    """Return a transaction that puts the example patients, as of ``moment``, where it is posted."""
    store = Store.bundled(moment)
    kinds = [*_FIRST, *(kind for kind in store.types if kind not in _FIRST)]
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{kind}/{resource['id']}"}}
        for kind in kinds
        for resource in store.all(kind)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def load(url: str, moment: datetime, *, wait_seconds: int = 0) -> int:
    """Put the example patients on the server at ``url`` and return how many resources that were.

    Raises:
        SandboxError: the server is not there, or refuses.
    """
    base = url.rstrip("/")
    _wait(base, wait_seconds)
    body = transaction(moment)
    try:
        answer = requests.post(
            base, json=body, headers={"Content-Type": "application/fhir+json"}, timeout=_TIMEOUT_SECONDS
        )
    except requests.RequestException as error:
        raise SandboxError(f"{base} does not answer: {type(error).__name__}") from None
    if not answer.ok:
        raise SandboxError(f"{base} refused the examples with status {answer.status_code}")
    return len(body["entry"])


def _wait(base: str, seconds: int) -> None:
    pause = threading.Event()
    for _ in range(seconds):
        try:
            if requests.get(f"{base}/metadata", timeout=_TIMEOUT_SECONDS).ok:
                return
        except requests.RequestException:
            pass  # it is still starting
        pause.wait(1)
