"""The clinicians' page: what the service knows, says and forbids, read from the data files, fit to be signed."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any

from hooks.wording import TITLES
from magnesium.cause_table import Cause, Group, causes, findings
from magnesium.drugs import Baseline, Drug, DrugClass, Monitored, Weight, drug_classes, drugs
from magnesium.guards import Guard
from magnesium.knowledge import read_text
from magnesium.policy import Basis, Figure, Limit, Policy, Span, load_site
from magnesium.rules import RULES, Rule
from magnesium.verdict import Proposal
from tests.example_patients import GUARD_PATIENTS
from tools.markdown import bullets, table
from tools.traceability import background

_INTRODUCTION = """\
# What this service knows

For the clinicians who answer for it. Written by `python -m tools.generate_docs` from the data files in this folder and
from the rules themselves: do not edit. Policy version {version}.

A site reads this page, changes what it decides otherwise in a policy file of its own, and signs at the end. The page
shows the defaults; `magnesium-cds policy check` shows a site's own.

Decision support for clinicians, not a medical device. It gives no dose of its own, does not replace the laboratory's
critical-value call, and does not warn of high magnesium or low potassium as such. **No card is the normal answer.**

[Numbers](#numbers) · [Drugs](#drugs) · [What may be proposed](#what-may-be-proposed) ·
[Rules](#rules) · [Possible causes](#possible-causes) · [Background](#background) ·
[What a site decides](#what-a-site-decides) · [Sources](#sources) · [Sign-off](#sign-off)
"""
_NUMBERS = """\
A limit is applied in the unit the laboratory reported, as printed for that unit; nothing is converted before it is
compared. Basis: *published* = printed in the source; *derived* = computed from a printed value; *local* = a default of
this project without a published value: **{local} of {all} numbers are local and need the site's agreement.**
"""
_DRUGS = """\
A drug counts if it reaches the body as a whole: eye and ear drops, creams, inhaled and nasal forms do not. Strong and
moderate classes are called *wasting*. "Checked every": how long a magnesium result holds for a patient on the drug.
"Asked for": when ordering the drug without such a result asks for one. After the last dose the effect counts for the
wash-out. A given dose keeps a drug in force for {administration}, if nothing else is said.
"""
_GUARDS = """\
Judged before any rule; what is held back appears on no card of the answer, and the text of an emergency is said all the
same, with the caution beside it. Tests are never held back. The table is what the guards answered for made-up patients
in hospital with magnesium 1.1 mg/dL and potassium 3.1 mmol/L, if the finding does not say otherwise.
"""
_RULES = """\
One topic, one card. Urgency: critical, warning, info. Magnesium that is severe or low is called deficient; "current" is
defined by the [numbers](#numbers) `current.…`. In patients under 18 everything is information; in palliative care only
critical cards are shown, if the site says so.
"""
_CAUSES = """\
A cause is listed only if the patient has what it requires (entries joined by "or" are alternatives), with what the
patient's record holds for and against it. No probabilities. Order: rank, then what nothing contradicts, then what more
findings support, then this table. Inherited causes only if no wasting drug explains the picture and magnesium was first
low before the age of {young}, or with a family history. At most {most} causes.
"""
_BACKGROUND = """\
What the sources say beyond the rules: no rule decides by it. The ids are those of the statements.
"""
_SITE = """\
To be decided before go-live. The last column names keys of the policy file, which a site changes in its own. A file
named there ships with the release: what a site wants otherwise there is asked for. Where the column is empty the
service has no setting yet, and the site has to live with the default.
"""
_SIGN_OFF = """\
I have read this page, as generated for policy version {version}, and the site's own policy file. I agree with the
numbers, the drug classes and what the rules say, with the changes noted.

| role | name | changes asked for | date | signature |
|---|---|---|---|---|
{roles}

Site policy file and its version: ______________________ Next review: ______________________
"""
_ROLES = (
    "Nephrology",
    "Cardiology",
    "Intensive care",
    "Oncology",
    "Transplant medicine",
    "Clinical pharmacy",
    "Laboratory medicine",
    "Nursing",
    "Clinical informatics",
)

SITE_DECISIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Magnesium range, limits of severe and low, units",
        "as printed under *Numbers*",
        ("magnesium.severe", "magnesium.low", "magnesium.borderline", "magnesium.high"),
    ),
    ("Who gets a critical card; critical cards in palliative care", "everybody; shown", ("palliative_critical",)),
    (
        "Magnesium and potassium products, doses, rates, monitored beds",
        'products without dose, "per local protocol"',
        ("products",),
    ),
    ("Renal table: from which eGFR what is proposed", "60 and 30", ("kidney.full", "kidney.reduced")),
    (
        "Potassium protocol: from when and how old a result an order rests on",
        "below 3.5 mmol/L, 24 h in hospital, 72 h outside",
        ("potassium.low", "potassium.order_inpatient", "potassium.order_outpatient"),
    ),
    (
        "Obstetric magnesium protocol",
        "IV magnesium in pregnancy silences the topics of low magnesium; critical above 3.5 mmol/L",
        ("magnesium.very_toxic",),
    ),
    ("QT list", "the ingredients of class *qt_drug*; those of *qt_candidate* are offered", ("qt_drugs",)),
    ("Fluids of dialysis and CRRT", "the card asks to check them", ("dialysis_fluids",)),
    (
        "Electrolyte protocol, where nurses replace by it",
        "none: orders are proposed",
        ("inpatient_electrolyte_protocol",),
    ),
    (
        "Schedules of oncology and transplant medicine",
        "intervals and wash-out of the drug tables",
        ("drug_times",),
    ),
    (
        "PPI policy: from how many days, how often checked",
        "90 days; yearly in company",
        ("exposure.chronic", "monitoring.ppi", "exposure.gi_bleeding"),
    ),
    ("Pediatric limits, or off", "under 18: information only, adult limits shown", ("population.adult",)),
    ("How the record flags palliative care", "ICD-10-CM Z51.5 on the problem list", ("local_codes",)),
    ("How the laboratory marks hemolysis", "interpretation, note, specimen, words", ("local_codes",)),
    ("Critical-value calls", "stay with the laboratory", ()),
    ("Most cards to show", "4; critical and magnesium-safety are never cut", ("max_cards",)),
    ("Override memory", "on or off for each client; how long", ("override_memory.acute", "override_memory.standing")),
    ("Time zone of times that come without one", "UTC", ("zone",)),
    ("Whether order-sign repeats information", "no: warnings and critical only", ("order_sign_minimum",)),
    ("Local codes of laboratory tests, drugs, conditions and kidney replacement procedures", "none", ("local_codes",)),
)
"""What to decide, the default, and the keys of the policy file or the files of this folder."""


def knowledge_page() -> str:
    """Return the page."""
    policy = load_site().policy
    return "\n".join(
        (
            _INTRODUCTION.format(version=policy.version),
            *_section("Numbers", _numbers(policy)),
            *_section("Drugs", _drugs(policy)),
            *_section("What may be proposed", _GUARDS, _guards(), "", _products(policy)),
            *_section("Rules", _RULES, *map(_rule, RULES)),
            *_section("Possible causes", _causes(policy)),
            *_section("Background", _BACKGROUND, *_background()),
            *_section("What a site decides", _SITE, _decisions()),
            *_section("Sources", _sources()),
            *_section("Sign-off", _sign_off(policy)),
        )
    )


def _section(title: str, *parts: str) -> tuple[str, ...]:
    return (f"## {title}", "", *parts, "")


# ----- numbers -----


def _numbers(policy: Policy) -> str:
    numbers = policy.numbers
    local = Counter(number.basis for number in numbers.values())[Basis.LOCAL]
    parts = [_NUMBERS.format(local=local, all=len(numbers))]
    for prefix, group in groupby(numbers.values(), key=lambda number: number.id.partition(".")[0]):
        title = (type(getattr(policy, prefix)).__doc__ or prefix).rstrip(".")
        parts += [f"### {title}", "", _number_table(group), ""]
    return "\n".join(parts).rstrip()


def _number_table(numbers: Iterable[Limit | Span | Figure]) -> str:
    return table(
        ("number", "meaning", "value", "basis", "sources", "reviewed"),
        ((f"`{n.id}`", n.says, _text(n), n.basis.value, ", ".join(n.sources), n.reviewed.isoformat()) for n in numbers),
    )


def _text(number: Limit | Span | Figure) -> str:
    return number.text.replace(" a", " years") if isinstance(number, Figure) and number.unit == "a" else number.text


# ----- drugs -----

_WASTING_COLUMNS = (
    "class", "drugs", "weight", "site", "mechanism", "what to do", "asked for", "checked every", "wash-out", "sources",
)  # fmt: skip


def _drugs(policy: Policy) -> str:
    by_class: dict[str, list[Drug]] = {}
    for drug in drugs().values():
        by_class.setdefault(drug.drug_class.code, []).append(drug)
    wasting = [c for c in drug_classes().values() if c.weight in {Weight.STRONG, Weight.MODERATE, Weight.WEAK}]
    others = [c for c in drug_classes().values() if c not in wasting]
    return "\n".join(
        (
            _DRUGS.format(administration=policy.exposure.administration.text),
            table(
                _WASTING_COLUMNS,
                (_wasting_row(c, by_class.get(c.code, [])) for c in wasting),
            ),
            "",
            "Other classes the rules know:",
            "",
            table(
                ("class", "drugs", "why", "sources"),
                (_other_row(c, by_class.get(c.code, [])) for c in others),
            ),
        )
    )


def _other_row(c: DrugClass, members: list[Drug]) -> tuple[str, ...]:
    return (f"{c.label} ({c.weight.value})", _members(members), c.mechanism, ", ".join(c.sources))


def _wasting_row(c: DrugClass, members: list[Drug]) -> tuple[str, ...]:
    every = _days(c.interval)
    if c.monitored is Monitored.IN_COMPANY:
        every += ", reminded only in company (`monitoring.…`)"
    if c.monitored is Monitored.AFTER_STOP:
        every += ", also in the wash-out"
    asked = {
        Baseline.ALWAYS: "at every order",
        Baseline.CONDITIONAL: "beside another wasting class, digoxin, QT drug, low potassium"
        + (", or 90 days of supply" if c.code == "ppi" else ""),
        Baseline.NONE: "",
    }[c.baseline]
    return (
        c.label,
        _members(members),
        c.weight.value,
        c.site,
        c.mechanism,
        c.advice,
        asked,
        every,
        _days(c.washout),
        ", ".join(c.sources),
    )


def _members(members: Iterable[Drug]) -> str:
    return ", ".join(map(_member, members))


def _member(drug: Drug) -> str:
    """Name a drug with what differs from its class."""
    marks = []
    if drug.weight is not drug.drug_class.weight:
        marks.append(drug.weight.value)
    if drug.only_intravenous:
        marks.append("intravenous only")
    if drug.in_force is not None:
        marks.append(f"in force {_days(drug.in_force)} after a dose")
    if drug.interval != drug.drug_class.interval:
        marks.append(f"checked every {_days(drug.interval)}")
    return f"{drug.ingredient} ({', '.join(marks)})" if marks else drug.ingredient


def _days(span: timedelta) -> str:
    return f"{span.days} d" if span.days else ""


# ----- guards -----

_ORDERS: Mapping[Proposal, str] = {
    Proposal.MAGNESIUM_ORAL: "oral Mg",
    Proposal.MAGNESIUM_INTRAVENOUS: "IV Mg",
    Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE: "IV Mg without dose",
    Proposal.POTASSIUM: "K",
}


def _guards() -> str:
    rows = ((patient.finding, patient.picture.guard) for patient in GUARD_PATIENTS)
    return table(("finding", "may be proposed", "held back", "the card says"), (_guard(*row) for row in rows))


def _guard(finding: str, guard: Guard) -> tuple[str, ...]:
    permitted = [name for proposal, name in _ORDERS.items() if proposal not in guard.held]
    held = [name for proposal, name in _ORDERS.items() if proposal in guard.held]
    return (finding, ", ".join(permitted) or "none", ", ".join(held) or "none", " ".join(guard.cautions))


def _products(policy: Policy) -> str:
    rows = (
        (
            f"`{name}`",
            p.text,
            f"{p.display} ({p.system.rpartition('/')[2]} {p.code})",
            p.dose or "none: per local protocol",
        )
        for name, p in policy.products.items()
    )
    return "\n".join(("Products that cards may propose:", "", table(("product", "text", "code", "dose"), rows)))


# ----- rules -----


def _rule(rule: Rule) -> str:
    document = inspect.getdoc(sys.modules[rule.judge.__module__]) or ""
    hooks = ", ".join(sorted(rule.hooks, key=("patient-view", "order-select", "order-sign").index))
    lead, *parts = re.split(r"^(\S[^\n]*)\n(?= {4})", document, flags=re.MULTILINE)
    said = [
        f"**{heading}.** {' '.join(text.split()).replace('``', '`')}"
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    return "\n".join(
        (
            f"### {TITLES[rule.topic]}",
            "",
            f"`{rule.topic.value}`, version {rule.version}; on {hooks}. {' '.join(lead.split())}",
            "",
            bullets(said),
            "",
        )
    )


# ----- causes -----

_GROUPS: Mapping[Group, str] = {
    Group.DRUG: "Drugs",
    Group.GUT: "Gut",
    Group.SHIFT: "Shift out of plasma",
    Group.FILTRATION: "Glomerular filtration",
    Group.OTHER: "Other acquired causes",
    Group.INHERITED: "Inherited causes",
}


def _causes(policy: Policy) -> str:
    numbers = policy.differential
    parts = [_CAUSES.format(young=numbers.young.value, most=numbers.most.text)]
    for group, title in _GROUPS.items():
        members = [cause for cause in causes() if cause.group is group]
        common = frozenset.intersection(*(frozenset((*cause.supports, *cause.contradicts)) for cause in members))
        header = ("cause", "site", "mechanism", "requires", "for", "against", "rank", "sources")
        parts += [f"### {title}", "", *_common(members[0], common)]
        parts += [table(header, (_cause(cause, common) for cause in members)), ""]
    return "\n".join(parts).rstrip()


def _common(example: Cause, common: frozenset[str]) -> Iterable[str]:
    """Say once what every cause of a group has in common; the table leaves it out."""
    for side, found in (("for", example.supports), ("against", example.contradicts)):
        if shared := [finding for finding in found if finding in common]:
            yield f"{side.capitalize()} each of them: {_named(shared)}."
            yield ""


def _cause(cause: Cause, common: frozenset[str]) -> tuple[str, ...]:
    """Return the row of a cause, without what its whole group has in common."""
    gene = f", {cause.gene_or_transporter}" if cause.gene_or_transporter else ""
    required = {finding for entry in cause.requires for finding in entry}
    return (
        cause.name,
        f"{cause.site.words}{gene}",
        cause.mechanism,
        " and ".join(_alternatives(entry, several=len(cause.requires) > 1) for entry in cause.requires),
        _named(finding for finding in cause.supports if finding not in required | common),
        _named(finding for finding in cause.contradicts if finding not in common),
        str(cause.rank),
        ", ".join(cause.sources),
    )


def _alternatives(entry: tuple[str, ...], *, several: bool) -> str:
    text = " or ".join(findings()[finding].words for finding in entry)
    return f"({text})" if several and len(entry) > 1 else text


def _named(ids: Iterable[str]) -> str:
    return "; ".join(findings()[finding].words for finding in ids)


# ----- the rest -----


def _background() -> Iterable[str]:
    for section, rows in groupby(background(), key=lambda row: row["section"]):
        lines = (f"{row['says']} [{', '.join(row['sources'].split('|'))}]" for row in rows)
        yield "\n".join((f"### {section}", "", bullets(lines), ""))


def _decisions() -> str:
    return table(
        ("to decide", "default", "where"),
        ((what, default, ", ".join(f"`{key}`" for key in keys)) for what, default, keys in SITE_DECISIONS),
    )


def _sources() -> str:
    sources: Mapping[str, Mapping[str, Any]] = tomllib.loads(read_text("sources.toml"))
    rows = ((id_, source["title"], source["kind"], source["review"]) for id_, source in sources.items())
    return "\n".join(
        (
            "Ids such as S0-008 are statements of S0 to S4: [traceability](../../docs/traceability.md) lists them,",
            "what each is used for, and how contradictions between the sources are resolved.",
            "",
            table(("id", "source", "kind", "how far it was checked"), rows),
        )
    )


def _sign_off(policy: Policy) -> str:
    roles = "\n".join(f"| {role} | | | | |" for role in _ROLES)
    return _SIGN_OFF.format(version=policy.version, roles=roles).rstrip()
