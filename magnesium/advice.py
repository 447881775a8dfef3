"""What to do about low magnesium, as text and as orders that the guards let through.

The table "what is proposed" of the clinical specification §2.9; S2-032, S2-033, S2-036, S0-207, S0-210; else local.
Doses only from the site's own products.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnesium.facts import Route
from magnesium.kidney import Filtration
from magnesium.picture import ClinicalPicture
from magnesium.replacement import INJECTED
from magnesium.status import Currency, Status
from magnesium.verdict import Proposal
from magnesium.words import STATUS, between, condition, drug, listed, name, result, sentence

MEASURE_NOW = "Measure serum magnesium now."


@dataclass(frozen=True, slots=True)
class Advice:
    """Text, orders, and what was held back and why."""

    act: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    held_back: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    """The lines of ``act`` without the cautions of the guards, which every card repeats."""


def replace_magnesium(picture: ClinicalPicture) -> Advice:
    """Return the advice for a severe or low magnesium that may be acted on.

    The text is said whatever the guards hold back; an order that is there already is not offered again.
    """
    text, wanted = _wanted(picture)
    if not _emergency(picture) and _all_held(picture, wanted):
        text = _held_back(picture)
    wanted = tuple(dict.fromkeys((*_recheck(picture), *wanted, *_creatinine(picture))))
    offered: list[Proposal] = []
    held: list[str] = []
    for proposal in wanted:
        reason = picture.guard.held.get(proposal) or _why_not_again(picture, proposal)
        if reason:
            held.append(f"{proposal.value}: {reason}")
        else:
            offered.append(proposal)
    # What saves a life stands before what is being done already, and before a recheck.
    before = (*recheck_aging(picture), *_already(picture))
    said = (*text, *before) if _emergency(picture) else (*before, *text)
    plan = (*said, *_care(picture))
    return Advice((*plan, *picture.guard.cautions), tuple(offered), tuple(held), plan)


def correct_potassium(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return what to do about a low potassium, in the same words on every card, and what the guard says of it."""
    cautions = picture.guard.potassium_cautions
    recheck = "" if cautions else f"; recheck K within {picture.policy.recheck.potassium.text}"
    if not picture.magnesium.deficient:
        text = f"Correct potassium{recheck}."
    elif magnesium_handled(picture):
        text = f"Magnesium is already being replaced: correct potassium with it{recheck}; the need for it falls."
    else:
        text = (
            f"Correct magnesium with potassium, which alone often does not hold{recheck}; "
            "the need for potassium falls once magnesium is repleted."
        )
    return (text, *cautions)


