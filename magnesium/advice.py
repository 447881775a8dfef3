"""What to do about low magnesium, as text and as orders that the guards let through.

The table "what is proposed" of the clinical specification §2.9; S2-032, S2-033, S2-036, S0-210; else local.
Doses only from the site's own products.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnesium.facts import Route
from magnesium.kidney import Filtration
from magnesium.picture import ClinicalPicture
from magnesium.status import Status
from magnesium.verdict import Proposal
from magnesium.words import drug, listed, name


@dataclass(frozen=True, slots=True)
class Advice:
    """Text, orders, and what was held back and why."""

    act: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    held_back: tuple[str, ...] = ()


def replace_magnesium(picture: ClinicalPicture) -> Advice:
    """Return the advice for a severe or low magnesium that may be acted on."""
    text, wanted = _wanted(picture)
    cautions = picture.guard.cautions
    if picture.magnesium_ordered:
        already = f"Magnesium is already ordered or given: {listed(map(name, picture.magnesium_ordered))}."
        held = tuple(f"{p.value}: magnesium is already ordered or given" for p in wanted)
        return Advice((already, *cautions), _creatinine(picture), held)
    permitted = picture.guard.permits(*wanted)
    held = picture.guard.reasons(*wanted)
    if Proposal.MAGNESIUM_ORAL in permitted and _unsuitable_oral(picture):
        permitted = tuple(p for p in permitted if p is not Proposal.MAGNESIUM_ORAL)
        held = (*held, f"{Proposal.MAGNESIUM_ORAL.value}: the product worsens diarrhea")
        text = (*text, "Diarrhea or ileostomy: choose a well absorbed oral salt.")
    return Advice((*text, *cautions), permitted + _creatinine(picture), held)


def _wanted(picture: ClinicalPicture) -> tuple[tuple[str, ...], tuple[Proposal, ...]]:
    severe = picture.magnesium.status is Status.SEVERE
    dangerous = picture.problems.neuromuscular_signs or picture.problems.ventricular_arrhythmia
    if picture.minor:
        return ("Replace magnesium by paediatric protocol.",), ()
    if picture.problems.torsades:
        return (
            ("Torsades: IV magnesium now per local protocol; stop QT drugs, correct potassium, expert help.",),
            (Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,),
        )
    if dangerous or (severe and (picture.inpatient or picture.prolonged_qtc)):
        return (
            ("Replace magnesium intravenously per local protocol; oral if IV is not possible. Recheck Mg after it.",),
            (*_intravenous(picture), Proposal.MAGNESIUM_ORAL),
        )
    if severe:
        return (
            (
                "Symptoms (tremor, cramps, tetany, seizure, palpitations)? Then parenteral magnesium.",
                "No symptoms: oral magnesium, same-day ECG, recheck Mg within 72 h.",
            ),
            (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM),
        )
    return (
        ("Oral magnesium per local protocol; recheck Mg in 1-2 weeks.",),
        (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM),
    )


def _intravenous(picture: ClinicalPicture) -> tuple[Proposal, ...]:
    """The IV order with the site's dose, or the one without where a guard allows only that."""
    if Proposal.MAGNESIUM_INTRAVENOUS not in picture.guard.held:
        return (Proposal.MAGNESIUM_INTRAVENOUS,)
    return (Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,)


def _unsuitable_oral(picture: ClinicalPicture) -> bool:
    product = picture.policy.products[Proposal.MAGNESIUM_ORAL]
    return bool(picture.problems.diarrhea) and product.contains_poorly_absorbed


def _creatinine(picture: ClinicalPicture) -> tuple[Proposal, ...]:
    kidney = picture.kidney
    asked = kidney.filtration is Filtration.UNKNOWN and not kidney.impaired_acutely
    return (Proposal.SERUM_CREATININE,) if asked else ()


def despite(picture: ClinicalPicture) -> str:
    """Return the sentence on replacement that was in force when magnesium was still low; empty if there was none."""
    begun_since = set(picture.magnesium_begun_since_sample)
    before = [e for e in picture.magnesium_in_force if e not in begun_since and e.start is not None]
    if not before:
        return ""
    return f"Still low despite {listed(map(drug, before))}: check route, absorption, adherence and ongoing loss."


def fitting_replacement_begun(picture: ClinicalPicture) -> bool:
    """Whether replacement began after the sample by a route that fits, without torsades or a long QTc."""
    if picture.problems.torsades or picture.prolonged_qtc:
        return False
    begun = picture.magnesium_begun_since_sample
    if picture.magnesium.status is Status.SEVERE:
        return any(e.route in {Route.INTRAVENOUS, Route.PARENTERAL} for e in begun)
    return bool(begun)
