"""Observation → laboratory results.

Any coding may tell what was measured; a standard code wins over a local one, a local one over a name. The unit
decides how much it is, never the code. A result that exists but cannot be used is listed with its analyte, because
it could be newer than every readable one; a cancelled one or one entered in error is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings.context import Context
from fhir_mappings.lab_code import LabTest, LabTests, identify
from fhir_mappings.lab_value import read_reference_low, read_value
from fhir_mappings.reading import Resource, first, objects, own_reference, reference, text, token
from fhir_mappings.specimen_quality import suspect_specimen
from fhir_mappings.times import read_period, read_when
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Analyte, LabResult, Source, Unusable
from magnesium.moment import When

_USED_MARKED = frozenset({"preliminary", "unknown", ""})
_USED = _USED_MARKED | {"final", "amended", "corrected"}
_GONE = frozenset({"entered-in-error", "cancelled"})
_NOT_YET = frozenset({"registered", "specimen-in-process"})

# Read from the components of a panel: what is measured in one urine, or in one electrocardiogram. Serum values in
# components are left out: severity scores carry the worst value of a day there, under the time of the score.
_IN_PANELS = frozenset(analyte for analyte in Analyte if "_urine" in analyte) | {
    Analyte.CALCIUM_CREATININE,
    Analyte.POTASSIUM_CREATININE,
    Analyte.QTC,
    Analyte.QRS,
}


def read_observation(resource: Resource, context: Context) -> Iterator[LabResult | Unusable]:
    """Yield the results of an Observation, or why they cannot be used; nothing if none is of interest.

    Raises:
        PatientMismatch: the Observation is about another patient.
    """
    problem = context.subject.problem_with(resource)
    for holder, measured in _measured(resource, context):
        yield from _results(resource, holder, measured, problem, context)


def _measured(resource: Resource, context: Context) -> Iterator[tuple[Resource, LabTests]]:
    if (measured := identify(resource.get("code"), context)).tests:
        yield resource, measured
    if resource.get("component") is not None:
        for component in objects(resource.get("component")):
            measured = identify(component.get("code"), context)
            if measured.tests and all(test.analyte in _IN_PANELS for test in measured.tests):
                yield component, measured


def _results(
    resource: Resource, holder: Resource, measured: LabTests, problem: Unreadable | None, context: Context
) -> Iterator[LabResult | Unusable]:
    tests = measured.tests
    status = token(resource.get("status")).casefold()
    gone = Unreadable.NOT_A_RESULT if status in _GONE else None
    not_yet = Unreadable.NOT_YET_RESULTED if status in _NOT_YET else None
    if without_analyte := gone or problem or not_yet:
        yield Unusable(_source(resource, holder, tests[0], ""), without_analyte)
        return
    when = _when(resource, context)
    if measured.contradiction:
        meanings = ", ".join(test.analyte for test in tests)
        for test in tests:
            yield Unusable(
                _source(resource, holder, test, ""), Unreadable.CONFLICTING_CODES, meanings, test.analyte, when
            )
        return
    test = tests[0]
    value, as_sent = read_value(holder, test.analyte)
    source = _source(resource, holder, test, as_sent)
    if status not in _USED:
        yield Unusable(source, Unreadable.UNKNOWN_STATUS, status, test.analyte, when)
    elif isinstance(value, Unreadable):
        yield Unusable(source, value, as_sent, test.analyte, when)
    elif when is None:
        yield Unusable(source, Unreadable.NO_TIME, as_sent, test.analyte)
    else:
        yield LabResult(
            analyte=test.analyte,
            quantity=value,
            when=when,
            source=source,
            preliminary=status in _USED_MARKED,
            hemolyzed=_hemolyzed(resource, holder, context),
            post_dialysis=test.post_dialysis,
            reference_low=read_reference_low(holder, test.analyte),
            specimen=_specimen(resource),
        )


def _hemolyzed(resource: Resource, holder: Resource, context: Context) -> str:
    def suspect(observation: Resource) -> str:
        return suspect_specimen(observation, context.pool, context.site.suspect_specimen)

    # The components of a panel, and there may be thousands, share what is said of it.
    return suspect(resource) if holder is resource else context.pool.once("panel", resource, suspect)


def _when(resource: Resource, context: Context) -> When | None:
    return (
        read_when(resource.get("effectiveDateTime"), context.zone)
        or read_when(resource.get("effectiveInstant"), context.zone)
        or read_period(resource.get("effectivePeriod"), context.zone)[1]
        or read_when(resource.get("issued"), context.zone)
    )


def _source(resource: Resource, holder: Resource, test: LabTest, as_sent: str) -> Source:
    return Source(
        reference=own_reference(resource),
        system=test.coding.system,
        code=test.coding.code,
        display=test.coding.display or text(first(holder.get("code")).get("text")),
        as_sent=as_sent,
        match=test.match,
    )


def _specimen(resource: Resource) -> str:
    literal = reference(resource.get("specimen"))
    # A contained specimen has a name inside its resource only: "#1" here is not "#1" there.
    return f"{own_reference(resource)}{literal}" if literal.startswith("#") else literal
