"""The problem list as the rules read it: established entries in effect, by what they mean for magnesium."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from magnesium.facts import Certainty, ConditionFact, PatientFacts
from magnesium.policy import Policy, Span

_ACUTE = frozenset({"torsades_de_pointes", "ventricular_arrhythmia", "tetany", "seizure", "cardiac_arrest"})
_ADVANCED_CKD = ("ckd_stage_4", "ckd_stage_5", "esrd")
_PREGNANT = ("pregnancy", "pre_eclampsia_eclampsia", "gestational_diabetes")

READ = frozenset(
    {
        *_ACUTE,
        *_ADVANCED_CKD,
        *_PREGNANT,
        "acute_kidney_injury",
        "alcohol_use_disorder",
        "av_block_high_grade",
        "av_block_unspecified",
        "bariatric_surgery_status",
        "barrett_esophagus",
        "bartter_syndrome",
        "bradycardia",
        "celiac_disease",
        "crohn_disease",
        "delivery",
        "diabetic_ketoacidosis",
        "dialysis",
        "diarrhea",
        "gi_bleeding",
        "gitelman_syndrome",
        "hyperaldosteronism",
        "ileostomy_status",
        "kidney_replacement",
        "kidney_transplant",
        "lambert_eaton",
        "long_qt",
        "malabsorption",
        "malnutrition",
        "myasthenia_gravis",
        "oliguria",
        "pacemaker",
        "palliative_care",
        "pancreatitis",
        "periodic_paralysis",
        "short_bowel_syndrome",
        "sick_sinus_syndrome",
        "ulcerative_colitis",
        "zollinger_ellison_syndrome",
    }
)
"""Slugs that the rules read; the table of causes asks for more (``knowledge/findings.csv``)."""
LINGERING = frozenset({*_PREGNANT, "delivery", "gi_bleeding"})
"""Conditions that still count for a while after they have ended."""
_HOLD_MAGNESIUM_BACK = (
    "myasthenia_gravis",
    "lambert_eaton",
    "av_block_high_grade",
    "av_block_unspecified",
    "sick_sinus_syndrome",
    "bradycardia",
    "acute_kidney_injury",
    "oliguria",
    "dialysis",
    *_ADVANCED_CKD,
)
"""Conditions that forbid a magnesium order, in the vein or altogether (``magnesium.guards``, ``magnesium.kidney``)."""


@dataclass(frozen=True, slots=True)
class Problems:
    """Conditions in effect at one moment, by slug."""

    by_slug: dict[str, tuple[ConditionFact, ...]] = field(default_factory=dict)
    acute_kidney_injury: str = ""
    """Why the record says acute kidney injury; empty if it does not."""
    dialysis: tuple[ConditionFact, ...] = ()
    """Dialysis or any other kidney replacement therapy, on the problem list or carried out lately."""
    suspected: tuple[ConditionFact, ...] = ()
    """Conditions that would forbid a magnesium order if they were established: told, never judged."""

    def of(self, *slugs: str) -> tuple[ConditionFact, ...]:
        """Return the conditions of any of these slugs."""
        return tuple(fact for slug in slugs for fact in self.by_slug.get(slug, ()))

    @property
    def advanced_ckd(self) -> tuple[ConditionFact, ...]:
        """Chronic kidney disease of stage 4 or 5."""
        return self.of(*_ADVANCED_CKD)

    @property
    def pregnancy(self) -> tuple[ConditionFact, ...]:
        """Pregnancy, a condition that only pregnant patients have, or the days after (``population.postpartum``)."""
        return self.of(*_PREGNANT, "delivery")

    @property
    def oliguria(self) -> tuple[ConditionFact, ...]:
        """Oliguria or anuria."""
        return self.of("oliguria")

    @property
    def palliative(self) -> tuple[ConditionFact, ...]:
        """Palliative or hospice care."""
        return self.of("palliative_care")

    @property
    def salt_losing_tubulopathy(self) -> tuple[ConditionFact, ...]:
        """Known Gitelman or Bartter syndrome."""
        return self.of("gitelman_syndrome", "bartter_syndrome")

    @property
    def torsades(self) -> tuple[ConditionFact, ...]:
        """Torsades de pointes within the acute window."""
        return self.of("torsades_de_pointes")

    @property
    def ventricular_arrhythmia(self) -> tuple[ConditionFact, ...]:
        """Torsades or another ventricular arrhythmia within the acute window."""
        return self.of("torsades_de_pointes", "ventricular_arrhythmia")

    @property
    def neuromuscular_signs(self) -> tuple[ConditionFact, ...]:
        """Seizure or tetany within the acute window."""
        return self.of("seizure", "tetany")

    @property
    def diarrhea(self) -> tuple[ConditionFact, ...]:
        """Diarrhea or an ileostomy: poorly absorbed magnesium salts make it worse."""
        return self.of("diarrhea", "ileostomy_status")

    @property
    def gut(self) -> tuple[ConditionFact, ...]:
        """Gut conditions that lose or fail to absorb magnesium."""
        return self.of(
            "diarrhea",
            "ileostomy_status",
            "malabsorption",
            "short_bowel_syndrome",
            "celiac_disease",
            "crohn_disease",
            "ulcerative_colitis",
            "bariatric_surgery_status",
            "pancreatitis",
            "malnutrition",
        )

    @property
    def potassium_shift(self) -> tuple[ConditionFact, ...]:
        """Conditions that shift potassium into cells: hypokalemia is then not called refractory."""
        return self.of("diabetic_ketoacidosis", "periodic_paralysis")


def read_problems(facts: PatientFacts, policy: Policy, as_of: datetime) -> Problems:
    """Return the conditions in effect at ``as_of``: established, begun, and recent where they are acute ones."""
    by_slug: dict[str, list[ConditionFact]] = {}
    suspected: dict[str, ConditionFact] = {}
    deliveries = [f for f in facts.conditions if f.condition == "delivery" and f.certainty is Certainty.ESTABLISHED]
    for fact in sorted(facts.conditions, key=lambda f: (f.condition, f.source.reference)):
        if not _in_effect(fact, policy, as_of) or _born_since(fact, deliveries, policy, as_of):
            continue
        if fact.certainty is Certainty.ESTABLISHED:
            by_slug.setdefault(fact.condition, []).append(fact)
        else:
            suspected.setdefault(fact.condition, fact)
    injuries = by_slug.get("acute_kidney_injury", [])
    return Problems(
        by_slug={slug: tuple(found) for slug, found in by_slug.items()},
        acute_kidney_injury=injuries[0].label or "recorded acute kidney injury" if injuries else "",
        dialysis=_not_transplanted_since(
            (*by_slug.get("dialysis", []), *by_slug.get("kidney_replacement", [])), by_slug.get("kidney_transplant", [])
        ),
        suspected=tuple(suspected[slug] for slug in _HOLD_MAGNESIUM_BACK if slug in suspected and slug not in by_slug),
    )


def _in_effect(fact: ConditionFact, policy: Policy, as_of: datetime) -> bool:
    if fact.onset is not None and fact.onset.surely_after(as_of):
        return False
    match fact.condition:
        case "acute_kidney_injury":
            return _recent(fact, policy.kidney.aki_condition, as_of)
        case "kidney_replacement":
            return not over(fact, as_of) or _lingers(fact, policy.kidney.replacement_procedure, as_of)
        case "delivery":
            return _recent(fact, policy.population.postpartum, as_of)
        case "bradycardia":
            # Without a date it is taken for one of now: it only holds an order back.
            return fact.onset is None or _recent(fact, policy.ecg.slow_pulse_window, as_of)
        case "gi_bleeding":
            return fact.onset is None or _lingers(fact, policy.exposure.gi_bleeding, as_of)
        case slug if slug in _PREGNANT:
            # Left open on the list it would count for ever: no pregnancy is as long as that.
            too_long = fact.onset is not None and not fact.onset.possibly_within(
                policy.population.pregnancy.delta, as_of
            )
            return not too_long and (not over(fact, as_of) or _lingers(fact, policy.population.postpartum, as_of))
        case slug:
            return slug not in _ACUTE or _recent(fact, policy.current.acute_condition, as_of)


def _born_since(fact: ConditionFact, deliveries: Iterable[ConditionFact], policy: Policy, as_of: datetime) -> bool:
    """Whether a pregnancy ended with a delivery whose days after are past too.

    What was recorded of a pregnancy in the days after a delivery belongs to that one, too soon for another.
    """
    if fact.condition not in _PREGNANT or fact.onset is None:
        return False
    days = policy.population.postpartum
    return any(
        birth.onset is not None
        and not _recent(birth, days, as_of)
        and fact.onset.earliest <= birth.onset.latest + days.delta
        for birth in deliveries
    )


def over(fact: ConditionFact, as_of: datetime) -> bool:
    """Whether a condition or procedure has surely ended."""
    return fact.until is not None and fact.until.surely_by(as_of)


def _lingers(fact: ConditionFact, window: Span, as_of: datetime) -> bool:
    """Whether what has ended, or else began, may lie in the window."""
    last = fact.until or fact.onset
    return last is not None and last.possibly_within(window.delta, as_of)


def _recent(fact: ConditionFact, window: Span, as_of: datetime) -> bool:
    """An acute condition counts only if it may lie in the window; without any date it says nothing about now."""
    return fact.onset is not None and fact.onset.possibly_within(window.delta, as_of)


def _not_transplanted_since(
    dialysis: Iterable[ConditionFact], transplants: Iterable[ConditionFact]
) -> tuple[ConditionFact, ...]:
    """Dialysis counts unless a transplant surely came later; where the dates are silent it counts (no orders)."""
    grafts = [t.onset for t in transplants if t.onset is not None]
    return tuple(
        d for d in dialysis if not (d.onset is not None and any(d.onset.surely_before(graft) for graft in grafts))
    )
