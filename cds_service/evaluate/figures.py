"""The figures of an evaluation: every number that the report shows, asked of the tables."""

from __future__ import annotations

from typing import Any

import msgspec

from cds_service.evaluate.tables import Tables

_MOST_PATIENTS = 200
_MOST_DRUGS = 20


class Overview(msgspec.Struct, frozen=True):
    """One policy as a whole."""

    policy: str
    patients: int
    touched: int
    """Patients with a card."""
    encounters: int
    hospital_days: float
    patient_view: int
    patient_view_silent: int
    order_sign: int
    order_sign_silent: int
    cards: int
    repeats: int
    severe: int
    missed: int
    by_day: int
    undated: int
    endless: int


class TopicCount(msgspec.Struct, frozen=True):
    """One topic under one policy."""

    policy: str
    topic: str
    cards: int
    critical: int
    warning: int
    info: int
    in_hospital: int
    patients: int
    repeats: int
    done: int
    done_known: int


class Outcome(msgspec.Struct, frozen=True):
    """What came after the cards of a topic; repeats are left out, for they would count one course many times.

    Each share is of the cards after which the record goes on long enough, or what was looked for did happen.
    """

    policy: str
    topic: str
    cards: int
    measured: int
    measured_of: int
    replaced: int
    replaced_of: int
    normal: int
    normal_of: int
    remeasured: int
    """Cards with a next magnesium, whenever it was."""
    hours: float | None
    """Median time to the next magnesium."""
    next_low: int
    """The next magnesium is low or severe."""


class Involved(msgspec.Struct, frozen=True):
    """A class of drugs, or an ingredient, that cards rest on."""

    policy: str
    name: str
    cards: int
    patients: int


class Reason(msgspec.Struct, frozen=True):
    """How often something has one reason."""

    policy: str
    what: str
    reason: str
    count: int
    patients: int


class Contrast(msgspec.Struct, frozen=True):
    """A topic under a policy against the first policy."""

    policy: str
    topic: str
    more: int
    """Cards that only this policy shows."""
    fewer: int
    """Cards that only the first policy shows."""
    changed: int
    """Cards of both, with another indicator."""
    patients: int


class PatientContrast(msgspec.Struct, frozen=True):
    """One patient under a policy against the first policy."""

    policy: str
    number: int
    cards: int
    other_cards: int
    more: int
    fewer: int
    changed: int
    topics: str


class Trouble(msgspec.Struct, frozen=True):
    """A kind of problem."""

    kind: str
    count: int
    example: str


class Figures(msgspec.Struct, frozen=True):
    """Everything that the report shows."""

    overview: list[Overview]
    topics: list[TopicCount]
    outcomes: list[Outcome]
    classes: list[Involved]
    drugs: list[Involved]
    missed: list[Reason]
    unused: list[Reason]
    contrasts: list[Contrast]
    patients: list[PatientContrast]
    patients_left_out: int
    problems: list[Trouble]

    @classmethod
    def of(cls, tables: Tables, policies: list[str]) -> Figures:
        """Ask for all figures; policies come in the order in which they were named."""

        def ask(question: str, kind: type[Any], *values: Any) -> list[Any]:
            return sorted(tables.ask(question, kind, *values), key=lambda row: policies.index(row.policy))

        differing = ask(_PATIENTS, PatientContrast)
        return cls(
            overview=ask(_OVERVIEW, Overview),
            topics=ask(_TOPICS, TopicCount),
            outcomes=ask(_OUTCOMES, Outcome),
            classes=ask(_INVOLVED.format(column="classes"), Involved, _MOST_DRUGS),
            drugs=ask(_INVOLVED.format(column="drugs"), Involved, _MOST_DRUGS),
            missed=ask(_MISSED, Reason),
            unused=ask(_UNUSED, Reason),
            contrasts=ask(_CONTRASTS, Contrast),
            patients=differing[:_MOST_PATIENTS],
            patients_left_out=max(0, len(differing) - _MOST_PATIENTS),
            problems=tables.ask(_PROBLEMS, Trouble),
        )


_OVERVIEW = """
    SELECT policy,
        count(*) AS patients,
        count(*) FILTER (firings > 0) AS touched,
        sum(encounters)::BIGINT AS encounters,
        sum(hospital_days) AS hospital_days,
        sum(patient_view)::BIGINT AS patient_view,
        sum(patient_view_silent)::BIGINT AS patient_view_silent,
        sum(order_sign)::BIGINT AS order_sign,
        sum(order_sign_silent)::BIGINT AS order_sign_silent,
        sum(firings)::BIGINT AS cards,
        sum(repeats)::BIGINT AS repeats,
        sum(severe)::BIGINT AS severe,
        (SELECT count(*) FROM missed WHERE missed.policy = patients.policy) AS missed,
        sum(by_day)::BIGINT AS by_day,
        sum(undated)::BIGINT AS undated,
        sum(endless)::BIGINT AS endless
    FROM patients GROUP BY policy
"""

