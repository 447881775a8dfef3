"""The drug table that a deployer builds from an RxNorm release.

The release here is a dozen concepts in the form of the real files. Codes up to seven digits that do not begin with 9
are RxNorm's own; those that do, and the dose forms, are invented.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fhir_mappings.codes import NDC, RXNORM, DrugConcept, RouteKind, Terminology
from fhir_mappings.terminology.dose_forms import route_of_all, route_of_dose_form
from fhir_mappings.terminology.rxnorm_release import (
    BuildReport,
    RxnormReleaseError,
    build_drug_table,
    release_size,
)


@dataclass
class Release:
    """Writes an RxNorm release, with the noise of other sources that the real one has."""

    conso: list[str] = field(default_factory=list)
    rel: list[str] = field(default_factory=list)
    sat: list[str] = field(default_factory=list)

    def concept(self, rxcui: str, tty: str, name: str, *, suppress: str = "N", sab: str = "RXNORM") -> str:
        self.conso.append(f"{rxcui}|ENG||||||A1||||{sab}|{tty}|{rxcui}|{name}||{suppress}|4096|")
        return rxcui

    def relate(self, subject: str, rela: str, target: str, *, sab: str = "RXNORM") -> None:
        """Write `subject rela target` as the file does: the target first."""
        self.rel.append(f"{target}||CUI|RO|{subject}||CUI|{rela}|||{sab}||||N||")

    def attribute(self, rxcui: str, name: str, value: str, *, sab: str = "RXNORM") -> None:
        self.sat.append(f"{rxcui}|||A1|AUI|{rxcui}|||{name}|{sab}|{value}|N||")

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (("RXNCONSO", self.conso), ("RXNREL", self.rel), ("RXNSAT", self.sat)):
            (folder / f"{name}.RRF").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        return folder


def small_release() -> Release:
    """Furosemide and its brand, a combination, a pack, eye drops, a precise ingredient, and drugs of no concern."""
    r = Release()
    for form, name in [
        ("tablet", "Oral Tablet"),
        ("capsule", "Delayed Release Oral Capsule"),
        ("eye-drops", "Ophthalmic Suspension"),
        ("injection", "Injection"),
    ]:
        r.concept(form, "DF", name)
    r.concept("pill", "DFG", "Pill")
    add_furosemide(r)
    # Hydrochlorothiazide with metoprolol, whose relations are told from the other end only.
    r.concept("5487", "IN", "hydrochlorothiazide")
    r.concept("9000001", "IN", "metoprolol")
    r.concept("9000002", "MIN", "hydrochlorothiazide / metoprolol")
    r.relate("5487", "part_of", "9000002")
    r.relate("9000001", "part_of", "9000002")
    r.concept("197885", "SCD", "hydrochlorothiazide 12.5 MG / metoprolol 10 MG Oral Tablet")
    r.relate("9000002", "ingredients_of", "197885")
    r.relate("tablet", "dose_form_of", "197885")
    # A pack of a proton pump inhibitor and an antibiotic that is none of ours.
    r.concept("17128", "IN", "lansoprazole")
    r.concept("9000003", "IN", "amoxicillin")
    r.concept("9000004", "SCD", "lansoprazole 30 MG Delayed Release Oral Capsule")
    r.relate("9000004", "has_ingredient", "17128")
    r.relate("9000004", "has_dose_form", "capsule")
    r.concept("9000005", "SCD", "amoxicillin 500 MG Medicated Thing")
    r.relate("9000005", "has_ingredient", "9000003")
    r.concept("757968", "GPCK", "{4 (amoxicillin) / 2 (lansoprazole) } Pack")
    r.relate("757968", "contains", "9000004")
    r.relate("757968", "contains", "9000005")
    # Eye drops, of an ingredient whose precise form is a salt.
    r.concept("1596450", "IN", "gentamicin")
    r.concept("1870193", "PIN", "gentamicin sulfate")
    r.relate("1870193", "form_of", "1596450")
    r.concept("310469", "SCD", "gentamicin 3 MG/ML / prednisolone acetate 10 MG/ML Ophthalmic Suspension")
    r.relate("310469", "has_precise_ingredient", "1870193")
    r.relate("310469", "has_ingredient", "9000001")
    r.relate("310469", "has_dose_form", "eye-drops")
    # Not in our table by code, but by name.
    r.concept("9000006", "IN", "finerenone")
    r.concept("9000007", "IN", "cycloSPORINE, modified")
    add_package_codes(r)
    add_noise(r)
    return r


def add_furosemide(r: Release) -> None:
    """Ingredient, strength, group, product, and its brand."""
    r.concept("4603", "IN", "furosemide")
    r.concept("315971", "SCDC", "furosemide 40 MG")
    r.relate("315971", "has_ingredient", "4603")
    r.concept("9000010", "SCDG", "furosemide Pill")
    r.relate("9000010", "has_ingredient", "4603")
    r.relate("9000010", "has_doseformgroup", "pill")
    r.concept("313988", "SCD", "furosemide 40 MG Oral Tablet")
    r.relate("313988", "consists_of", "315971")
    r.relate("313988", "isa", "9000010")
    r.relate("313988", "has_dose_form", "tablet")
    r.concept("202991", "BN", "Lasix")
    r.relate("202991", "tradename_of", "4603")
    r.concept("200809", "SBD", "furosemide 40 MG Oral Tablet [Lasix]")
    r.relate("200809", "tradename_of", "313988")
    r.relate("200809", "has_ingredient", "202991")
    r.concept("1719291", "SCD", "4 ML furosemide 10 MG/ML Injection")
    r.relate("1719291", "consists_of", "315971")
    r.relate("1719291", "has_dose_form", "injection")


def add_noise(r: Release) -> None:
    """What the real files hold besides: other sources, other kinds of names, relations that lead nowhere."""
    r.concept("4603", "SY", "frusemide")
    r.concept("4603", "IN", "FUROSEMIDE", sab="MTHSPL")
    r.relate("4603", "isa", "9000001", sab="MTHSPL")
    r.relate("4603", "reformulated_to", "9000001")
    r.relate("4603", "isa", "9999999")
    r.relate("9999999", "has_dose_form", "tablet")
    r.concept("4603", "IN", "RXNORM", sab="MTHSPL")
    r.rel.append("9000001||CUI|RO|4603||CUI|isa||RXNORM|MTHSPL||||N||")


def add_package_codes(r: Release) -> None:
    r.attribute("313988", "NDC", "00054429925")
    r.attribute("313988", "NDC", "00054-4299-31")
    r.attribute("200809", "NDC", "00039006010")
    r.attribute("9000005", "NDC", "00009000501")
    r.attribute("313988", "NDC", "0054429925")  # ten digits
    r.attribute("313988", "NDC", "00054111111", sab="MTHSPL")
    r.attribute("313988", "RXN_AVAILABLE_STRENGTH", "40 MG")
    r.attribute("9999999", "NDC", "00054222222")


@dataclass
class Built:
    report: BuildReport
    terminology: Terminology

    def drug(self, rxcui: str) -> DrugConcept:
        concept = self.terminology.drug(RXNORM, rxcui)
        assert concept is not None
        return concept


def build(release: Release, folder: Path) -> Built:
    out = folder / "magnesium-drugs.csv.gz"
    report = build_drug_table(release.write(folder / "RxNorm_full_10062025"), out, lambda _: None)
    return Built(report, Terminology.load(out))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(small_release(), tmp_path_factory.mktemp("release"))


# ── What is built ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_product_is_followed_to_its_ingredient_and_dose_form(built: Built) -> None:
    assert built.drug("313988") == DrugConcept(
        ingredients=("furosemide",),
        other_ingredients=False,
        route_kind=RouteKind.ORAL,
        dose_form="Oral Tablet",
        name="furosemide 40 MG Oral Tablet",
    )
    assert built.drug("1719291").route_kind is RouteKind.PARENTERAL


def test_a_branded_product_has_what_its_generic_has(built: Built) -> None:
    lasix = built.drug("200809")

    assert (lasix.ingredients, lasix.other_ingredients) == (("furosemide",), False)
    assert (lasix.dose_form, lasix.route_kind) == ("Oral Tablet", RouteKind.ORAL)


@pytest.mark.parametrize("rxcui", ["4603", "315971", "202991", "1870193"])
def test_an_ingredient_a_strength_or_a_brand_leaves_route_and_composition_open(built: Built, rxcui: str) -> None:
    concept = built.drug(rxcui)

    assert (concept.route_kind, concept.other_ingredients, concept.dose_form) == (
        RouteKind.UNSPECIFIED,
        None,
        "",
    )


def test_a_group_has_the_route_of_its_dose_form_group(built: Built) -> None:
    assert (built.drug("9000010").dose_form, built.drug("9000010").route_kind) == ("Pill", RouteKind.ORAL)


def test_relations_count_from_whichever_end_they_are_told(built: Built) -> None:
    combination = built.drug("197885")

    assert (combination.ingredients, combination.other_ingredients) == (("hydrochlorothiazide",), True)
    assert combination.dose_form == "Oral Tablet"


def test_a_pack_has_the_dose_forms_of_what_is_ours_in_it(built: Built) -> None:
    pack = built.drug("757968")

    assert (pack.ingredients, pack.other_ingredients) == (("lansoprazole",), True)
    assert (pack.dose_form, pack.route_kind) == ("Delayed Release Oral Capsule", RouteKind.ORAL)


def test_eye_drops_are_local_and_a_salt_is_its_ingredient(built: Built) -> None:
    drops = built.drug("310469")

    assert (drops.ingredients, drops.other_ingredients) == (("gentamicin",), True)
    assert drops.route_kind is RouteKind.LOCAL


def test_an_ingredient_without_a_code_here_is_found_by_its_name(built: Built) -> None:
    assert built.drug("9000006").ingredients == ("finerenone",)
    assert built.drug("9000007").ingredients == ("cyclosporine",)


def test_package_codes_mean_what_their_product_means(built: Built) -> None:
    for ndc in ("00054429925", "00054429931"):
        assert built.terminology.drug(NDC, ndc) == built.drug("313988")
    assert built.terminology.drug(NDC, "00039-0060-10") == built.drug("200809")
    for ndc in ("00054111111", "00054222222"):
        assert not built.terminology.knows_drug_code(NDC, ndc)


def test_codes_that_do_not_concern_us_are_known_as_such(built: Built) -> None:
    for rxcui in ("9000001", "9000003", "9000005"):
        assert built.terminology.knows_drug_code(RXNORM, rxcui)
        assert built.terminology.drug(RXNORM, rxcui) is None
    assert built.terminology.knows_drug_code(NDC, "00009000501")


def test_the_report_tells_what_was_built(built: Built) -> None:
    report = built.report

    assert (report.release, report.concepts, report.ndcs, report.out_of_scope) == (
        "RxNorm_full_10062025",
        18,
        3,
        4,
    )
    assert (report.suppressed, report.by_name, report.unresolved, report.ambiguous_ndcs) == (0, 0, 0, 0)
    assert "cisplatin" in report.missing_ingredients
    assert "furosemide" not in report.missing_ingredients


def test_a_dose_form_that_is_not_told_makes_the_route_unknown(tmp_path: Path) -> None:
    release = small_release()
    release.concept("9000020", "SCD", "furosemide 40 MG")
    release.relate("9000020", "consists_of", "315971")

    assert build(release, tmp_path).drug("9000020").route_kind is RouteKind.UNKNOWN


def test_concepts_that_hold_each_other_are_survived(tmp_path: Path) -> None:
    release = small_release()
    release.concept("9000021", "SCD", "one")
    release.concept("9000022", "SCD", "other")
    release.relate("9000021", "quantified_form_of", "9000022")
    release.relate("9000022", "quantified_form_of", "9000021")
    release.relate("9000022", "has_ingredient", "4603")

    built = build(release, tmp_path)

    assert built.drug("9000021").ingredients == ("furosemide",)
    assert built.drug("9000022").route_kind is RouteKind.UNKNOWN


# ── Suppressed concepts ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_suppressed_product_still_maps_because_old_orders_carry_it(tmp_path: Path) -> None:
    release = small_release()
    release.concept("9000030", "SCD", "furosemide 80 MG Oral Tablet", suppress="O")
    release.relate("9000030", "has_ingredient", "4603")
    release.relate("9000030", "has_dose_form", "tablet")

    built = build(release, tmp_path)

    assert built.drug("9000030").route_kind is RouteKind.ORAL
    assert (built.report.suppressed, built.report.by_name) == (1, 0)
    rows = gzip.decompress((tmp_path / "magnesium-drugs.csv.gz").read_bytes()).decode().splitlines()
    assert [row.rpartition(",")[2] for row in rows if row.startswith("rxnorm,9000030,")] == ["O"]


@pytest.mark.parametrize(
    ("tty", "name", "route"),
    [
        ("SCD", "furosemide 80 MG Oral Tablet", RouteKind.ORAL),
        ("SBD", "furosemide 10 MG/ML Injection [Oral Oddity]", RouteKind.PARENTERAL),
        ("SCDC", "furosemide 80 MG", RouteKind.UNSPECIFIED),
    ],
)
def test_a_suppressed_concept_without_relations_is_read_by_its_name(
    tmp_path: Path, tty: str, name: str, route: RouteKind
) -> None:
    release = small_release()
    release.concept("9000031", tty, name, suppress="O")

    built = build(release, tmp_path)

    assert built.drug("9000031") == DrugConcept(("furosemide",), None, route, "", name)
    assert (built.report.suppressed, built.report.by_name) == (1, 1)


def test_what_cannot_be_resolved_is_neither_ours_nor_out_of_scope(tmp_path: Path) -> None:
    release = small_release()
    release.concept("9000032", "SCD", "mystery 5 MG Oral Tablet", suppress="O")
    release.concept("9000033", "SCD", "furosemide that is active and yet holds nothing")
    release.attribute("9000032", "NDC", "00009003201")

    built = build(release, tmp_path)

    assert built.report.unresolved == 2
    for rxcui in ("9000032", "9000033"):
        assert not built.terminology.knows_drug_code(RXNORM, rxcui)
    assert not built.terminology.knows_drug_code(NDC, "00009003201")


@pytest.mark.parametrize("order", [("O", "N"), ("N", "O")])
def test_an_active_name_wins_over_a_suppressed_one(tmp_path: Path, order: tuple[str, str]) -> None:
    release = small_release()
    names = {"O": "furosemide eighty", "N": "furosemide 80 MG Oral Tablet"}
    for suppress in order:
        release.concept("9000034", "SCD", names[suppress], suppress=suppress)
    release.relate("9000034", "has_ingredient", "4603")

    built = build(release, tmp_path)

    assert built.drug("9000034").name == "furosemide 80 MG Oral Tablet"
    assert built.report.suppressed == 0


# ── Package codes that stand for two products ────────────────────────────────────────────────────────────────────────


def test_a_package_code_of_two_different_drugs_is_left_out(tmp_path: Path) -> None:
    release = small_release()
    for rxcui in ("313988", "197885", "313988"):
        release.attribute(rxcui, "NDC", "00054429999")

    built = build(release, tmp_path)

    assert not built.terminology.knows_drug_code(NDC, "00054429999")
    assert built.report.ambiguous_ndcs == 1


def test_a_package_code_of_a_drug_and_its_brand_is_kept(tmp_path: Path) -> None:
    release = small_release()
    release.attribute("200809", "NDC", "00054429925")

    assert build(release, tmp_path).terminology.knows_drug_code(NDC, "00054429925")


# ── The files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_rrf_folder_of_an_unpacked_archive_is_found(tmp_path: Path) -> None:
    release = tmp_path / "RxNorm_full_10062025"
    small_release().write(release / "rrf")

    report = build_drug_table(release, tmp_path / "out.csv.gz", lambda _: None)

    assert report.release == "RxNorm_full_10062025"
    assert report.concepts == 18


def test_a_release_that_names_itself_is_called_so(tmp_path: Path) -> None:
    release = small_release().write(tmp_path / "release")
    (release / "RXNSAB.RRF").write_text(
        "C1|C2|MTHSPL_2025|MTHSPL|Labels of RxNorm|MTHSPL|2025|||||||||||||||||RXNORM|\n"
        "C3|C4|RXNORM_25AA_251006F|RXNORM|RxNorm|RXNORM|25AA_251006F||||||||||||||||||\n",
        encoding="utf-8",
    )

    assert build_drug_table(release, tmp_path / "out.csv.gz", lambda _: None).release == "25AA_251006F"


def test_a_release_that_does_not_tell_its_version_is_called_after_its_folder(tmp_path: Path) -> None:
    release = small_release().write(tmp_path / "my release")
    (release / "RXNSAB.RRF").write_text("C3|C4|RXNORM|RXNORM|RxNorm|RXNORM||\n", encoding="utf-8")

    assert build_drug_table(release, tmp_path / "out.csv.gz", lambda _: None).release == "my release"


def test_equal_releases_give_equal_files(tmp_path: Path) -> None:
    release = small_release().write(tmp_path / "release")

    build_drug_table(release, tmp_path / "one.csv.gz", lambda _: None)
    build_drug_table(release, tmp_path / "two.csv.gz", lambda _: None)

    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()


def test_progress_adds_up_to_the_size_of_the_release(tmp_path: Path) -> None:
    release = small_release()
    release.sat += [f"{'x' * 100}|MTHSPL|"] * 12_000
    folder = release.write(tmp_path / "release")
    steps: list[int] = []

    build_drug_table(folder, tmp_path / "out.csv.gz", steps.append)

    assert sum(steps) == release_size(folder)
    assert len(steps) == 4, "one for each file, and one within the longest"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    release = small_release().write(tmp_path / "release")
    (release / "RXNREL.RRF").unlink()

    for attempt in (
        lambda: build_drug_table(release, tmp_path / "out", lambda _: None),
        lambda: release_size(release),
    ):
        with pytest.raises(RxnormReleaseError, match=r"no RXNREL\.RRF in .*: give the folder"):
            attempt()


def test_a_row_that_is_short_names_file_line_and_column_and_leaves_the_old_table(tmp_path: Path) -> None:
    release = small_release().write(tmp_path / "release")
    with (release / "RXNREL.RRF").open("a") as rows:
        rows.write("4603||CUI|RO|313988|RXNORM|\n")
    out = tmp_path / "out.csv.gz"
    out.write_text("the table of last year")

    with pytest.raises(RxnormReleaseError, match=r"^RXNREL\.RRF:\d+: 7 cells, so column RELA is missing"):
        build_drug_table(release, out, lambda _: None)

    assert out.read_text() == "the table of last year"


def test_a_release_without_rxnorm_itself_is_refused(tmp_path: Path) -> None:
    release = Release()
    release.concept("4603", "IN", "furosemide", sab="MTHSPL")

    with pytest.raises(RxnormReleaseError, match=r"^RXNCONSO\.RRF: no drug"):
        build_drug_table(release.write(tmp_path / "release"), tmp_path / "out", lambda _: None)


# ── Dose forms ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("dose_form", "route"),
    [
        ("Delayed Release Oral Capsule", RouteKind.ORAL),
        ("Extended Release Suspension", RouteKind.ORAL),
        ("Pill", RouteKind.ORAL),
        ("Injectable Suspension", RouteKind.PARENTERAL),
        ("Prefilled Syringe", RouteKind.PARENTERAL),
        ("Ophthalmic Ointment", RouteKind.LOCAL),
        ("Mucous Membrane Topical Solution", RouteKind.LOCAL),
        ("Metered Dose Inhaler", RouteKind.LOCAL),
        ("Irrigation Solution", RouteKind.LOCAL),
        ("Sublingual Tablet", RouteKind.SYSTEMIC),
        ("Rectal Suppository", RouteKind.SYSTEMIC),
        ("Medicated Pad", RouteKind.UNKNOWN),
    ],
)
def test_a_dose_form_tells_the_route_or_leaves_it_unknown(dose_form: str, route: RouteKind) -> None:
    assert route_of_dose_form(dose_form) is route


@pytest.mark.parametrize(
    ("dose_forms", "route"),
    [
        ({"Oral Tablet", "Oral Capsule"}, RouteKind.ORAL),
        ({"Oral Tablet", "Injection"}, RouteKind.SYSTEMIC),
        ({"Oral Tablet", "Ophthalmic Ointment"}, RouteKind.UNKNOWN),
        (set(), RouteKind.UNKNOWN),
    ],
)
def test_several_dose_forms_have_one_route_only_if_they_agree(dose_forms: set[str], route: RouteKind) -> None:
    assert route_of_all(frozenset(dose_forms)) is route
