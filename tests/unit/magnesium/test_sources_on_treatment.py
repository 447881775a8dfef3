"""What the sources say on treatment reaches the text of a card, under the conditions they and the policy set."""

from __future__ import annotations

import pytest

from magnesium.advice import replace_magnesium
from magnesium.sparing import sparing_diuretic
from magnesium.verdict import Proposal
from tests.builders import HEALTHY_KIDNEYS, Fact, acute, aged, egfr, k, mg, order, picture, problem

LOW_TWICE = (mg("1.3 mg/dL"), mg("1.3 mg/dL", days_ago=8))
WASTING = order("furosemide")
POTASSIUM = k("4.0 mmol/L")


def test_short_bowel_has_sodium_and_water_corrected_first() -> None:
    text = replace_magnesium(picture(mg("1.3 mg/dL"), HEALTHY_KIDNEYS, problem("short_bowel_syndrome"))).act
    assert any(line.startswith("Short bowel: correct sodium and water first") for line in text)


def test_no_such_words_without_a_short_bowel() -> None:
    assert "Short bowel" not in " ".join(replace_magnesium(picture(mg("1.3 mg/dL"), HEALTHY_KIDNEYS)).act)


@pytest.mark.parametrize(
    "chart",
    [
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("60")),
        (*LOW_TWICE, problem("gitelman_syndrome"), POTASSIUM, egfr("45")),
    ],
    ids=["wasting-drug", "tubulopathy"],
)
def test_amiloride_and_aldosterone_antagonists_are_mentioned_where_wasting_persists(chart: tuple[Fact, ...]) -> None:
    (text,) = sparing_diuretic(picture(*chart))
    assert "if tolerated" in text


@pytest.mark.parametrize(
    "chart",
    [
        (mg("1.3 mg/dL"), WASTING, POTASSIUM, egfr("60")),
        (mg("1.3 mg/dL"), mg("1.3 mg/dL", days_ago=5), WASTING, POTASSIUM, egfr("60")),
        (*LOW_TWICE, POTASSIUM, egfr("60")),
        (*LOW_TWICE, order("omeprazole", days_ago=400), POTASSIUM, egfr("60")),
        (*LOW_TWICE, WASTING, k("4.5 mmol/L"), egfr("60")),
        (*LOW_TWICE, WASTING, egfr("60")),
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("44")),
        (*LOW_TWICE, WASTING, POTASSIUM),
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("60"), acute("acute_kidney_injury")),
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("60"), order("spironolactone")),
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("60"), order("triamterene")),
        (*LOW_TWICE, WASTING, POTASSIUM, egfr("60"), problem("pregnancy")),
    ],
    ids=[
        "low-once", "not-apart", "no-renal-reason", "gut-drug", "potassium-high", "potassium-unknown", "egfr-below",
        "egfr-unknown", "acute-injury", "antagonist-already", "triamterene-already", "pregnancy",
    ],
)  # fmt: skip
def test_and_nowhere_else(chart: tuple[Fact, ...]) -> None:
    assert sparing_diuretic(picture(*chart)) == ()


def test_never_under_18_and_never_as_an_order() -> None:
    chart = (*LOW_TWICE, WASTING, POTASSIUM, egfr("60"))
    assert sparing_diuretic(picture(*chart, patient=aged(15))) == ()
    assert not [proposal for proposal in Proposal if "amiloride" in proposal or "spironolactone" in proposal]