_TOPICS = """
    SELECT policy, topic,
        count(*) AS cards,
        count(*) FILTER (indicator = 'critical') AS critical,
        count(*) FILTER (indicator = 'warning') AS warning,
        count(*) FILTER (indicator = 'info') AS info,
        count(*) FILTER (inpatient) AS in_hospital,
        count(DISTINCT patient) AS patients,
        count(*) FILTER (repeat) AS repeats,
        count(*) FILTER (done) AS done,
        count(done) AS done_known
    FROM firings GROUP BY policy, topic ORDER BY cards DESC, topic
"""

_OUTCOMES = """
    SELECT policy, topic,
        count(*) AS cards,
        count(*) FILTER (magnesium_measured_48h) AS measured,
        count(*) FILTER (magnesium_measured_48h OR followed_hours >= 48) AS measured_of,
        count(*) FILTER (magnesium_replaced_24h) AS replaced,
        count(*) FILTER (magnesium_replaced_24h OR followed_hours >= 24) AS replaced_of,
        count(*) FILTER (potassium_normal_72h) AS normal,
        count(*) FILTER (potassium_normal_72h IS NOT NULL AND (potassium_normal_72h OR followed_hours >= 72))
            AS normal_of,
        count(next_magnesium_hours) AS remeasured,
        median(next_magnesium_hours) AS hours,
        count(*) FILTER (next_magnesium_status IN ('severe', 'low')) AS next_low
    FROM firings WHERE NOT repeat GROUP BY policy, topic ORDER BY cards DESC, topic
"""

_INVOLVED = """
    SELECT policy, name, count(*) AS cards, count(DISTINCT patient) AS patients
    FROM (SELECT policy, patient, unnest(string_split({column}, '; ')) AS name FROM firings WHERE {column} <> '')
    GROUP BY policy, name
    QUALIFY row_number() OVER (PARTITION BY policy ORDER BY count(*) DESC, name) <= ?
    ORDER BY cards DESC, name
"""

_MISSED = """
    SELECT policy, 'severe magnesium' AS what, reason, count(*) AS count, count(DISTINCT patient) AS patients
    FROM missed GROUP BY policy, reason ORDER BY count DESC, reason
"""

_UNUSED = """
    SELECT policy, CASE means WHEN '' THEN split_part(reference, '/', 1) ELSE means END AS what, reason,
        count(*) AS count, count(DISTINCT patient) AS patients
    FROM unused GROUP BY ALL ORDER BY count DESC, what, reason
"""

_CONTRASTS = """
    SELECT policy, topic,
        count(*) FILTER (other_indicator = '') AS more,
        count(*) FILTER (indicator = '') AS fewer,
        count(*) FILTER (indicator <> '' AND other_indicator <> '') AS changed,
        count(DISTINCT patient) AS patients
    FROM differences GROUP BY policy, topic ORDER BY count(*) DESC, topic
"""

# Patients are numbered in the order of their ids, which the report does not show.
_PATIENTS = """
    SELECT one.policy, numbers.number, mine.firings AS cards, base.firings AS other_cards,
        one.more, one.fewer, one.changed, one.topics
    FROM (
        SELECT policy, other, patient,
            count(*) FILTER (other_indicator = '') AS more,
            count(*) FILTER (indicator = '') AS fewer,
            count(*) FILTER (indicator <> '' AND other_indicator <> '') AS changed,
            string_agg(DISTINCT topic, ' ' ORDER BY topic) AS topics
        FROM differences GROUP BY policy, other, patient
    ) one
    JOIN (SELECT patient, row_number() OVER (ORDER BY patient) AS number FROM (SELECT DISTINCT patient FROM patients))
        numbers USING (patient)
    JOIN patients mine ON mine.patient = one.patient AND mine.policy = one.policy
    JOIN patients base ON base.patient = one.patient AND base.policy = one.other
    ORDER BY more + fewer + changed DESC, number
"""

_PROBLEMS = """
    SELECT kind, count(*) AS count, min(message) AS example FROM problems GROUP BY kind ORDER BY count DESC, kind
"""
