"""clinical.md §1.1 and §1.10: what holds a finding down, whatever its rule says."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnesium.facts import Patient
from magnesium.restraint import PEDIATRIC, for_age_of_result, population_notes, restrained
from magnesium.verdict import Indicator
from tests.builders import ADULT, INPATIENT, Fact, aged, k, mg, picture, problem, site_policy

INFO, WARNING, CRITICAL = Indicator
PALLIATIVE = problem("palliative_care")


@pytest.mark.parametrize("indicator", Indicator)
def test_an_adult_with_a_verified_result_is_not_restrained(indicator: Indicator) -> None:
    assert restrained(indicator, picture(), unverified=False) is indicator


@pytest.mark.parametrize(("asked", "shown"), [(INFO, INFO), (WARNING, WARNING), (CRITICAL, WARNING)])
def test_an_unverified_newer_result_holds_at_warning(asked: Indicator, shown: Indicator) -> None:
    assert restrained(asked, picture(), unverified=True) is shown


@pytest.mark.parametrize(
    ("patient", "shown"), [(aged(17), INFO), (aged(18), CRITICAL), (aged(None), CRITICAL), (ADULT, CRITICAL)]
)
def test_under_18_everything_is_info(patient: Patient, shown: Indicator) -> None:
    assert restrained(CRITICAL, picture(patient=patient), unverified=False) is shown


class TestPalliativeCare:
    @pytest.mark.parametrize(("asked", "shown"), [(INFO, None), (WARNING, None), (CRITICAL, CRITICAL)])
    def test_sees_only_critical(self, asked: Indicator, shown: Indicator | None) -> None:
        assert restrained(asked, picture(PALLIATIVE), unverified=False) is shown

    def test_never_sees_some_topics(self) -> None:
        assert restrained(CRITICAL, picture(PALLIATIVE), unverified=False, palliative_silent=True) is None
        assert restrained(CRITICAL, picture(), unverified=False, palliative_silent=True) is CRITICAL

    def test_sees_nothing_if_the_site_says_so(self, tmp_path: Path) -> None:
        policy = site_policy(tmp_path, "palliative_critical = false\n")
        assert restrained(CRITICAL, picture(PALLIATIVE, policy=policy), unverified=False) is None

    def test_a_critical_that_is_held_at_warning_is_not_shown(self) -> None:
        assert restrained(CRITICAL, picture(PALLIATIVE), unverified=True) is None
        assert restrained(CRITICAL, picture(PALLIATIVE, patient=aged(10)), unverified=False) is None


def test_an_aging_magnesium_counts_one_step_lower() -> None:
    aging = picture(mg("1.4 mg/dL", days_ago=4), setting=INPATIENT)
    fresh = picture(mg("1.4 mg/dL", days_ago=4))
    assert [for_age_of_result(i, aging) for i in Indicator] == [INFO, INFO, WARNING]
    assert [for_age_of_result(i, fresh) for i in Indicator] == [INFO, WARNING, CRITICAL]


def test_a_minor_is_told_whom_the_limits_are_for() -> None:
    assert population_notes(picture(patient=aged(17))) == (PEDIATRIC,)
    assert population_notes(picture()) == ()


@pytest.mark.parametrize("slug", ["gitelman_syndrome", "bartter_syndrome"])
@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ([mg("1.4 mg/dL")], True),
        ([mg("1.4 mg/dL", days_ago=40)], True),
        ([k("3.2 mmol/L")], True),
        ([mg("2.0 mg/dL"), k("4.0 mmol/L")], False),
        ([mg("1.65 mg/dL")], False),
        ([], False),
    ],
    ids=["low", "low, out of date", "low potassium", "nothing low", "borderline", "nothing known"],
)
def test_in_gitelman_and_bartter_syndrome_a_low_value_comes_with_what_may_be_reached(
    slug: str, chart: list[Fact], told: bool
) -> None:
    note = "Known Gitelman or Bartter syndrome: Mg 0.6 mmol/L and K 3.0 mmol/L may not be reachable."
    assert population_notes(picture(*chart, problem(slug))) == ((note,) if told else ())
    assert population_notes(picture(*chart)) == ()
