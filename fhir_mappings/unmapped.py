"""Laboratory codes that nothing here knows: what a site has to map before its results are seen.

A result under such a code is to the rules as if it were not there. Only codes are told, never names or values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fhir_mappings.codes import Terminology
from fhir_mappings.reading import Resource, codes, codings, first, objects, text, token
from fhir_mappings.site_codes import SiteCodes

NO_CODE = "(no code)"
_LABORATORY = frozenset({"laboratory", "lab"})


def unmapped_codes(resources: Iterable[Any], terminology: Terminology, site: SiteCodes) -> Counter[str]:
    """Count the codings of laboratory Observations of which no coding, and no mapped name, is known here.

    A code is written as ``[local_codes.labs]`` of the site's policy file asks for it: ``system|code``.

    Args:
        resources: What came, of any type. An Observation without a category is taken for a laboratory result.
        terminology: The standard codes.
        site: The codes and names that the site has mapped.
    """
    found: Counter[str] = Counter()
    for observation in objects(list(resources)):
        category = codes(observation.get("category"))
        if token(observation.get("resourceType")) == "Observation" and (not category or category & _LABORATORY):
            for concept in _measured(observation):
                found.update(_unknown(concept, terminology, site))
    return found


def _measured(observation: Resource) -> list[Any]:
    """Return what it says was measured: of a panel, its components."""
    return [part.get("code") for part in objects(observation.get("component"))] or [observation.get("code")]


def _unknown(concept: Any, terminology: Terminology, site: SiteCodes) -> Iterable[str]:
    sent = [coding for coding in codings(concept) if coding.code]
    named = text(first(concept).get("text")).casefold() in site.names
    if named or any(
        terminology.lab(coding.system, coding.code) or (coding.system, coding.code) in site.labs for coding in sent
    ):
        return ()
    return [f"{coding.system}|{coding.code}" for coding in sent] or [NO_CODE]
