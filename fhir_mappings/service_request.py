"""ServiceRequest → laboratory tests that are ordered and have no result yet: nothing is asked for twice."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings.context import Context
from fhir_mappings.lab_code import identify
from fhir_mappings.reading import Resource, own_reference, text, token
from fhir_mappings.times import read_period, read_when
from magnesium.facts import OrderedTest, Source
from magnesium.moment import When

_OPEN = frozenset({"active", "draft"})
_NO_ORDER = frozenset({"proposal", "plan", "option"})


def read_ordered_test(resource: Resource, context: Context) -> Iterator[OrderedTest]:
    """Yield the tests of interest that a ServiceRequest orders.

    An order that cannot be shown to be this patient's says nothing: it could only silence a card.

    Raises:
        PatientMismatch: the order is for another patient.
    """
    problem = context.subject.problem_with(resource)
    open_order = token(resource.get("status")).casefold() in _OPEN
    wanted = token(resource.get("intent")).casefold() not in _NO_ORDER and resource.get("doNotPerform") is not True
    if problem is None and open_order and wanted:
        yield from ordered_tests(resource, context)


def ordered_tests(resource: Resource, context: Context) -> Iterator[OrderedTest]:
    """Yield the tests that an order means, whatever its state: a draft of the session is the clinician's own."""
    found = identify(resource.get("code"), context)
    if found.contradiction:
        return
    for test in found.tests:
        source = Source(
            reference=own_reference(resource),
            system=test.coding.system,
            code=test.coding.code,
            display=test.coding.display or text(test.analyte),
            match=test.match,
        )
        yield OrderedTest(test.analyte, source, _due(resource, context))


def _due(resource: Resource, context: Context) -> When | None:
    return (
        read_when(resource.get("occurrenceDateTime"), context.zone)
        or read_period(resource.get("occurrencePeriod"), context.zone)[0]
        or read_when(resource.get("authoredOn"), context.zone)
    )
