"""What is kept of an answer and of feedback, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import update

from cds_service.storage.database import COMMAND, open_engine
from cds_service.storage.records import DatabaseRecords
from cds_service.storage.schema import calls, decisions, feedback, metadata
from hooks.service import Display
from magnesium.verdict import Indicator, Topic
from tests.builders import NOW
from tests.storage.say import (
    MEASURE,
    ROOM_SECONDS,
    SERVICE,
    MakeRecords,
    Told,
    card,
    decision,
    entry,
    note,
    put,
    report,
    rows,
)


class TestDecisions:
    def test_a_card_is_kept_with_what_it_was_about_and_for_whom_in_codes(
        self, records: DatabaseRecords, url: str
    ) -> None:
        note(records, decision(1, suggestions=(card(2),)))
        [row] = rows(url, decisions)
        codes = row.pop("patient_code"), row.pop("user_code")
        assert row == {
            "card": card(1),
            "client": "epic",
            "service": "magnesium-patient-view",
            "hook": "patient-view",
            "topic": "hypomagnesemia",
            "indicator": "warning",
            "display": "shown",
            "decided_at": NOW,
            "day": NOW.date(),
            "policy_version": row["policy_version"],
            "rule_version": next(rule.version for rule in SERVICE.rules if rule.topic is Topic.HYPOMAGNESEMIA),
            "measure": MEASURE.to_json(),
            "suggestions": [card(2)],
        }
        assert all(len(code) == 64 for code in codes)
        assert len(set(codes)) == 2

    def test_nothing_that_names_a_person_or_an_encounter_is_in_the_database(
        self, records: DatabaseRecords, url: str
    ) -> None:
        note(records, decision(1), patient="MRN-12345", user="Practitioner/jane-doe")
        commented = entry(1) | {
            "overrideReason": {"userComment": "Mrs Roe asked for it", "reason": {"code": "see Mr Roe"}}
        }
        report(records, commented, {"card": "Jane Roe", "outcome": "accepted"})
        everything = json.dumps([rows(url, table) for table in metadata.sorted_tables], default=str)
        for secret in ("MRN-12345", "jane-doe", "encounter-secret", "Roe"):
            assert secret not in everything

    @pytest.mark.parametrize("display", Display)
    def test_cards_that_nobody_sees_are_kept_too(self, records: DatabaseRecords, url: str, display: Display) -> None:
        note(records, decision(1, display=display))
        assert [row["display"] for row in rows(url, decisions)] == [display.value]

    def test_the_card_about_failed_checks_has_no_measure_and_no_rule(self, records: DatabaseRecords, url: str) -> None:
        from hooks.service import Decision  # noqa: PLC0415

        note(records, Decision(card(1), "checks-not-run", Indicator.INFO, Display.SHOWN))
        [row] = rows(url, decisions)
        assert (row["measure"], row["rule_version"]) == (None, None)

    def test_one_patient_has_one_code_and_another_in_every_hospital_and_deployment(
        self, url: str, make_records: MakeRecords
    ) -> None:
        ours, theirs = make_records(url), make_records(url, key=b"z" * 32)
        note(ours, decision(1))
        note(ours, decision(2))
        note(ours, decision(3), client="oracle")
        note(ours, decision(4), patient="p2")
        note(theirs, decision(5))
        codes = [row["patient_code"] for row in rows(url, decisions)]
        assert codes[0] == codes[1]
        assert len(set(codes)) == 4

    def test_calls_are_counted_by_day_client_and_service_with_those_that_showed_nothing(
        self, records: DatabaseRecords, url: str
    ) -> None:
        note(records, decision(1))
        note(records)
        note(records, decision(2, display=Display.SILENT))
        note(records, client="oracle")
        late = datetime(2026, 3, 14, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
        note(records, at=late)
        assert [tuple(row.values()) for row in rows(url, calls)] == [
            (date(2026, 3, 14), "epic", SERVICE.id, 3, 2),
            (date(2026, 3, 14), "oracle", SERVICE.id, 1, 1),
            (date(2026, 3, 15), "epic", SERVICE.id, 1, 1),
        ]

    def test_a_card_that_is_written_twice_is_there_once(self, records: DatabaseRecords, url: str) -> None:
        note(records, decision(1))
        note(records, decision(1))
        assert len(rows(url, decisions)) == 1


class TestFeedback:
    def test_an_override_is_kept_with_its_reason_and_times(self, records: DatabaseRecords, url: str) -> None:
        received = NOW + timedelta(hours=3)
        report(records, entry(1, at=NOW), received=received)
        [row] = rows(url, feedback)
        assert len(row.pop("digest")) == 64
        assert row == {
            "id": 1,
            "client": "epic",
            "service": SERVICE.id,
            "card": card(1),
            "outcome": "overridden",
            "happened_at": NOW,
            "received_at": received,
            "reason_code": "will-review",
            "reason_system": None,
            "commented": False,
            "accepted_suggestions": [],
        }

    def test_the_same_entry_again_is_the_same_row_and_another_is_another(
        self, records: DatabaseRecords, url: str
    ) -> None:
        report(records, entry(1), entry(1))
        report(records, entry(1), received=NOW + timedelta(days=40))
        report(records, entry(1, reason="not-relevant"), entry(1, at=NOW + timedelta(seconds=1)), entry(1, "accepted"))
        report(records, entry(1), client="oracle")
        assert len(rows(url, feedback)) == 5

    def test_what_is_on_record_already_is_not_changed(self, records: DatabaseRecords, url: str) -> None:
        report(records, entry(1))
        before = rows(url, feedback)
        report(records, entry(1), received=NOW + timedelta(days=40))
        assert rows(url, feedback) == before

    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            (NOW - timedelta(hours=5), NOW - timedelta(hours=5)),
            (NOW, NOW),
            (NOW + timedelta(seconds=1), NOW),
            (None, NOW),
        ],
        ids=["hours ago", "now", "in the future", "not said"],
    )
    def test_nothing_happened_after_it_was_received(
        self, records: DatabaseRecords, url: str, said: datetime | None, kept: datetime
    ) -> None:
        told = entry(1) | {"outcomeTimestamp": said.isoformat() if said else None}
        report(records, told, received=NOW)
        assert [row["happened_at"] for row in rows(url, feedback)] == [kept]

    def test_an_odd_entry_costs_only_itself_and_is_logged_by_its_place(
        self, records: DatabaseRecords, url: str, told: Told
    ) -> None:
        report(records, entry(1), {"card": card(2), "outcome": "ignored"}, "nonsense", entry(3))
        assert [row["card"] for row in rows(url, feedback)] == [card(1), card(3)]
        [event] = told.events
        assert (event["event"], event["trouble"], event["dropped"]) == ("feedback-odd", "feedback[1].outcome", 2)

    def test_a_batch_of_nothing_but_oddities_is_no_error(self, records: DatabaseRecords, url: str) -> None:
        report(records, {}, None, 1)
        assert rows(url, feedback) == []

    def test_cards_that_nobody_knows_are_kept_and_counted(self, records: DatabaseRecords, url: str) -> None:
        note(records, decision(1))
        report(records, entry(1), entry(2), {"card": "no uuid", "outcome": "accepted"}, received=NOW)
        report(records, entry(1), client="oracle", received=NOW)
        assert len(rows(url, feedback)) == 4
        assert records.tallies(NOW.date(), NOW.date()).unknown_cards == 3
        assert records.tallies(NOW.date(), NOW.date(), "epic").unknown_cards == 2
        assert records.tallies(NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=1)).unknown_cards == 0


class TestTallies:
    def test_the_last_report_about_a_card_counts(self, records: DatabaseRecords) -> None:
        note(records, decision(1), decision(2, Topic.WASTING_DRUG))
        report(records, entry(1, at=NOW), entry(1, "accepted", at=NOW + timedelta(hours=1)))
        report(records, entry(2, "accepted", at=NOW), entry(2, at=NOW + timedelta(hours=1)))
        tallies = records.tallies(NOW.date(), NOW.date())
        assert {(tally.topic, tally.outcome, tally.reason, tally.count) for tally in tallies.cards} == {
            ("hypomagnesemia", "accepted", "", 1),
            ("magnesium-wasting-drug", "overridden", "will-review", 1),
        }

    def test_another_client_answers_for_none_of_our_cards(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1), client="oracle")
        [tally] = records.tallies(NOW.date(), NOW.date()).cards
        assert (tally.outcome, tally.count) == ("", 1)

    @pytest.mark.parametrize(
        ("since", "until", "cards"),
        [(13, 15, 3), (14, 14, 1), (13, 13, 1), (16, 20, 0), (15, 15, 1)],
    )
    def test_first_and_last_day_are_included(
        self, records: DatabaseRecords, since: int, until: int, cards: int
    ) -> None:
        for day in (13, 14, 15):
            note(records, decision(day), at=datetime(2026, 3, day, tzinfo=UTC))
        tallies = records.tallies(date(2026, 3, since), date(2026, 3, until))
        assert sum(tally.count for tally in tallies.cards) == cards
        assert sum(tally.total for tally in tallies.calls) == cards

    def test_one_client_by_itself(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        note(records, decision(2), client="oracle")
        tallies = records.tallies(NOW.date(), NOW.date(), "oracle")
        assert [tally.client for tally in tallies.cards] == ["oracle"]
        assert [tally.client for tally in tallies.calls] == ["oracle"]


class TestOverrides:
    def remembered(
        self,
        records: DatabaseRecords,
        client: str = "epic",
        patient: str = "p1",
        at: datetime = NOW + timedelta(days=1),
    ) -> dict[str, Any]:
        found = records.overrides(client, patient, at)
        return {topic.value: (override.at, override.reason) for topic, override in found.items()}

    def test_an_override_with_a_reason_is_remembered_with_how_bad_it_was(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1))
        [(topic, override)] = records.overrides("epic", "p1", NOW).items()
        assert (topic, override.at, override.reason) == (Topic.HYPOMAGNESEMIA, NOW, "will-review")
        assert override.measure == MEASURE

    @pytest.mark.parametrize(
        ("reason", "kept"), [({"userComment": "seen"}, "(text)"), ({"reason": {"code": "two words"}}, "(other)")]
    )
    def test_a_reason_in_words_or_by_another_code_is_a_reason(
        self, records: DatabaseRecords, reason: Any, kept: str
    ) -> None:
        note(records, decision(1))
        report(records, entry(1) | {"overrideReason": reason})
        assert self.remembered(records) == {"hypomagnesemia": (NOW, kept)}

    def test_what_was_kept_while_the_memory_was_off_is_no_memory(self, records: DatabaseRecords, url: str) -> None:
        put(records, decision(1), measured=False)
        assert records.flush(ROOM_SECONDS)
        assert [row["measure"] for row in rows(url, decisions)] == [None]
        report(records, entry(1))
        assert self.remembered(records) == {}

    def test_without_a_reason_nothing_is_remembered(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1, reason=""))
        assert self.remembered(records) == {}

    def test_an_override_without_a_reason_does_not_end_one_with(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1), entry(1, reason="", at=NOW + timedelta(hours=1)))
        assert self.remembered(records) == {"hypomagnesemia": (NOW, "will-review")}

    def test_the_newest_counts_whenever_it_arrives(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        note(records, decision(2), at=NOW + timedelta(hours=2))
        report(records, entry(2, reason="other-team", at=NOW + timedelta(hours=2)))
        report(records, entry(1, at=NOW))
        assert self.remembered(records) == {"hypomagnesemia": (NOW + timedelta(hours=2), "other-team")}

    @pytest.mark.parametrize(
        ("hours", "remembered"),
        [(-1, True), (0, False), (1, False)],
        ids=["before the override", "at the same moment", "after it"],
    )
    def test_an_accepted_card_ends_the_memory_of_its_topic(
        self, records: DatabaseRecords, *, hours: int, remembered: bool
    ) -> None:
        note(records, decision(1), decision(2))
        report(records, entry(1, at=NOW), entry(2, "accepted", at=NOW + timedelta(hours=hours)))
        assert bool(self.remembered(records)) is remembered

    def test_each_topic_has_its_own(self, records: DatabaseRecords) -> None:
        note(records, decision(1), decision(2, Topic.WASTING_DRUG))
        report(records, entry(1), entry(2, "accepted"))
        assert set(self.remembered(records)) == {"hypomagnesemia"}

    @pytest.mark.parametrize("who", [("epic", "p2"), ("oracle", "p1")])
    def test_other_patients_and_other_clients_are_not_affected(
        self, records: DatabaseRecords, who: tuple[str, str]
    ) -> None:
        note(records, decision(1))
        report(records, entry(1))
        assert self.remembered(records, *who) == {}

    def test_a_client_cannot_silence_the_cards_of_another(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1), client="oracle")
        assert self.remembered(records) == {}
        assert self.remembered(records, client="oracle") == {}

    def test_what_happens_later_is_not_known_yet(self, records: DatabaseRecords) -> None:
        note(records, decision(1))
        report(records, entry(1))
        assert self.remembered(records, at=NOW - timedelta(seconds=1)) == {}

    @pytest.mark.parametrize(
        "stored",
        [{}, None, MEASURE.to_json() | {"magnesium": ["x", 0, ""]}, MEASURE.to_json() | {"topics": ["gout"]}],
        ids=["empty", "none", "no number", "no topic of ours"],
    )
    def test_a_measure_of_another_version_is_no_memory(self, records: DatabaseRecords, url: str, stored: Any) -> None:
        note(records, decision(1))
        with open_engine(url, COMMAND).begin() as connection:
            connection.execute(update(decisions).values(measure=stored))
        report(records, entry(1))
        assert self.remembered(records) == {}

    def test_the_card_about_failed_checks_is_never_remembered(self, records: DatabaseRecords, url: str) -> None:
        note(records, decision(1))
        with open_engine(url, COMMAND).begin() as connection:
            connection.execute(update(decisions).values(topic="checks-not-run"))
        report(records, entry(1))
        assert self.remembered(records) == {}
