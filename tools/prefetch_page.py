"""The prefetch templates for those who type them into an EHR by hand: not every client reads discovery."""

from __future__ import annotations

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
        parts.append(f"## {query.key}\n\n{absent}\n\n```\n{query.template}\n```\n")
    return "\n".join(parts)
