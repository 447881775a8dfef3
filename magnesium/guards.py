"""What may be proposed. The guards are judged first and hold for the whole response.

A forbidden order appears on no card; the reason stands in the text beside the advice and in the evidence.
Sources: S2-039 (verify kidney function before magnesium); the table of the clinical specification; else local.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from magnesium.facts import Setting
from magnesium.kidney import Filtration, KidneyFunction
from magnesium.status import Currency, Status
from magnesium.verdict import Proposal
from magnesium.words import between, condition, listed, unread, value

if TYPE_CHECKING:
    from magnesium.picture import ClinicalPicture


@dataclass(frozen=True, slots=True)
class Guard:
    """The drug orders that may not be proposed, and the sentences that say why. Tests are never forbidden."""

    cautions: tuple[str, ...] = ()
    """About magnesium."""
    potassium_cautions: tuple[str, ...] = ()
    held: dict[Proposal, str] = field(default_factory=dict)
    """Why an order is held back, by order."""

    def permits(self, *wanted: Proposal) -> tuple[Proposal, ...]:
        """Return those of the wanted orders that may be proposed, in the order given; tests always may."""
        return tuple(p for p in wanted if p not in self.held)

    def reasons(self, *wanted: Proposal) -> tuple[str, ...]:
        """Return why wanted orders were held back."""
        return tuple(f"{p.value}: {self.held[p]}" for p in wanted if p in self.held)


EGFR_UNIT = "mL/min/1.73m2"
_ORAL = frozenset({Proposal.MAGNESIUM_ORAL})
_DOSED = frozenset({Proposal.MAGNESIUM_INTRAVENOUS})
_UNDOSED = frozenset({Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE})
_INTRAVENOUS = _DOSED | _UNDOSED
_MAGNESIUM = _ORAL | _INTRAVENOUS
_POTASSIUM = frozenset({Proposal.POTASSIUM})


def read_guards(picture: ClinicalPicture) -> Guard:
    """Judge the magnesium guard and the potassium guard for one patient at one moment."""
    magnesium, potassium = _magnesium(picture), _potassium(picture)
    held: dict[Proposal, str] = {}
    for forbidden, why, _ in (*magnesium, *potassium):
        for proposal in forbidden:
            held.setdefault(proposal, why)
    return Guard(_said(magnesium), _said(potassium), held)


def _said(found: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(caution for _, _, caution in found if caution))


Finding = tuple[frozenset[Proposal], str, str]


def _magnesium(picture: ClinicalPicture) -> list[Finding]:
    return [*_by_patient(picture), *_by_level(picture), *_by_vein(picture), *_by_kidney(picture)]


def _by_patient(picture: ClinicalPicture) -> list[Finding]:
    found: list[Finding] = []
    if picture.minor:
        found.append((_MAGNESIUM, "no doses or orders under 18", ""))
    if _by_protocol(picture):
        found.append((_MAGNESIUM, "electrolyte protocol of the hospital", _PROTOCOL))
    if picture.age is None:
        found.append((_DOSED | _with_dose(picture), "age unknown: no dose", ""))
    if picture.problems.suspected:
        suspected = listed(map(condition, picture.problems.suspected))
        found.append((frozenset(), "", f"Suspected, not confirmed: {suspected}: weigh this before giving magnesium."))
    return found


def _by_level(picture: ClinicalPicture) -> list[Finding]:
    found: list[Finding] = []
    reading = picture.magnesium
    if reading.highest is Status.HIGH:
        found.append((_MAGNESIUM, "magnesium is high", "Magnesium is high: give no more of it."))
    if reading.unverified:
        found.append((_MAGNESIUM, "a newer magnesium could not be read", unread("magnesium")))
    if reading.currency is Currency.AGING:
        why = f"the magnesium is older than {picture.policy.current.magnesium_inpatient.text}"
        found.append((_INTRAVENOUS, why, ""))
    if reading.conflicting:
        found.append(
            (
                _MAGNESIUM,
                "results of one moment disagree",
                "Results of one moment disagree: repeat magnesium.",
            )
        )
    return found


def _by_vein(picture: ClinicalPicture) -> list[Finding]:
    """What forbids magnesium in the vein, or more of it."""
    found: list[Finding] = []
    problems = picture.problems
    if problems.of("myasthenia_gravis", "lambert_eaton"):
        caution = (
            "Neuromuscular disease: IV magnesium can precipitate myasthenic crisis: specialist decision; "
            "oral magnesium with care."
        )
        found.append((_MAGNESIUM, "myasthenia gravis or Lambert-Eaton syndrome", caution))
    if _slow_conduction(picture):
        caution = "Slow conduction or pulse: ECG and specialist decision before IV magnesium."
        slow = picture.policy.ecg.slow_pulse.text
        found.append((_INTRAVENOUS, f"AV block, sick sinus or heart rate below {slow}", caution))
    if picture.on("neuromuscular_blocker"):
        caution = "Neuromuscular blocker in force: magnesium prolongs the block: no IV magnesium order."
        found.append((_INTRAVENOUS, "neuromuscular blocker in force", caution))
    if picture.intravenous_magnesium:
        window = picture.policy.exposure.intravenous_magnesium.text
        caution = f"IV magnesium is in force or was given within {window}: no further magnesium order."
        found.append((_MAGNESIUM, f"IV magnesium in force or within {window}", caution))
    return found


_PROTOCOL = "Electrolytes are replaced by protocol in this hospital: look there before a further order."


def _by_protocol(picture: ClinicalPicture) -> bool:
    return picture.inpatient and picture.policy.inpatient_electrolyte_protocol


def _with_dose(picture: ClinicalPicture) -> frozenset[Proposal]:
    """The orders for which the site has configured a dose and which have no variant without one."""
    return frozenset(p for p in _ORAL | _POTASSIUM if picture.policy.products[p].dose)


_ACCUMULATES = "Magnesium accumulates: nephrology or pharmacy; reduced dose, slowly, level after each dose."


def _by_kidney(picture: ClinicalPicture) -> list[Finding]:
    kidney = picture.kidney
    if kidney.dialysis:
        fluids = picture.policy.dialysis_fluids
        here = f" ({fluids})" if fluids else ""
        check = f"check the magnesium of the dialysate or replacement fluid{here}"
        caution = f"Dialysis: {check}; citrate lowers magnesium."
        return [(_MAGNESIUM, "kidney replacement therapy", caution)]
    if kidney.impaired_acutely:
        return [(_MAGNESIUM, "acute kidney injury or oliguria", _ACCUMULATES)]
    if kidney.unverified and kidney.filtration is not Filtration.POOR:
        return [(_MAGNESIUM, "a newer creatinine could not be read", unread("creatinine"))]
    match kidney.filtration:
        case Filtration.FULL:
            return []
        case Filtration.REDUCED:
            band, recheck = _band(picture), picture.policy.recheck
            again = between(recheck.reduced_kidney_from, recheck.reduced_kidney_to)
            caution = f"{band}: reduce magnesium (IV about half the usual, per protocol); recheck in {again}."
            return [(_DOSED, f"{band}: intravenous without dose", caution)]
        case Filtration.POOR:
            return [(_MAGNESIUM, f"eGFR below {picture.policy.kidney.reduced.printed[EGFR_UNIT]}", _ACCUMULATES)]
        case Filtration.UNKNOWN:
            return [(_MAGNESIUM, "kidney function unknown or too old", _unknown(kidney))]
    assert_never(kidney.filtration)


def _unknown(kidney: KidneyFunction) -> str:
    if kidney.basis is None or not kidney.rests_on_creatinine:
        return "Kidney function is not known: check creatinine before giving magnesium."
    return f"No eGFR can be told from {value(kidney.basis)}: judge kidney function before giving magnesium."


def _band(picture: ClinicalPicture) -> str:
    """The reduced band in words: ``eGFR 30 to below 60``."""
    numbers = picture.policy.kidney
    return f"eGFR {numbers.reduced.printed[EGFR_UNIT]} to below {numbers.full.printed[EGFR_UNIT]}"


def _slow_conduction(picture: ClinicalPicture) -> bool:
    paced = picture.problems.of("pacemaker")
    block = picture.problems.of("av_block_high_grade", "av_block_unspecified", "sick_sinus_syndrome", "bradycardia")
    return bool(picture.slow_pulse) or bool(block and not paced)


def _potassium(picture: ClinicalPicture) -> list[Finding]:
    numbers, kidney, reading = picture.policy.potassium, picture.kidney, picture.potassium
    window = numbers.order_inpatient if picture.facts.setting is Setting.INPATIENT else numbers.order_outpatient
    recent = reading.result is not None and reading.result.when.surely_within(window.delta, picture.as_of)
    found: list[Finding] = []
    if picture.minor:
        found.append((_POTASSIUM, "no doses or orders under 18", ""))
    if _by_protocol(picture):
        found.append((_POTASSIUM, "electrolyte protocol of the hospital", _PROTOCOL if reading.low else ""))
    if not (reading.low and recent):
        found.append((_POTASSIUM, "no readable low potassium that is recent enough", ""))
    if reading.unverified:
        found.append((_POTASSIUM, "a newer potassium could not be read", unread("potassium") if reading.low else ""))
    if reading.conflicting:
        caution = "Results of one moment disagree: repeat potassium."
        found.append((_POTASSIUM, "results of one moment disagree", caution))
    unknown = kidney.filtration not in {Filtration.FULL, Filtration.REDUCED} or kidney.unverified
    if kidney.impaired_acutely or unknown:
        known_bad = kidney.impaired_acutely or kidney.filtration is Filtration.POOR
        caution = "Kidney function impaired: potassium per nephrology, recheck within hours." if known_bad else ""
        found.append((_POTASSIUM, "kidney function impaired or unknown", caution if reading.low else ""))
    return found
