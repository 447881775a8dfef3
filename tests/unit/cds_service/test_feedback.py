"""Feedback is read with patience: an odd entry costs only itself, and words are not kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import RequestError
from cds_service.feedback import ANOTHER_CODE, IN_WORDS, MOST_ENTRIES, Feedback, Outcome, Reason, read_feedback
from hooks.wording import OVERRIDE_REASONS
from magnesium.verdict import Topic

CARD = "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11"
OTHER = "9dac10ac-a5f0-43b3-b8ed-edc3549a84d3"
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-01-15T09:00:00Z"}
ACCEPTED = {"card": CARD, "outcome": "accepted", "outcomeTimestamp": "2026-01-15T09:00:00Z"}
OURS = OVERRIDE_REASONS[Topic.WASTING_DRUG][0]
CODED = OURS.to_json()
FOREIGN = {"code": "3", "system": "urn:oid:1.2.3"}
# As Epic tells who dismissed a card, which is no reason.
USER = {"internal.epic.cdshooks.feedback.user": {"type": {"code": "EMP"}, "id": {"code": "17425"}}}


def one(entry: dict[str, Any]) -> Feedback:
    batch = read_feedback({"feedback": [entry]})
    assert batch.odd == ()
    return batch.entries[0]


class TestEnvelope:
    @pytest.mark.parametrize("body", [{}, {"feedback": None}, {"feedback": {}}, {"feedback": "x"}, {"feedback": 1}])
    def test_without_a_list_it_is_refused_by_the_name_of_the_field(self, body: dict[str, Any]) -> None:
        with pytest.raises(RequestError) as refused:
            read_feedback(body)
        assert [issue.at for issue in refused.value.issues] == ["feedback"]
        assert refused.value.status == 400

    def test_more_than_can_be_written_at_once_is_refused_with_the_number(self) -> None:
        assert len(read_feedback({"feedback": [ACCEPTED] * MOST_ENTRIES}).entries) == MOST_ENTRIES
        with pytest.raises(RequestError) as refused:
            read_feedback({"feedback": [ACCEPTED] * (MOST_ENTRIES + 1)})
        [issue] = refused.value.issues
        assert (refused.value.status, issue.code, issue.at) == (413, "too-long", "feedback")
        assert str(MOST_ENTRIES) in issue.text

    def test_nothing_to_report_is_fine(self) -> None:
        assert read_feedback({"feedback": []}).entries == ()

    @pytest.mark.parametrize(
        ("entry", "at"),
        [
            (None, "feedback[1]"),
            ("x", "feedback[1]"),
            ([], "feedback[1]"),
            ({}, "feedback[1].card"),
            ({"card": 7}, "feedback[1].card"),
            ({"card": " "}, "feedback[1].card"),
            ({"card": CARD}, "feedback[1].outcome"),
            ({"card": CARD, "outcome": "ignored"}, "feedback[1].outcome"),
            ({"card": CARD, "outcome": None}, "feedback[1].outcome"),
            ({"card": CARD, "outcome": ["accepted"]}, "feedback[1].outcome"),
        ],
    )
    def test_an_odd_entry_costs_only_itself(self, entry: Any, at: str) -> None:
        batch = read_feedback({"feedback": [OVERRIDDEN, entry, ACCEPTED]})
        assert len(batch.entries) == 2
        assert batch.odd == (at,)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["code", "id", "reason"]), inner),
        max_leaves=10,
    )

    @given(
        st.lists(
            json_values
            | st.fixed_dictionaries(
                {"card": st.just(CARD) | json_values, "outcome": st.sampled_from(Outcome) | json_values},
                optional={
                    "outcomeTimestamp": json_values | st.datetimes().map(datetime.isoformat),
                    "overrideReason": json_values,
                    "overrideReasons": json_values,
                    "acceptedSuggestions": json_values,
                },
            ),
            max_size=4,
        )
    )
    def test_every_list_can_be_read_and_every_entry_is_kept_or_odd(self, entries: list[Any]) -> None:
        batch = read_feedback({"feedback": entries})
        assert len(batch.entries) + len(batch.odd) == len(entries)
        for entry in batch.entries:
            assert len(entry.card) in {0, 36}
            assert entry.when is None or entry.when.utcoffset() is not None
            assert entry.reason is None or entry.reason in {Reason(IN_WORDS), Reason(ANOTHER_CODE)}


class TestEntry:
    @pytest.mark.parametrize("sent", [CARD, CARD.upper(), f" {CARD} ", f"urn:uuid:{CARD}"])
    def test_a_card_is_known_by_its_uuid_however_it_is_written(self, sent: str) -> None:
        assert one(ACCEPTED | {"card": sent}).card == CARD

    @pytest.mark.parametrize("sent", ["card-1", "Jane Roe", "é" * 1000])
    def test_what_is_no_uuid_is_a_card_that_nobody_knows(self, sent: str) -> None:
        assert one(ACCEPTED | {"card": sent}).card == ""

    @pytest.mark.parametrize("sent", ["accepted", "Accepted", " ACCEPTED "])
    def test_an_outcome_in_any_case(self, sent: str) -> None:
        assert one(ACCEPTED | {"outcome": sent}).outcome is Outcome.ACCEPTED

    @pytest.mark.parametrize(
        ("sent", "when"),
        [
            ("2026-01-15T09:00:00Z", datetime(2026, 1, 15, 9, tzinfo=UTC)),
            ("2026-01-15t09:00:00z", datetime(2026, 1, 15, 9, tzinfo=UTC)),
            ("2026-01-15T09:00:00.5Z", datetime(2026, 1, 15, 9, 0, 0, 500_000, tzinfo=UTC)),
            ("2026-01-15T09:00:00.123456789Z", datetime(2026, 1, 15, 9, 0, 0, 123_456, tzinfo=UTC)),
            ("2026-01-15T10:00:00+01:00", datetime(2026, 1, 15, 9, tzinfo=UTC)),
            ("2026-01-15 09:00:00", datetime(2026, 1, 15, 9, tzinfo=UTC)),
            ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
            ("yesterday", None),
            ("2026-13-15T09:00:00Z", None),
            ("0001-01-01T00:00:00+12:00", None),
            ("", None),
            (None, None),
            (1768467600, None),
        ],
    )
    def test_a_time_that_can_be_read_is_and_any_other_is_as_if_not_said(self, sent: Any, when: datetime | None) -> None:
        assert one(ACCEPTED | {"outcomeTimestamp": sent}).when == when

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ([{"id": OTHER}], (OTHER,)),
            ([{"id": OTHER}, {"id": OTHER}, {"id": CARD}], (OTHER, CARD)),
            ([OTHER], (OTHER,)),
            ({"id": OTHER}, (OTHER,)),
            ([{"id": "give magnesium to Mr Roe"}, {"uuid": OTHER}, None], ()),
            ([], ()),
            (None, ()),
            ("x", ()),
        ],
    )
    def test_suggestions_are_kept_by_their_uuids(self, sent: Any, kept: tuple[str, ...]) -> None:
        assert one(ACCEPTED | {"acceptedSuggestions": sent}).suggestions == kept

    def test_no_more_suggestions_than_a_card_could_have(self) -> None:
        sent = [{"id": f"00000000-0000-4000-8000-{number:012}"} for number in range(30)]
        assert len(one(ACCEPTED | {"acceptedSuggestions": sent}).suggestions) == 20

    def test_suggestions_of_an_overridden_card_and_reasons_of_an_accepted_one_mean_nothing(self) -> None:
        assert one(OVERRIDDEN | {"acceptedSuggestions": [{"id": OTHER}]}).suggestions == ()
        accepted = one(ACCEPTED | {"overrideReason": {"reason": CODED, "userComment": "x"}})
        assert (accepted.reason, accepted.commented) == (None, False)

    def test_the_order_of_its_members_makes_no_other_entry(self) -> None:
        assert one(OVERRIDDEN).sent == one(dict(reversed(OVERRIDDEN.items()))).sent
        assert one(OVERRIDDEN).sent != one(ACCEPTED).sent

    def test_an_entry_shows_nothing_of_itself(self) -> None:
        assert "Roe" not in repr(read_feedback({"feedback": [OVERRIDDEN | {"overrideReason": {"userComment": "Roe"}}]}))


class TestReason:
    @pytest.mark.parametrize(
        "sent",
        [
            {"overrideReason": {"reason": CODED}},
            {"overrideReasons": {"reason": CODED}},
            {"overrideReasons": [{"reason": CODED}]},
            {"overrideReason": None, "overrideReasons": [{}, {"reason": CODED}]},
            {"overrideReason": {"reason": {"coding": [CODED]}}},
            {"overrideReason": {"reason": [CODED]}},
            {"overrideReason": CODED},
            {"overrideReasons": {"extension": {"com.example.reason": CODED}}},
            {"overrideReasons": {"extension": [{"url": "https://example.org", "valueCoding": CODED}]}},
            {"overrideReason": {"reason": {"display": "Already on it"}, "extension": {"x": {"y": CODED}}}},
        ],
    )
    def test_a_code_is_found_wherever_clients_put_it(self, sent: dict[str, Any]) -> None:
        assert one(OVERRIDDEN | sent).reason == Reason(OURS.code, OURS.system)

    @pytest.mark.parametrize(
        "sent",
        [
            {"reason": FOREIGN},
            {"reason": {"code": "3"}},
            {"reason": {"coding": [FOREIGN]}},
            {"extension": {"com.example.reason": FOREIGN}},
            {"reason": {"code": "patient Jane Roe refuses", "system": "x"}},
            {"reason": {"code": "Jane.Roe-1950-01-01", "system": "urn:x"}},
            {"reason": {"code": "x" * 65}},
            {"reason": FOREIGN | {"display": "Refuses"}, "userComment": "Refuses", "extension": USER},
        ],
    )
    def test_of_a_code_that_no_card_offers_only_that_it_was_given_is_kept(self, sent: dict[str, Any]) -> None:
        assert one(OVERRIDDEN | {"overrideReason": sent}).reason == Reason(ANOTHER_CODE)

    @pytest.mark.parametrize(
        "sent",
        [
            {"reason": {"coding": [FOREIGN, CODED]}},
            {"reason": FOREIGN, "extension": {"com.example.reason": CODED}},
            {"reason": CODED, "extension": USER},
            {"extension": {"com.example.reason": CODED, **USER}},
        ],
    )
    def test_a_code_that_a_card_offers_goes_before_others(self, sent: dict[str, Any]) -> None:
        assert one(OVERRIDDEN | {"overrideReason": sent}).reason == Reason(OURS.code, OURS.system)

    @pytest.mark.parametrize(
        "sent",
        [
            {"reason": {"display": "Refuses"}},
            {"reason": {"display": "Refuses"}, "extension": USER},
            {"reason": "Refuses"},
            {"userComment": "Refuses"},
            {"reason": {"code": 3}, "userComment": "Refuses"},
        ],
    )
    def test_a_reason_in_words_is_known_to_have_been_given_and_not_kept(self, sent: dict[str, Any]) -> None:
        assert one(OVERRIDDEN | {"overrideReason": sent}).reason == Reason(IN_WORDS)

    @pytest.mark.parametrize(
        "sent", [None, {}, [], "x", {"reason": None}, {"userComment": " "}, {"reason": {}}, {"extension": USER}]
    )
    def test_no_reason_is_none(self, sent: Any) -> None:
        assert one(OVERRIDDEN | {"overrideReason": sent}).reason is None

    @pytest.mark.parametrize("system", ["https://example.org/reasons", "urn:Jane.Roe", "a b", "x" * 256, None, 7, "é"])
    def test_another_system_is_not_kept(self, system: Any) -> None:
        sent = {"reason": {"code": OURS.code, "system": system}}
        assert one(OVERRIDDEN | {"overrideReason": sent}).reason == Reason(OURS.code)

    def test_that_there_was_a_comment_is_kept_beside_the_code(self) -> None:
        entry = one(OVERRIDDEN | {"overrideReason": {"reason": CODED, "userComment": "Mr Roe"}})
        assert entry.commented
        assert entry.reason == Reason(OURS.code, OURS.system)

    def test_a_code_that_is_buried_too_deep_is_not_looked_for(self) -> None:
        nested: Any = CODED
        for _ in range(10):
            nested = {"extension": nested}
        assert one(OVERRIDDEN | {"overrideReason": nested}).reason is None
