"""The table of causes: complete against the seeds, closed in its vocabulary, and refused where a row is wrong."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from pathlib import Path

import pytest

from magnesium import cause_table
from magnesium.cause_table import Group, Kind, Site, causes, findings, not_used, parse_causes, parse_findings
from magnesium.knowledge import KnowledgeError

CAUSES = causes()
BY_ID = {cause.id: cause for cause in CAUSES}
CITED = {source for cause in CAUSES for source in cause.sources}
HEADER = "id,name,kind,group,site,gene_or_transporter,mechanism,requires,supports,contradicts,rank,sources"
GOOD = "x,X,acquired,gut,gut passive,,how,potassium:low,potassium:low,femg:renal,3,S0-132"


def statements(shared: Path) -> dict[str, dict[str, str]]:
    with (shared / "spec" / "seed-statements.csv").open(encoding="utf-8", newline="") as rows:
        return {row["id"]: row for row in csv.DictReader(rows)}


@pytest.mark.shared
def test_every_statement_that_names_a_cause_has_a_row_or_a_reason(shared: Path) -> None:
    named = {
        id_
        for id_, row in statements(shared).items()
        if row["use"] in {"table", "compute"} and row["kind"] in {"cause-acquired", "cause-inherited", "drug"}
    }
    assert named - CITED - not_used().keys() == set()


@pytest.mark.shared
def test_every_statement_cited_exists(shared: Path) -> None:
    known = statements(shared)
    cited = {s for finding in findings().values() for s in finding.sources} | CITED | not_used().keys()
    assert {s for s in cited if re.fullmatch(r"S\d-\d+", s)} <= known.keys()


def test_a_statement_is_either_used_or_not() -> None:
    assert not_used().keys() & CITED == set()
    assert all(not_used().values())


def test_every_finding_of_the_vocabulary_speaks_for_or_against_something() -> None:
    assert findings().keys() == {f for cause in CAUSES for f in (*cause.supports, *cause.contradicts)}


WITHOUT_CODE = {
    "cardiopulmonary_bypass",
    "massive_transfusion",
    "nasogastric_suction",
    "nephrocalcinosis",
    "parenteral_nutrition",
    "refeeding",
}
"""The tabular list of ICD-10-CM has no entry for these: a site maps its own codes to them."""


def test_every_condition_has_a_code_unless_the_list_has_none() -> None:
    tables = files("fhir_mappings.terminology")
    coded = {
        row["condition"]
        for name in ("icd10cm.csv", "snomed.csv")
        for row in csv.DictReader(tables.joinpath(name).read_text(encoding="utf-8").splitlines())
    }
    asked = {f.removeprefix("condition:") for f in findings() if f.startswith("condition:")}
    assert asked - coded == WITHOUT_CODE


def test_the_order_of_ranks_is_drugs_weak_drugs_conditions_low_potassium_raised_calcium() -> None:
    by_rank = {rank: {c.id for c in CAUSES if c.rank == rank} for rank in range(1, 6)}
    assert by_rank[2] == {"egfr_tki", "cinacalcet"}
    assert by_rank[4] == {"potassium_depletion"}
    assert by_rank[5] == {"raised_calcium"}
    assert {BY_ID[id_].group for id_ in by_rank[1] | by_rank[2]} == {Group.DRUG}


def test_every_inherited_cause_is_supported_by_age_or_family() -> None:
    for cause in CAUSES:
        if cause.kind is Kind.INHERITED:
            assert {"first_low:young", "first_low:infancy"} & set(cause.supports), cause.id
            assert "condition:family_history" in cause.supports, cause.id


@pytest.mark.parametrize(
    ("cause", "gene", "site"),
    [
        ("kv1_1", "KCNA1 (Kv1.1, apical)", Site.DCT),
        ("kir4_1", "KCNJ10 (Kir4.1, basolateral)", Site.DCT),
        ("ppi", "TRPM6; TRPM7", Site.GUT_ACTIVE),
        ("claudin_16", "CLDN16 (claudin-16)", Site.TAL),
        ("gitelman", "SLC12A3 (NCC)", Site.DCT),
    ],
)
def test_where_sources_disagree_the_table_takes_a_side(cause: str, gene: str, site: Site) -> None:
    assert (BY_ID[cause].gene_or_transporter, BY_ID[cause].site) == (gene, site)


def test_low_calcium_is_no_criterion_of_east_and_nothing_says_that_raised_magnesium_lowers_it() -> None:
    assert not {"calcium:low"} & {*BY_ID["kir4_1"].supports, *BY_ID["kir4_1"].contradicts}
    assert not [f for f in findings() if f.startswith("magnesium:")]
    assert not [c.mechanism for c in CAUSES if re.search(r"low magnesium inhibits ROMK", c.mechanism, re.IGNORECASE)]


@pytest.mark.parametrize("word", ["will not", "the cause", "always", "commonest"])
def test_the_words_avoid_certainty(word: str) -> None:
    told = [t for c in CAUSES for t in (c.name, c.mechanism)] + [f.words for f in findings().values()]
    assert not [text for text in told if word in text.casefold()]


def test_every_site_has_words() -> None:
    assert {site: site.words for site in Site} == {
        Site.GUT_PASSIVE: "gut",
        Site.GUT_ACTIVE: "gut, active uptake",
        Site.SHIFT: "shift out of plasma",
        Site.FILTRATION: "glomerular filtration",
        Site.PROXIMAL: "proximal tubule",
        Site.TAL: "thick ascending limb",
        Site.DCT: "distal convoluted tubule",
        Site.OTHER: "other",
    }


def test_a_good_row_is_read() -> None:
    [cause] = parse_causes(f"{HEADER}\n{GOOD}\n", findings())
    assert (cause.group, cause.requires, cause.supports) == (Group.GUT, (("potassium:low",),), ("potassium:low",))
    assert cause.gene_or_transporter == ""
    assert parse_causes(f"{HEADER}\n{GOOD.replace(',femg:renal,', ',,')}\n", findings())[0].contradicts == ()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (GOOD.replace("x,X", "X!,X"), r"id is 'X!'"),
        (f"{GOOD}\n{GOOD}", r", x: stands there twice"),
        (GOOD.replace("x,X", "x, "), r"name is empty"),
        (GOOD.replace("how", ""), r"mechanism is empty"),
        (GOOD.replace("acquired", "caught"), r"kind is 'caught', expected one of acquired, inherited"),
        (GOOD.replace("gut,gut passive", "gut,colon"), r"site is 'colon'"),
        (GOOD.replace("gut,gut passive", "bowel,gut passive"), r"group is 'bowel'"),
        (
            GOOD.replace("potassium:low,potassium:low", "potassium:none,potassium:low"),
            r"'potassium:none' is no finding",
        ),
        (GOOD.replace("femg:renal", "femg:high"), r"'femg:high' is no finding of findings\.csv"),
        (GOOD.replace("potassium:low,potassium:low", ",potassium:low"), r"must require a finding"),
        (
            GOOD.replace("potassium:low,potassium:low", "potassium:low or calcium:low,potassium:low"),
            r"calcium:low must also",
        ),
        (
            GOOD.replace("potassium:low,potassium:low", "potassium:low or calcium:low or femg:renal,potassium:low"),
            r"calcium:low, femg:renal must also support it",
        ),
        (GOOD.replace("femg:renal", "potassium:low"), r"potassium:low cannot speak for it and against it"),
        (
            GOOD.replace("low,femg:renal", "low|calcium:low,potassium:low|calcium:low"),
            r"calcium:low, potassium:low cannot speak for it and against it",
        ),
        (GOOD.replace(",3,", ",6,"), r"rank is '6'"),
        (GOOD.replace(",3,", ",1,"), r"ranks 1 and 2 are those of drugs"),
        (GOOD.replace("acquired,gut", "acquired,drug").replace(",3,", ",1,"), r"drugs, and only drugs, require drugs"),
        (GOOD.replace("potassium:low", "drug:ppi"), r"drugs, and only drugs, require drugs"),
        (GOOD.replace("acquired,gut", "inherited,gut"), r"the group of inherited causes"),
        (GOOD.replace("acquired,gut", "acquired,inherited"), r"the group of inherited causes"),
        (GOOD.replace("S0-132", "hearsay"), r"'hearsay' is neither a statement nor a source"),
        (GOOD.replace("S0-132", ""), r"no source"),
        (GOOD + ",more", r"13 cells, expected 12"),
    ],
)
def test_a_wrong_cause_is_refused(wrong: str, complaint: str) -> None:
    with pytest.raises(KnowledgeError, match=rf"^causes\.csv.*{complaint}"):
        parse_causes(f"{HEADER}\n{wrong}\n", findings())


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("Low K,low potassium,local", r"id is 'Low K'"),
        ("drug,any drug,local", r"drug:  is neither a class nor an ingredient"),
        ("potassium:low,low potassium,local,more", r"4 cells, expected 3"),
        ("drug:morphine,morphine,local", r"morphine is neither a class nor an ingredient"),
        ("potassium:low,,local", r"words is empty"),
        ("potassium:low,low potassium,", r"no source"),
        ("potassium:low,low potassium,local\npotassium:low,low potassium,local", r"stands there twice"),
    ],
)
def test_a_wrong_finding_is_refused(wrong: str, complaint: str) -> None:
    with pytest.raises(KnowledgeError, match=rf"^findings\.csv.*{complaint}"):
        parse_findings(f"id,words,sources\n{wrong}\n")


def test_a_drug_may_be_a_class_or_an_ingredient() -> None:
    text = "id,words,sources\ndrug:ppi,proton pump inhibitor,local\ndrug:cinacalcet,cinacalcet,S0-166\n"
    found = parse_findings(text)
    assert list(found) == [finding.id for finding in found.values()] == ["drug:ppi", "drug:cinacalcet"]


def test_the_tables_are_read_once() -> None:
    assert cause_table.causes() is CAUSES