def potassium_not_counted(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return a line for each potassium in force that is not counted as replacement."""
    least = picture.policy.potassium.maintenance_amount.text
    found = picture.potassium_not_counted
    return tuple(f"Not counted as potassium replacement, not known to give {least}: {drug(e)}." for e in found)


def magnesium_handled(picture: ClinicalPicture) -> bool:
    """Whether magnesium is being replaced: in the same draft, or by a fitting route since the sample."""
    return bool(picture.magnesium_drafted) or fitting_replacement_begun(picture)


def measure_text(picture: ClinicalPicture, otherwise: str) -> str:
    """Return how to ask for a magnesium: where a more urgent card may take the lines up, in that card's words."""
    urgent = (
        picture.problems.of("torsades_de_pointes", "long_qt")
        or picture.prolonged_qtc
        or picture.digoxin
        or picture.qt_drugs
        or picture.potassium.refractory_since
    )
    return MEASURE_NOW if urgent else otherwise


def measure_magnesium(picture: ClinicalPicture) -> tuple[Proposal, ...]:
    """Return the order of a serum magnesium, unless one is ordered already."""
    return () if _why_not_again(picture, Proposal.SERUM_MAGNESIUM) else (Proposal.SERUM_MAGNESIUM,)


def recheck_aging(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return what to say of an inpatient magnesium that is no longer recent."""
    if picture.magnesium.currency is not Currency.AGING:
        return ()
    return (f"This magnesium is older than {picture.policy.current.magnesium_inpatient.text}: recheck.",)


def order_potassium(picture: ClinicalPicture) -> Advice:
    """Return the order for a low potassium, or what holds it back."""
    held = picture.guard.reasons(Proposal.POTASSIUM)
    if not held and picture.potassium_ordered:
        held = (f"{Proposal.POTASSIUM}: potassium is already ordered or given",)
    return Advice(proposals=() if held else (Proposal.POTASSIUM,), held_back=held)


def magnesium_now(picture: ClinicalPicture) -> str:
    """Return the newest magnesium, which must be conclusive, how low it is and what makes it doubtful.

    In the same words in every rule: on a card that joins them it is then printed once.
    """
    reading = picture.magnesium
    assert reading.result is not None  # the rules have returned on None  # noqa: S101
    assert reading.status is not None  # noqa: S101
    old = f", older than {picture.policy.current.magnesium_inpatient.text}"
    doubt = {Currency.STALE: ", out of date", Currency.AGING: old}.get(reading.currency, "")
    dose = ", drawn after an IV dose" if picture.after_dose else ""
    return f"{sentence(result(reading.result))}, {STATUS[reading.status]}{doubt}{dose}"


def _why_not_again(picture: ClinicalPicture, proposal: Proposal) -> str:
    """Return why an order that no guard forbids is still not offered; empty if it is."""
    match proposal:
        case Proposal.SERUM_MAGNESIUM:
            waiting = picture.magnesium_test_ordered(picture.policy.monitoring.ordered.delta)
            return "a serum magnesium is already ordered" if waiting else ""
        case Proposal.MAGNESIUM_ORAL if _unsuitable_oral(picture):
            return "the product worsens diarrhea"
        case Proposal.MAGNESIUM_ORAL if picture.magnesium_ordered:
            return "magnesium is already ordered or given"
        case Proposal.MAGNESIUM_INTRAVENOUS | Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE if any(
            e.route is not Route.ORAL for e in picture.magnesium_ordered
        ):
            return "magnesium is already ordered or given"
        case _:
            return ""


def _recheck(picture: ClinicalPicture) -> tuple[Proposal, ...]:
    return (Proposal.SERUM_MAGNESIUM,) if picture.magnesium.currency is Currency.AGING else ()


def _already(picture: ClinicalPicture) -> tuple[str, ...]:
    ordered = picture.magnesium_ordered
    return (f"Magnesium is already ordered or given: {listed(map(name, ordered))}.",) if ordered else ()


def _care(picture: ClinicalPicture) -> tuple[str, ...]:
    """What the patient's conditions change about replacing magnesium."""
    problems = picture.problems
    short_bowel = "Short bowel: correct sodium and water first, then oral magnesium at night."
    loose = "Diarrhea or ileostomy: no magnesium oxide, hydroxide or citrate; choose a well absorbed salt."
    bound = listed(name(exposure) for exposure in picture.on("binds_magnesium"))
    return (
        *((short_bowel,) if problems.of("short_bowel_syndrome") else ()),
        *((loose,) if problems.diarrhea else ()),
        *(("Have the diarrhea worked up and treated.",) if problems.of("diarrhea") else ()),
        *((f"Take oral magnesium {picture.policy.exposure.apart.text} or more apart from {bound}.",) if bound else ()),
    )


def _emergency(picture: ClinicalPicture) -> bool:
    """Torsades, ventricular arrhythmia, seizure or tetany of the last days: said whatever the guards hold back."""
    return bool(picture.problems.neuromuscular_signs or picture.problems.ventricular_arrhythmia)


def _all_held(picture: ClinicalPicture, wanted: tuple[Proposal, ...]) -> bool:
    """Whether the guards hold back every magnesium order that is wanted, and say so in a sentence of their own."""
    orders = [p for p in wanted if p is not Proposal.SERUM_MAGNESIUM]
    return bool(orders and picture.guard.cautions) and all(p in picture.guard.held for p in orders)


def _held_back(picture: ClinicalPicture) -> tuple[str, ...]:
    """The text where every magnesium order is held back: the guard's own sentence, below it, says what to do."""
    if picture.intravenous_magnesium:
        return ("Recheck Mg before more is given.",)
    if picture.magnesium.status is not Status.SEVERE or picture.magnesium.unverified:
        return ("Replace magnesium only with the caution below.",)
    ask = () if _in_the_vein(picture) else ("Symptoms (tremor, cramps, tetany, seizure, palpitations)? ECG today.",)
    return (*ask, "Severe: decide on replacement now, with the caution below.")


def _in_the_vein(picture: ClinicalPicture) -> bool:
    """Whether a severe magnesium is replaced intravenously without asking for symptoms."""
    return picture.inpatient or picture.prolonged_qtc is not None


def _reasons(picture: ClinicalPicture) -> str:
    """Name what makes the patient need it in the vein."""
    problems = (*picture.problems.neuromuscular_signs, *picture.problems.ventricular_arrhythmia)
    names = list(map(condition, problems))
    return f" ({listed(names)})" if names else ""


def _wanted(picture: ClinicalPicture) -> tuple[tuple[str, ...], tuple[Proposal, ...]]:
    severe = picture.magnesium.status is Status.SEVERE
    if picture.minor:
        return ("Replace magnesium by pediatric protocol.",), ()
    if picture.problems.torsades:
        return (
            ("Torsades: IV magnesium now per local protocol; stop QT drugs, correct potassium, expert help.",),
            (Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,),
        )
    if severe and _in_the_vein(picture) and _recheck(picture) and not _emergency(picture):
        how = "only with the caution below" if _vein_closed(picture) else "per local protocol"
        return (
            (f"If still severe: intravenous magnesium {how}; until then oral.",),
            (*_intravenous(picture), Proposal.MAGNESIUM_ORAL),
        )
    if _emergency(picture) or (severe and _in_the_vein(picture)):
        return (
            (_by_vein(picture), "Recheck Mg after it."),
            (*_intravenous(picture), Proposal.MAGNESIUM_ORAL),
        )
    if severe:
        caution = ", with the caution below" if _vein_closed(picture) else ""
        return (
            (
                f"Symptoms (tremor, cramps, tetany, seizure, palpitations)? Then parenteral magnesium{caution}.",
                f"No symptoms: oral magnesium, same-day ECG, recheck Mg {_again(picture)}.",
            ),
            (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM),
        )
    return (
        (f"Oral magnesium per local protocol, and foods rich in it (grains, beans); recheck Mg {_again(picture)}.",),
        (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM),
    )


def _by_vein(picture: ClinicalPicture) -> str:
    """How to say that magnesium belongs in the vein; an emergency is not talked out of it by a guard."""
    if _vein_closed(picture) and not _emergency(picture):
        return "Intravenous magnesium only with the caution below; else oral per local protocol."
    return f"Replace magnesium intravenously{_reasons(picture)} per local protocol; oral if IV is not possible."


def _vein_closed(picture: ClinicalPicture) -> bool:
    """Whether guards forbid magnesium in the vein at any dose, and say why: the age of the result has no caution."""
    return bool(picture.guard.cautions) and Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE in picture.guard.held


def _again(picture: ClinicalPicture) -> str:
    """When to recheck magnesium that is given by mouth: at reduced kidney function as the guard's own sentence says."""
    recheck = picture.policy.recheck
    if picture.kidney.filtration is Filtration.REDUCED:
        return f"in {between(recheck.reduced_kidney_from, recheck.reduced_kidney_to)}"
    if picture.magnesium.status is Status.SEVERE:
        return f"within {recheck.severe.text}"
    return f"in {between(recheck.low_from, recheck.low_to)}"


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
    # A creatinine that tells nothing of this patient tells no more a second time.
    unknown = (kidney.filtration is Filtration.UNKNOWN and not kidney.rests_on_creatinine) or kidney.unverified
    asked = unknown and not kidney.impaired_acutely and kidney.filtration is not Filtration.POOR
    return (Proposal.SERUM_CREATININE,) if asked else ()


def despite(picture: ClinicalPicture) -> str:
    """Return the sentence on replacement that was in force when magnesium was still low; empty if there was none."""
    sample = picture.magnesium.result
    if sample is None:
        return ""
    before = [e for e in picture.magnesium_in_force if e.start is not None and e.start.surely_by(sample.when.earliest)]
    if not before:
        return ""
    return f"Still low despite {listed(map(drug, before))}: check route, absorption, adherence and ongoing loss."


def fitting_replacement_begun(picture: ClinicalPicture) -> bool:
    """Whether replacement began after the sample by a route that fits, without torsades or a long QTc."""
    if picture.problems.torsades or picture.prolonged_qtc:
        return False
    begun = picture.magnesium_begun_since_sample
    if picture.magnesium.status is Status.SEVERE:
        return any(e.route in INJECTED for e in begun)
    return bool(begun)
