"""From a dose form, as RxNorm words it, to where the product acts."""

from __future__ import annotations

from fhir_mappings.terminology.concepts import RouteKind
from fhir_mappings.terminology.names import words

# Asked in this order: a "Mucous Membrane Topical Solution" is no less topical for touching the mouth, a
# "Sublingual Tablet" no less sublingual for being a tablet.
_KINDS: tuple[tuple[RouteKind, frozenset[str]], ...] = tuple(
    (kind, frozenset(words(marks)))
    for kind, marks in (
        (
            RouteKind.LOCAL,
            """
            ophthalmic otic nasal topical inhalation inhalant inhaler inhalable irrigation vaginal urethral
            intrauterine intravitreal intraperitoneal intrathecal intratracheal periodontal dental dialysis
            mouthwash toothpaste shampoo soap lotion douche gas
            """,
        ),
        (
            RouteKind.PARENTERAL,
            """
            injection injectable syringe cartridge injector intravenous intramuscular subcutaneous implant
            """,
        ),
        (RouteKind.SYSTEMIC, "rectal suppository enema buccal sublingual transdermal patch mucosal"),
        (
            RouteKind.ORAL,
            "oral chewable pill tablet capsule lozenge wafer granule granules effervescent",
        ),
    )
)
# RxNorm's one form without a route word that is always swallowed.
_SWALLOWED = frozenset({"extended release suspension"})


def route_of_dose_form(dose_form: str) -> RouteKind:
    """Return where a dose form acts; UNKNOWN if its name does not say."""
    in_words = words(dose_form)
    for kind, marks in _KINDS:
        if marks.intersection(in_words):
            return kind
    return RouteKind.ORAL if " ".join(in_words) in _SWALLOWED else RouteKind.UNKNOWN


def route_of_all(dose_forms: frozenset[str]) -> RouteKind:
    """Return where a product with these dose forms acts, such as a pack of a capsule and a tablet."""
    kinds = {route_of_dose_form(dose_form) for dose_form in dose_forms}
    if len(kinds) == 1:
        return kinds.pop()
    return RouteKind.SYSTEMIC if kinds and kinds <= _SYSTEMIC else RouteKind.UNKNOWN


_SYSTEMIC = frozenset({RouteKind.ORAL, RouteKind.PARENTERAL, RouteKind.SYSTEMIC})
