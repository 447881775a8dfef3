"""Whatever the rules find, every answer keeps cds-hooks.md §2.8 to §2.11 and §2.14.

The numbers in the comments are the items of that checklist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given
from hypothesis import strategies as st

from hooks.cards import SelectionBehavior
from hooks.render import Presentation
from hooks.service import Answer, Hook, HookService
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Patient,
    PatientFacts,
    Source,
    Unusable,
)
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.policy import load_site
from magnesium.quantity import Comparator, Quantity
from magnesium.units import unit_of
from magnesium.verdict import Evidence, Finding, Indicator, Proposal, Quiet, Topic, Unknown, Verdict

POLICY = load_site().policy
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
EVIDENCE = "io.github.magnesium-cds.evidence"
LOWER_CASE_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MODELS: dict[str, type[MedicationRequest | ServiceRequest]] = {
    "MedicationRequest": MedicationRequest,
    "ServiceRequest": ServiceRequest,
}

# What records and rules may hold: ordinary words, and everything that breaks cards.
NASTY = ["<b>", "<!--", "</p>", "<script>", "![x](y)", "[a](b)", "<0.6", ">5", "**", "_", "`", "\n", "\r", "\ud800"]
NASTY += ["# ", "- ", "1. ", "|", "&lt;", "www.x.org", "https://x.org", "\x00", "\u202e", "🫀", "", " ", "~~~", "\\"]
LONG = "Magnesium is low while furosemide, omeprazole, tacrolimus and cisplatin are in force " * 8
texts = st.one_of(
    st.sampled_from(["magnesium", "Mg 1.2 mg/dL", "low\nmagnesium", LONG]),
    st.lists(st.sampled_from(NASTY), max_size=5).map("".join),
    st.text(max_size=9),
)
lines = st.lists(texts, max_size=3).map(tuple)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 14), timezones=st.just(UTC)).map(When.at)  # noqa: DTZ001
sources = st.builds(Source, texts, texts, texts, texts, texts)
MG_DL = unit_of(Analyte.MAGNESIUM, "mg/dL")
assert MG_DL is not None
quantities = st.builds(
    Quantity, st.decimals(0, 9, places=2), unit=st.just(MG_DL), comparator=st.sampled_from(Comparator)
)
facts = st.one_of(
    st.builds(LabResult, st.just(Analyte.MAGNESIUM), quantities, instants, sources, hemolyzed=texts),
    st.builds(
        Exposure,
        st.sampled_from(ExposureKind),
        st.sampled_from(ExposureStatus),
        st.just(("furosemide",)),
        texts,
        sources,
        start=st.none() | instants,
    ),
    st.builds(ConditionFact, texts, sources, texts),
)
evidences = st.builds(
    Evidence,
    facts=st.lists(facts, max_size=3).map(tuple),
    thresholds=st.lists(st.sampled_from([*POLICY.numbers, "misspelt"]), max_size=3).map(tuple),
    citations=lines,
    unusable=st.lists(st.builds(Unusable, sources, texts, texts), max_size=2).map(tuple),
    missing=lines,
    held_back=lines,
    derived=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
)


@dataclass(frozen=True)
class FakeRule:
    topic: Topic
    verdict: Verdict | None
    version: str = "1"
    hooks: frozenset[str] = field(default_factory=frozenset)

    @property
    def judge(self) -> Callable[[ClinicalPicture], Verdict]:
        return self._judge

    def _judge(self, _: ClinicalPicture) -> Verdict:
        if self.verdict is None:
            raise RuntimeError("a mistake in the rule")
        return self.verdict


def findings(topic: Topic) -> st.SearchStrategy[Finding]:
    return st.builds(
        Finding,
        st.just(topic),
        st.sampled_from(Indicator),
        texts,
        lines,
        lines,
        lines,
        st.lists(st.sampled_from(Proposal), max_size=4).map(tuple),
        evidences,
        plan=lines,
    )


def rules(topic: Topic) -> st.SearchStrategy[FakeRule]:
    verdict = st.one_of(
        findings(topic), findings(topic), st.just(Quiet(topic, "")), st.just(Unknown(topic, "labs")), st.none()
    )
    return verdict.map(lambda answer: FakeRule(topic, answer))


def some(rule: Callable[[Topic], st.SearchStrategy[FakeRule]], most: int) -> st.SearchStrategy[list[FakeRule]]:
    return st.lists(st.sampled_from(Topic).flatmap(rule), max_size=most, unique_by=lambda made: made.topic)


def plain_rules(topic: Topic) -> st.SearchStrategy[FakeRule]:
    """Rules whose words do not matter."""
    proposals = st.lists(st.sampled_from(Proposal), max_size=3).map(tuple)
    found = st.builds(Finding, st.just(topic), st.sampled_from(Indicator), st.just("x"), proposals=proposals)
    return st.one_of(found, found, st.just(Quiet(topic, "")), st.none()).map(lambda answer: FakeRule(topic, answer))


def advising_rules(topic: Topic) -> st.SearchStrategy[FakeRule]:
    """Rules that say what to do, some of it as the plan that one card tells for all."""
    plans = st.sets(st.sampled_from(["Give it.", "Recheck.", "Apart from iron."])).map(sorted)
    own = st.sets(st.sampled_from(["ECG.", "Caution.", "Recheck."])).map(sorted)
    return st.builds(
        lambda indicator, plan, act: FakeRule(
            topic,
            Finding(topic, indicator, f"{topic} found", act=tuple(dict.fromkeys((*plan, *act))), plan=tuple(plan)),
        ),
        st.sampled_from(Indicator),
        plans,
        own,
    )


odd_rule_sets = some(rules, 4)
advising_rule_sets = some(advising_rules, len(Topic))
rule_sets = some(plain_rules, len(Topic))
presentations = st.builds(
    Presentation,
    max_cards=st.integers(1, 9),
    selection_behavior=st.sampled_from(SelectionBehavior),
    suggestions=st.booleans(),
    extensions=st.booleans(),
    source_url=st.sampled_from([None, "https://example.org/magnesium"]),
    order_sign_minimum=st.sampled_from(Indicator),
)


def answer_of(rule_set: Sequence[FakeRule], hook: Hook, presentation: Presentation) -> Answer:
    numbers = iter(range(1, 1000))
    service = HookService("magnesium-test", hook, "Magnesium", "Judges.", "Labs.", tuple(rule_set))
    return service.evaluate(
        ClinicalPicture(PatientFacts(Patient("p1")), POLICY, NOW),
        presentation,
        new_uuid=lambda: str(UUID(int=next(numbers))),
        on_failure=lambda _topic, _error: "e1",
        encounter_id="e1",
    )


def empties(value: Any, at: str = "") -> Iterator[str]:
    """Where null, "", [] and {} are."""
    if value is None or value in ("", [], {}):
        yield at
    if isinstance(value, dict):
        for name, member in value.items():
            yield from empties(member, f"{at}.{name}")
    if isinstance(value, list):
        for place, member in enumerate(value):
            yield from empties(member, f"{at}[{place}]")


def shows_as_one_plain_line(text: str) -> bool:
    return bool(text.strip()) and not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text)


def check_card(card: dict[str, Any]) -> None:
    allowed = {"uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior"}
    assert card.keys() <= allowed | {"overrideReasons", "extension"}
    assert LOWER_CASE_UUID.fullmatch(card["uuid"])  # 39, 49
    assert shows_as_one_plain_line(card["summary"])  # 40
    assert len(card["summary"]) < 140
    assert "<" not in card["summary"]
    assert card["indicator"] in {"info", "warning", "critical"}  # 42
    assert card["source"]["label"]  # 43, 51
    assert re.fullmatch(r"[A-Za-z0-9-]{1,100}", card["source"]["topic"]["code"])  # 54
    assert card["source"]["topic"]["system"].startswith("https://")
    assert card["source"].get("url", "https://").startswith("https://")  # 52
    assert ("suggestions" in card) == ("selectionBehavior" in card)  # 45, cds-resp-6
    assert card.get("selectionBehavior", "any") in {"at-most-one", "any"}
    for reason in card.get("overrideReasons", ()):  # 46, cds-resp-4
        assert reason["code"]
        assert reason["system"]
        assert reason["display"]
    assert card.get("detail", "x").strip()
    check_detail(card.get("detail", ""))
    check_suggestions(card.get("suggestions", ()))


def check_detail(detail: str) -> None:
    """41: markdown that shows text, bold lead words and flat bullets, and nothing that a record smuggled in."""
    assert "<" not in detail
    assert not re.search(r"(?<!\\)!?\[", detail), "an image, a link or a footnote"
    assert not re.search(r"(?i)https?://|www\.", detail), "an address that becomes a link"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", detail)
    for line in detail.splitlines():
        assert not line or re.fullmatch(r"\*\*[A-Z][A-Za-z, ]+\*\*|- \S.*", line)
        assert not re.match(r"- (?:[-+#]+(\s|$)|\d{1,9}[.)](\s|$))", line), "a nested block"
        if line.startswith("- "):
            assert not re.search(r"(?<!\\)(?:\\\\)*[*_`~|]", line), "emphasis, code or a table"


def check_suggestions(suggestions: Sequence[dict[str, Any]]) -> None:
    assert sum(suggestion.get("isRecommended", False) for suggestion in suggestions) <= 1  # 55, cds-resp-1
    for suggestion in suggestions:
        assert LOWER_CASE_UUID.fullmatch(suggestion["uuid"])
        assert shows_as_one_plain_line(suggestion["label"])
        [action] = suggestion["actions"]  # 55; one, for Epic
        assert action["type"] == "create"  # 57
        assert shows_as_one_plain_line(action["description"])  # cds-resp-5
        assert suggestion["label"] in action["description"]
        assert action["resource"]["status"] == "draft"  # 58
        assert action["resource"]["subject"] == {"reference": "Patient/p1"}
        MODELS[action["resource"]["resourceType"]].model_validate(action["resource"])


@given(rule_set=odd_rule_sets, hook=st.sampled_from(Hook), presentation=presentations)
def test_every_answer_is_what_the_specification_allows(
    rule_set: Sequence[FakeRule], hook: Hook, presentation: Presentation
) -> None:
    answer = answer_of(rule_set, hook, presentation)
    sent = answer.to_json()

    assert list(sent) == ["cards"]  # 35, 62: no systemActions
    assert json.loads(json.dumps(sent)) == sent  # plain JSON data
    assert [place for card in sent["cards"] for place in empties(card)] == []  # 3
    for card in sent["cards"]:
        check_card(card)
        assert ("extension" in card) <= presentation.extensions
        assert set(card.get("extension", {})) <= {EVIDENCE}  # 87
    uuids = [card["uuid"] for card in sent["cards"]]
    uuids += [s["uuid"] for card in sent["cards"] for s in card.get("suggestions", ())]
    assert len(set(uuids)) == len(uuids)  # 39


@given(rule_set=rule_sets, hook=st.sampled_from(Hook), presentation=presentations)
def test_cards_are_ordered_and_capped_and_no_urgent_one_is_lost(
    rule_set: Sequence[FakeRule], hook: Hook, presentation: Presentation
) -> None:
    answer = answer_of(rule_set, hook, presentation)
    shown = [c for c in answer.cards if c.source.topic and c.source.topic.code != "checks-not-run"]
    order = [(-card.indicator, Topic(card.source.topic.code).rank) for card in shown if card.source.topic]
    never_cut = [(i, rank) for i, rank in order if i == -Indicator.CRITICAL or rank == Topic.SAFETY.rank]

    assert order == sorted(order)
    assert len(shown) <= max(presentation.max_cards, len(never_cut))
    urgent = [v for v in answer.verdicts if isinstance(v, Finding) and v.indicator is Indicator.CRITICAL]
    assert bool(urgent) == any(card.indicator is Indicator.CRITICAL for card in shown)


@given(rule_set=rule_sets, hook=st.sampled_from(Hook), presentation=presentations)
def test_a_failed_check_is_named_and_silence_means_that_all_ran(
    rule_set: Sequence[FakeRule], hook: Hook, presentation: Presentation
) -> None:
    answer = answer_of(rule_set, hook, presentation)
    notices = [c for c in answer.cards if c.source.topic and c.source.topic.code == "checks-not-run"]

    assert len(notices) == bool(answer.failed)
    assert [topic for topic, _ in answer.failed] == [rule.topic for rule in rule_set if rule.verdict is None]


@given(rule_set=rule_sets, hook=st.sampled_from(Hook), presentation=presentations)
def test_nothing_is_offered_twice_and_only_what_a_finding_proposed(
    rule_set: Sequence[FakeRule], hook: Hook, presentation: Presentation
) -> None:
    answer = answer_of(rule_set, hook, presentation)
    labels = [suggestion.label for card in answer.cards for suggestion in card.suggestions]
    proposed = {p for v in answer.verdicts if isinstance(v, Finding) for p in v.proposals}

    assert len(set(labels)) == len(labels)
    assert len(labels) <= (len(proposed) if presentation.suggestions else 0)


@given(
    rule_set=advising_rule_sets,
    hook=st.sampled_from(Hook),
    most=st.integers(1, 9),
    silent=st.frozensets(st.sampled_from(Topic), max_size=2),
)
def test_what_a_shown_card_says_to_do_stands_on_it_or_on_the_shown_card_that_it_names(
    rule_set: Sequence[FakeRule], hook: Hook, most: int, silent: frozenset[Topic]
) -> None:
    findings_by_topic = {rule.topic.value: rule.verdict for rule in rule_set if isinstance(rule.verdict, Finding)}
    shown = answer_of(rule_set, hook, Presentation(max_cards=most, silent=silent)).cards
    for place, card in enumerate(shown):
        told = card.detail.splitlines()
        named = re.findall("see the card “(.*)”", card.detail)
        elsewhere = [line for other in shown[:place] if other.summary in named for line in other.detail.splitlines()]
        for topic in card.to_json()["extension"][EVIDENCE]["topics"]:
            finding = findings_by_topic[topic["code"]]
            assert {f"- {line}" for line in finding.act if line not in finding.plan} - {"- Recheck."} <= set(told)
            assert {f"- {line}" for line in finding.act} <= {*told, *elsewhere}
        assert set(named) <= {other.summary for other in shown[:place]}


@given(rule_set=odd_rule_sets, hook=st.sampled_from(Hook))
def test_the_same_findings_give_the_same_cards(rule_set: Sequence[FakeRule], hook: Hook) -> None:
    assert answer_of(rule_set, hook, Presentation()) == answer_of(rule_set, hook, Presentation())


@given(rule_set=rule_sets, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rules_does_not_matter(rule_set: Sequence[FakeRule], seed: Any) -> None:
    shuffled = [*rule_set]
    seed.shuffle(shuffled)

    def shown(answer: Answer) -> list[tuple[str, Indicator]]:
        topics = [(card.source.topic, card.indicator) for card in answer.cards]
        return [(topic.code, indicator) for topic, indicator in topics if topic]

    for hook in Hook:
        assert shown(answer_of(rule_set, hook, Presentation())) == shown(answer_of(shuffled, hook, Presentation()))
