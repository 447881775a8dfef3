"""``POST /cds-services/{id}/feedback``: what clinicians made of the cards.

The answer is empty: CDS Hooks defines none. 200 means that everything readable in the batch is on the disk, and 503
that nothing is: send it again. Sending twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from enum import StrEnum

from flask import Blueprint, Response, request

from cds_service.auth import Identify
from cds_service.clock import Clock
from cds_service.errors import feedback_not_kept, unknown_service
from cds_service.feedback import Batch, Odd, read_feedback
from cds_service.routes.body import read_body
from cds_service.storage.records import RecordsUnavailableError

Keep = Callable[[str, str, Batch, datetime], None]
"""Keeps a client's feedback on a service, received at a moment, or raises ``RecordsUnavailableError``."""


def blueprint(  # noqa: PLR0913  each by name
    service_ids: Collection[str],
    keep: Keep,
    identify: Identify,
    clock: Clock,
    *,
    count: Callable[[StrEnum], object],
    max_depth: int,
) -> Blueprint:
    """Return the route.

    Args:
        service_ids: The services.
        keep: Keeps what was read, for good.
        identify: Says which client reports, or refuses.
        clock: Says when it is received.
        count: Counts each entry by what it reports.
        max_depth: Deepest nesting of the body.
    """
    routes = Blueprint("feedback", __name__)

    @routes.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        if service_id not in service_ids:
            raise unknown_service(tuple(service_ids))
        client = identify(request, f"{service_id}/feedback")
        batch = read_feedback(read_body(max_depth))
        try:
            keep(client.name, service_id, batch, clock())
        except RecordsUnavailableError:
            raise feedback_not_kept() from None
        for entry in batch.entries:
            count(entry.outcome)
        for _ in batch.odd:
            count(Odd.UNREADABLE)
        answer = Response()
        del answer.headers["Content-Type"]  # of nothing
        return answer

    return routes
