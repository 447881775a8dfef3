"""How an order says the drug is given, and what that makes of a product.

Product dose form first, then the route of the order, then the words of the dosage. Where product and order disagree
on whether the drug reaches the circulation, neither is believed blindly:

========== ================= ==================================================================================
product    order             read as
========== ================= ==================================================================================
systemic   eye, inhaled, …   local: the order says how it is given
local      oral, injected    unknown: shown only, because an eye drop is not injected and nobody knows which is wrong
oral       injected          systemic, way unknown (and the other way round)
injection  intravenous       intravenous
injection  nothing           parenteral
not known  anything          the order's route
========== ================= ==================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fhir_mappings.codes import RouteKind
from fhir_mappings.reading import Resource, codings, phrases
from magnesium.facts import Route


def _table(rows: Mapping[Route, str]) -> Mapping[str, Route]:
    return {code: route for route, codes in rows.items() for code in codes.split("|")}


# SNOMED CT, HL7 v3 RouteOfAdministration, HL7 table 0162 and what hospitals write, in capitals. Codes that mean
# different things in different places are left out; their display or text decides.
_CODES = _table(
    {
        Route.ORAL: (
            "26643006|260548002|127492001|127490009|127491008|PO|ORAL|CHEW|NG|OG|NGT|OGT|GT|PO/NG|PO/OG|NG/OG|PEG|"
            "G TUBE|J TUBE|G-TUBE|J-TUBE|NG TUBE|JJTINSTL"
        ),
        Route.INTRAVENOUS: (
            "47625008|IV|IVP|IVB|IVPB|IVF|IVC|IVCC|IVCI|IVINJ|IVINJBOL|IVPUSH|IVRPUSH|IVSPUSH|IVPCA|"
            "IV DRIP|IV BOLUS|IV PUSH|IV PCA|IV INFUSION|INTRAVEN"
        ),
        Route.PARENTERAL: ("78421000|34206005|417255000|58100008|IM|SC|SQ|SUBQ|SUBCUT|SUB-Q|IO|SCINJ"),
        Route.SYSTEMIC: "37161004|37839007|54471007|45890007|PR|SL|BUC|BUCCAL|TD",
        Route.LOCAL: (
            "54485002|10547007|6064005|46713006|16857009|38239002|72607000|404820008|372464004|12130007|"
            "372471009|418401004|OU|OS|OD|AU|AS|AD|OPH|OPHTH|OTIC|IH|INH|IPINHL|NEB|SVN|IN|NAS|NASINHL|TP|TOP|"
            "TOPICAL|IRR|IRRIG|PV|VG|DIALYS|IP|IT|ED|EPI|ID|IVFLUSH|IVITINJ|IVESINJ|RIGHT EYE|LEFT EYE|"
            "BOTH EYES|SWISHSPIT"
        ),
    }
)

# Whole words of free text. Abbreviations that are also English or mean something else there (OD once daily, AS, IN,
# IT, ID, TP) are left out.
_WORDS = _table(
    {
        Route.ORAL: "po|oral|orally|mouth|nasogastric|gastrostomy|jejunostomy|ng",
        Route.INTRAVENOUS: "iv|ivpb|ivp|ivb|intraven|intravenous|intravenously",
        Route.PARENTERAL: (
            "im|intramuscular|intramuscularly|sc|subcut|subcutaneous|subcutaneously|subq|sq|injection|"
            "injected|intraosseous"
        ),
        Route.SYSTEMIC: "rectal|rectally|rectum|sublingual|sublingually|sl|buccal|transdermal",
        Route.LOCAL: (
            "eye|eyes|ear|ears|ophth|ophthalmic|ophthalmically|otic|nasal|nasally|nostril|nostrils|topical|"
            "topically|cutaneous|cream|ointment|inhalation|inhaled|inhale|inh|neb|nebulized|nebuliser|nebulizer|"
            "svn|irrigation|irrigate|flush|vaginal|vaginally|intraperitoneal|intrathecal|epidural|intravitreal|"
            "intravesical|intradermal|dialysate|dialysis"
        ),
    }
)
_WORD = re.compile(r"[a-z]+")

_SYSTEMIC = frozenset({Route.ORAL, Route.INTRAVENOUS, Route.PARENTERAL, Route.SYSTEMIC})
_INJECTED = frozenset({Route.INTRAVENOUS, Route.PARENTERAL})

# Ingredients of which some product acts locally or has no known form: for these nothing said about the route means
# an assumption. All others of the drug table come in systemic forms only (a test holds this against the tables).
_SOME_FORM_IS_LOCAL = frozenset(
    {
        "aceclofenac",
        "amikacin",
        "amphotericin B",
        "aspirin",
        "azithromycin",
        "calcium acetate",
        "ciprofloxacin",
        "cyclosporine",
        "demeclocycline",
        "dexketoprofen",
        "diclofenac",
        "doxycycline",
        "erythromycin",
        "fluconazole",
        "flurbiprofen",
        "gentamicin",
        "heparin",
        "ibuprofen",
        "indomethacin",
        "insulin",
        "kanamycin",
        "ketoprofen",
        "ketorolac",
        "levofloxacin",
        "magnesium chloride",
        "magnesium citrate",
        "magnesium sulfate",
        "meclofenamate",
        "minocycline",
        "moxifloxacin",
        "naproxen",
        "neomycin",
        "norfloxacin",
        "ofloxacin",
        "oxytetracycline",
        "paromomycin",
        "pentamidine",
        "piroxicam",
        "potassium chloride",
        "potassium phosphate",
        "sirolimus",
        "streptomycin",
        "tacrolimus",
        "tetracycline",
        "tobramycin",
        "tolmetin",
    }
)


def only_systemic(ingredients: Iterable[str]) -> bool:
    """Whether a drug with these ingredients can only be systemic."""
    return _SOME_FORM_IS_LOCAL.isdisjoint(ingredients)


def ordered_route(route: object) -> Route | None:
    """Return the route that a CodeableConcept names, by its codes, else by its words."""
    found = {known for coding in codings(route) if (known := _CODES.get(" ".join(coding.code.upper().split())))}
    return _one(found) if found else route_in_words(phrases(route))


def route_in_words(texts: Iterable[str]) -> Route | None:
    """Return the route that free texts name, or None if they name none or contradict each other."""
    return _one({_WORDS[word] for words in texts for word in _WORD.findall(words.casefold()) if word in _WORDS})


def dosage_route(dosages: Iterable[Resource]) -> Route | None:
    """Return the one route of all dosage instructions; the coded ones come before the written ones."""
    dosages = list(dosages)
    coded = {route for dosage in dosages if (route := ordered_route(dosage.get("route")))}
    return _one(coded) if coded else route_in_words(text for dosage in dosages for text in phrases(dosage))


def route_given(product: RouteKind, ordered: Route | None, ingredients: Iterable[str]) -> tuple[Route, bool]:
    """Return the route of an exposure, and whether systemic was merely assumed."""
    if product is RouteKind.LOCAL:
        return (Route.UNKNOWN if ordered in _SYSTEMIC else Route.LOCAL), False
    if product is RouteKind.ORAL:
        return _systemic_product(Route.ORAL, ordered, frozenset({Route.ORAL})), False
    if product is RouteKind.PARENTERAL:
        return _systemic_product(Route.PARENTERAL, ordered, _INJECTED), False
    if ordered is not None:
        return ordered, False
    if product is RouteKind.UNKNOWN:
        return Route.UNKNOWN, False
    return Route.SYSTEMIC, product is RouteKind.UNSPECIFIED and not only_systemic(ingredients)


def _systemic_product(own: Route, ordered: Route | None, fitting: frozenset[Route]) -> Route:
    if ordered is None:
        return own
    return ordered if ordered in fitting or ordered is Route.LOCAL else Route.SYSTEMIC


def _one(found: set[Route]) -> Route | None:
    """Reduce several routes to what they have in common: nothing, if one of them is local."""
    if len(found) <= 1:
        return next(iter(found), None)
    if found == _INJECTED:
        # "IV injection": the more precise of the two
        return Route.INTRAVENOUS
    return Route.SYSTEMIC if found <= _SYSTEMIC else None
