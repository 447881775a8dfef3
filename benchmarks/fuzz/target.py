"""What is fuzzed: the way from the bytes of a body to the bytes of an answer, in one process and without HTTP.

Whatever is put in, there is an answer or a ``RequestError``. Anything else is a finding, also the failure of one rule
that the service would survive: it is let through.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from cds_service import examples
from cds_service.account import Account
from cds_service.clients import OPEN_CLIENT
from cds_service.envelope import parse_body, read_request
from cds_service.errors import RequestError, operation_outcome
from cds_service.evaluation import Evaluator, Knowledge, Terms
from cds_service.feedback import read_feedback
from cds_service.logging import make_log
from cds_service.retrieval import Access, Retriever
from cds_service.settings import LogFormat, LogLevel, Settings
from hooks import SERVICES
from magnesium.verdict import Topic

SETTINGS = Settings()
HOOKS = {service.hook.value: service for service in SERVICES}
EXAMPLES: Mapping[str, dict[str, Any]] = {name: examples.as_of(name, examples.WRITTEN) for name in examples.NAMES}
PATIENT: str = EXAMPLES["order-sign"]["context"]["patientId"]
"""Whose chart ``resource`` adds to."""
LARGEST_ERROR = 100_000
"""Bytes: an error that is larger repeats what was sent."""

_KNOWLEDGE = Knowledge.load(SETTINGS)
_LOG = make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO())


_NUMBERS = itertools.count()


def _raise(_: Topic, error: Exception) -> str:
    raise error


_EVALUATOR = Evaluator(_KNOWLEDGE, new_uuid=lambda: str(UUID(int=next(_NUMBERS))), on_failure=_raise)
# No FHIR server is listed, so none is ever asked.
_TERMS = Terms(
    OPEN_CLIENT.keys(SETTINGS.prefetch_keys),
    OPEN_CLIENT.presentation(_KNOWLEDGE.policy),
    Retriever(Access.of(SETTINGS, OPEN_CLIENT), _KNOWLEDGE.site_codes, _LOG, lambda: 0.0),
)


def body(data: bytes) -> int:
    """Take ``data`` as the body of a hook; return the status."""
    return _status(lambda: _answer(parse_body(data, max_depth=SETTINGS.max_json_depth)))


def feedback(data: bytes) -> int:
    """Take ``data`` as a body of feedback; return the status."""
    return _status(lambda: read_feedback(parse_body(data, max_depth=SETTINGS.max_json_depth)))


def resource(data: bytes) -> int:
    """Take ``data`` as one FHIR resource in the chart and among the drafts of an order that is signed."""

    def ask() -> None:
        found = parse_body(data, max_depth=SETTINGS.max_json_depth - 8)
        request = EXAMPLES["order-sign"]
        patient = request["prefetch"]["patient"]
        chart = {"patient": patient, "labs": _bundle(found), "medications": None}
        drafts = {**request["context"], "draftOrders": _bundle(found)}
        _answer({**request, "context": drafts, "prefetch": chart})

    return _status(ask)


def _answer(sent: Mapping[str, Any]) -> bytes:
    hook = sent.get("hook")
    service = HOOKS.get(hook if isinstance(hook, str) else "", SERVICES[0])
    request = read_request(sent, hook=service.hook.value)
    account = Account(lambda: 0.0)
    evaluation = _EVALUATOR.evaluate(request, service, _TERMS, as_of=examples.WRITTEN, account=account)
    json.dumps(account.to_log(), default=str)
    return json.dumps(evaluation.answer.to_json(), ensure_ascii=False, allow_nan=False).encode()


def _status(ask: Callable[[], object]) -> int:
    try:
        ask()
    except RequestError as error:
        told = json.dumps(operation_outcome(error.issues), ensure_ascii=False).encode()
        if len(told) > LARGEST_ERROR:
            raise AssertionError("an error of that size repeats what was sent") from error
        return int(error.status)
    return 200


def _bundle(found: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": found}]}
