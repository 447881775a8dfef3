"""The timeline: what counts as what, in which unit it is placed, how far back it reaches, and where it is drawn."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cds_service.workbench.drawing import PAPERS, Paper, draw
from cds_service.workbench.timeline import Span, read_timeline, unit_reported
from cds_service.workbench.tint import Tint
from cds_service.workbench.tracks import MAGNESIUM_UNITS, magnesium_track, potassium_track
from magnesium.facts import Route
from tests.builders import (
    INPATIENT,
    NOW,
    Fact,
    ago,
    draft,
    ended_order,
    given,
    k,
    mg,
    order,
    picture,
    site_policy,
    statement,
    unreadable,
)


class TestResults:
    @pytest.mark.parametrize(
        ("sent", "unit", "shown", "tint"),
        [
            ("1.1 mg/dL", "mg/dL", "1.1", Tint.SEVERE),
            ("1.2 mg/dL", "mg/dL", "1.2", Tint.LOW),
            ("1.5 mg/dL", "mmol/L", "0.62", Tint.LOW),
            ("1.6 mg/dL", "mmol/L", "0.66", Tint.BORDERLINE),
            ("0.70 mmol/L", "mmol/L", "0.70", Tint.NORMAL),
            ("0.55 mmol/L", "mEq/L", "1.10", Tint.LOW),
            ("1.1 mEq/L", "mg/dL", "1.3", Tint.LOW),
            ("640 umol/L", "mmol/L", "0.64", Tint.LOW),
            ("2.7 mg/dL", "mg/dL", "2.7", Tint.HIGH),
            ("<0.50 mmol/L", "mmol/L", "<0.50", Tint.SEVERE),
            ("<0.6 mmol/L", "mmol/L", "<0.6", Tint.OPEN),
        ],
    )
    def test_a_magnesium_is_placed_in_the_chosen_unit_and_judged_as_reported(
        self, sent: str, unit: str, shown: str, tint: Tint
    ) -> None:
        (point,) = magnesium_track(picture(mg(sent)), unit).points
        assert (point.shown, point.tint) == (shown, tint)

    @pytest.mark.parametrize(
        ("sent", "words", "tint"),
        [
            ("2.4 mmol/L", "severely low", Tint.SEVERE),
            ("2.5 mmol/L", "moderately low", Tint.LOW),
            ("3.0 mEq/L", "low", Tint.BORDERLINE),
            ("3.5 mmol/L", "not low", Tint.NORMAL),
            ("<3.2 mmol/L", "not conclusive", Tint.OPEN),
        ],
    )
    def test_a_potassium_is_judged_by_the_policy(self, sent: str, words: str, tint: Tint) -> None:
        (point,) = potassium_track(picture(k(sent))).points
        assert (point.words, point.tint) == (words, tint)

    def test_what_cannot_be_used_is_no_point(self) -> None:
        track = magnesium_track(picture(mg("19 mmol/L", hours_ago=3), unreadable(hours_ago=1)), "mmol/L")
        assert track.points == ()
        assert sorted(entry.reason for entry in track.unusable) == ["implausible", "unknown-unit"]

    @pytest.mark.parametrize(("sent", "points"), [("1.4 mg/dL", 1), ("2.0 mg/dL", 0)])
    def test_of_a_suspect_specimen_only_a_low_magnesium_counts(self, sent: str, points: int) -> None:
        assert len(magnesium_track(picture(mg(sent, hemolyzed="hemolyzed")), "mg/dL").points) == points

    @pytest.mark.parametrize(("sent", "points"), [("3.1 mmol/L", 1), ("5.9 mmol/L", 0)])
    def test_of_a_suspect_specimen_only_a_low_potassium_counts(self, sent: str, points: int) -> None:
        assert len(potassium_track(picture(k(sent, hemolyzed="hemolyzed"))).points) == points

    @pytest.mark.parametrize("unit", MAGNESIUM_UNITS)
    def test_the_bands_meet_and_leave_nothing_out(self, unit: str) -> None:
        bands = magnesium_track(picture(), unit).bands
        assert [band.top for band in bands[:-1]] == [band.bottom for band in bands[1:]]
        assert (bands[0].bottom, bands[-1].top) == (None, None)

    def test_the_limits_are_those_of_the_site(self, tmp_path: Path) -> None:
        policy = site_policy(
            tmp_path,
            '[magnesium.low]\nprinted = { "mmol/L" = 0.68, "mg/dL" = 1.65, "mEq/L" = 1.35 }\nreviewed = 2026-01-01\n',
        )
        limits = magnesium_track(picture(policy=policy), "mg/dL").limits
        assert limits == "severely low below 1.2, low below 1.65, borderline below 1.7, high above 2.6"

    @pytest.mark.parametrize(("sent", "unit"), [("1.4 mg/dL", "mg/dL"), ("640 umol/L", "mmol/L"), ("", "mg/dL")])
    def test_first_shown_is_the_unit_of_the_laboratory(self, sent: str, unit: str) -> None:
        assert unit_reported(picture(*([mg(sent)] if sent else []))) == unit


class TestDrugs:
    @pytest.mark.parametrize(
        ("exposure", "tint", "classes"),
        [
            (order("furosemide"), Tint.WASTING, "loop diuretic"),
            (order("magnesium oxide"), Tint.REPLACING, "magnesium salt"),
            (order("amiloride"), Tint.SPARING, "potassium-sparing diuretic"),
            (order("digoxin"), Tint.CONTEXT, "digoxin"),
            (order("gentamicin", route=Route.LOCAL), Tint.LOCAL, "acts locally, does not count"),
        ],
    )
    def test_a_drug_is_tinted_by_what_it_does(self, exposure: Fact, tint: Tint, classes: str) -> None:
        (row,) = read_timeline(picture(exposure), "mg/dL", None).drugs
        assert (row.tint, row.classes) == (tint, classes)

    def test_all_records_of_a_drug_are_one_row(self) -> None:
        found = picture(order("furosemide"), given("furosemide"), given("furosemide", hours_ago=9), draft("furosemide"))
        (row,) = read_timeline(found, "mg/dL", None).drugs
        assert row.records == "1 order, 2 doses, 1 draft order"
        assert row.last == "now"

    def test_those_that_waste_magnesium_come_first(self) -> None:
        found = picture(order("digoxin"), order("magnesium oxide"), order("omeprazole"))
        rows = read_timeline(found, "mg/dL", None).drugs
        assert [row.name for row in rows] == ["omeprazole", "magnesium oxide", "digoxin"]

    @pytest.mark.parametrize(
        ("exposure", "running"),
        [
            (order("furosemide"), True),
            (statement("furosemide"), True),
            (given("magnesium sulfate", hours_ago=9, ended=None), True),
            (given("magnesium sulfate", hours_ago=9, ended=ago(hours=2)), False),
            (ended_order("furosemide"), False),
            (order("furosemide", days_ago=500), False),
        ],
    )
    def test_a_bar_reaches_to_now_only_if_the_drug_does(self, exposure: Fact, running: bool) -> None:
        (row,) = read_timeline(picture(exposure), "mg/dL", None).drugs
        assert row.stretches[0].running is running


class TestSpan:
    @pytest.mark.parametrize(
        ("days", "span"),
        [
            (3, Span.THREE_DAYS),
            (4, Span.TWO_WEEKS),
            (14, Span.TWO_WEEKS),
            (15, Span.THREE_MONTHS),
            (200, Span.YEAR),
            (900, Span.THREE_YEARS),
            (1500, Span.ALL),
        ],
    )
    def test_it_is_the_shortest_that_shows_all_recent_results(self, days: int, span: Span) -> None:
        assert read_timeline(picture(mg("1.4 mg/dL", days_ago=days)), "mg/dL", None).span is span

    def test_in_hospital_old_results_do_not_stretch_it(self) -> None:
        chart = picture(mg("1.4 mg/dL", hours_ago=5), mg("1.9 mg/dL", days_ago=40), setting=INPATIENT)
        assert read_timeline(chart, "mg/dL", None).span is Span.THREE_DAYS

    def test_a_chosen_span_is_kept(self) -> None:
        timeline = read_timeline(picture(mg("1.4 mg/dL", days_ago=40)), "mg/dL", Span.THREE_DAYS)
        assert timeline.start == ago(days=3)

    def test_all_results_means_all(self) -> None:
        timeline = read_timeline(picture(mg("1.4 mg/dL", days_ago=4000)), "mg/dL", Span.ALL)
        assert timeline.start < ago(days=4000)

    def test_an_empty_chart_has_a_timeline_too(self) -> None:
        timeline = read_timeline(picture(), "mg/dL", Span.ALL)
        assert timeline.as_of - timeline.start == timedelta(days=1)
        assert timeline.as_of == NOW


@pytest.mark.parametrize("paper", PAPERS, ids=[paper.name for paper in PAPERS])
class TestDrawing:
    FULL: tuple[Fact, ...] = (
        mg("1.9 mg/dL", days_ago=300),
        mg("<0.6 mmol/L", days_ago=30),
        mg(">1.0 mg/dL", days_ago=20),
        mg("1.1 mg/dL", hours_ago=3),
        unreadable(hours_ago=1),
        k("3.9 mmol/L", days_ago=300),
        k("2.4 mmol/L", hours_ago=3),
        order("omeprazole", days_ago=2000),
        ended_order("gentamicin", days_ago=600),
        given("magnesium sulfate", hours_ago=1),
        draft("furosemide"),
        *(order(name) for name in ("digoxin", "sotalol", "methadone", "amiloride", "tacrolimus", "sirolimus")),
        *(order(name) for name in ("cisplatin", "chlorthalidone", "indapamide", "bumetanide")),
    )

    @pytest.mark.parametrize("span", list(Span))
    def test_everything_lies_on_the_paper(self, paper: Paper, span: Span) -> None:
        drawing = draw(read_timeline(picture(*self.FULL), "mg/dL", span), paper)
        for box in drawing.boxes:
            assert paper.left <= box.x
            assert box.x + box.width <= paper.width
            assert box.width >= 0
            assert box.height >= 0
            assert box.y + box.height <= drawing.height
        for stroke in drawing.strokes:
            for x, y in stroke.points:
                assert 0 <= x <= paper.width
                assert 0 <= y <= drawing.height
        for words in drawing.words:
            assert 0 <= words.x <= paper.width
            assert 0 < words.y <= drawing.height

    def test_later_is_further_right_and_higher_is_further_up(self, paper: Paper) -> None:
        chart = picture(mg("1.0 mg/dL", days_ago=9), mg("1.4 mg/dL", days_ago=5), mg("2.0 mg/dL", days_ago=1))
        course = next(
            stroke for stroke in draw(read_timeline(chart, "mg/dL", None), paper).strokes if stroke.css == "course"
        )
        assert list(course.points) == sorted(course.points)
        assert [y for _, y in course.points] == sorted((y for _, y in course.points), reverse=True)

    def test_a_result_older_than_the_span_is_not_drawn(self, paper: Paper) -> None:
        chart = picture(mg("1.0 mg/dL", days_ago=9))
        drawing = draw(read_timeline(chart, "mg/dL", Span.THREE_DAYS), paper)
        assert "no usable result in this time" in [words.text for words in drawing.words]

    def test_without_results_it_says_so(self, paper: Paper) -> None:
        texts = [words.text for words in draw(read_timeline(picture(), "mg/dL", None), paper).words]
        assert texts.count("no usable result") == 2

    def test_no_more_drugs_are_drawn_than_fit(self, paper: Paper) -> None:
        drawing = draw(read_timeline(picture(*self.FULL), "mg/dL", None), paper)
        assert len([words for words in drawing.words if words.css == "drug"]) == 10
