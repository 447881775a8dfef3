"""What the tests of the readers share: one load of the terminology, one patient, one time of the request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest

from fhir_mappings.codes import Terminology
from fhir_mappings.context import Context
from fhir_mappings.pool import Pool
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import Subject

AS_OF = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)

ContextOf = Callable[..., Context]


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return Terminology.load()


@pytest.fixture(scope="session")
def context_of(terminology: Terminology) -> ContextOf:
    """Build a context for patient p1 from the other resources that came."""

    def build(*others: Any, site: SiteCodes | None = None, zone: tzinfo = UTC) -> Context:
        return Context(Subject("p1", frozenset()), Pool.of(others), terminology, site or SiteCodes(), zone, AS_OF)

    return build


@pytest.fixture(scope="session")
def context(context_of: ContextOf) -> Context:
    return context_of()
