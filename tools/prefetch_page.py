"""The prefetch templates for those who type them into an EHR by hand: not every client reads discovery."""

from __future__ import annotations

from cds_service.fhir_client import LONGEST_URL
from fhir_mappings.codes import Terminology
from fhir_mappings.queries import queries

_INTRODUCTION = """\
# Prefetch templates

Written by `python -m tools.generate_docs`; do not edit. They are the same for every hook and stand in the discovery
document too (`GET /cds-services`). Some EHRs do not read that: copy them from here. A key may have another name where
the client's settings say so (`prefetch_keys`).

They stay inside the search parameters that every client is asked to manage, but for `_include` of the Medication
([decision 0008](decisions/0008-include-medication-in-the-prefetch-template.md)).
"""


def prefetch_page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for query in queries(Terminology.load()):
        absent = "Required: 412 without it." if query.required else "Optional: the cards say so where it is missing."
        long = f"\n\n{_long(len(query.template))}" if len(query.template) > LONGEST_URL else ""
        parts.append(f"## {query.key}\n\n{absent}{long}\n\n```\n{query.template}\n```\n")
    return "\n".join(parts)


def _long(characters: int) -> str:
    return (
        f"The template has {characters:,} characters; some servers and proxies cut or refuse query strings from 2,048 "
        "characters on. A client that meets one of these sends the search as `POST [type]/_search` with the parameters "
        f"in the body, as FHIR allows for every search; this service does so with a URL above {LONGEST_URL:,}. One "
        "that cannot leaves the key out and sends `fhirServer` with `fhirAuthorization`: then the service asks by "
        "itself. The result of a cut search must not be sent: it would look like that of a patient without results."
    )
