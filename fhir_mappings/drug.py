"""Which drug is it? From codes, a site's own codes, and names, in this order.

Several codings on one drug (ingredient, product, brand) are the rule. The widest composition is taken, and the most
specific product for the route; codings that share no ingredient contradict each other, and then nobody guesses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fhir_mappings.codes import DrugConcept, RouteKind
from fhir_mappings.context import Context
from fhir_mappings.reading import Coding, Resource, codings, first, objects, phrases, reference, text, token, words_of
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Match

_SYSTEMIC = frozenset({RouteKind.ORAL, RouteKind.PARENTERAL, RouteKind.SYSTEMIC})
_SILENT = frozenset({RouteKind.UNSPECIFIED, RouteKind.UNKNOWN})

# What one Medication may say, in codes and names and in characters of names: far more than any real one does. Thousands
# of orders may point at it, and each looks at all of it.
_MOST_SAID = 200
_MOST_CHARACTERS = 5_000


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug with at least one ingredient that the rules know."""

    ingredients: tuple[str, ...]
    other_ingredients: bool | None
    route_kind: RouteKind
    dose_form: str
    label: str
    coding: Coding
    match: Match


class _Found(NamedTuple):
    concept: DrugConcept
    coding: Coding


class _Ingredient(NamedTuple):
    """What a Medication says about one of its ingredients."""

    codings: list[Coding]
    words: list[str]

    @classmethod
    def of(cls, concept: object) -> _Ingredient:
        found = codings(concept)
        return cls(found, words_of(concept, found))


@dataclass(slots=True)
class _Description:
    """All that a record says about which drug it is."""

    codings: list[Coding] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """The texts of the concepts: what people call the drug."""
    names: list[str] = field(default_factory=list)
    """What else may be its name: displays, codes and identifiers that are names."""
    ingredients: list[_Ingredient] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    """The form of the Medication resource, in words."""
    dangling: bool = False
    """The drug is named by a reference, and what it points at did not come."""

    @property
    def words(self) -> list[str]:
        """Every name once."""
        return list(dict.fromkeys(name for name in (*self.texts, *self.names) if name))

    def add(self, other: _Description) -> None:
        """Add what another place says about the same drug."""
        self.codings += other.codings
        self.texts += other.texts
        self.names += other.names
        self.ingredients += other.ingredients
        self.form += other.form

    @property
    def endless(self) -> bool:
        """Whether this is more than anybody says about a drug."""
        said = [words for words in (*self.texts, *self.names, *self.form) if words]
        of_parts = sum(len(part.codings) + len(part.words) for part in self.ingredients)
        if len(self.codings) + len(said) + len(self.ingredients) + of_parts > _MOST_SAID:
            return True
        return sum(map(len, (*said, *(words for part in self.ingredients for words in part.words)))) > _MOST_CHARACTERS


def identify(resource: Resource, context: Context) -> Drug | Unreadable | None:
    """Return the drug of a MedicationRequest, -Statement or -Administration; None if it is none of ours."""
    said = _describe(resource, context)
    standard = _by_code(said.codings, context)
    if standard:
        return _drug(standard, Match.STANDARD_CODE, said, context)
    parts = [_by_code(part.codings, context) for part in said.ingredients]
    if any(parts):
        return _mixture(parts, said, context)
    if any(context.terminology.knows_drug_code(coding.system, coding.code) for coding in said.codings):
        # The code is understood and is none of ours: no look at the name beside it.
        return None
    local = [
        _Found(concept, coding)
        for coding in said.codings
        if (concept := context.site.drugs.get((coding.system, coding.code)))
    ]
    if local:
        return _drug(local, Match.LOCAL_CODE, said, context)
    return _by_name(said, context)


def _describe(resource: Resource, context: Context) -> _Description:
    said = _Description()
    concept, pointer = resource.get("medicationCodeableConcept"), resource.get("medicationReference")
    if concept is not None:
        _add_concept(concept, said, context)
    if pointer is not None:
        _add_pointer(pointer, said, resource, context)
    medication = resource.get("medication")
    if isinstance(medication, dict):
        # R5: a CodeableReference. Others put the concept or the reference itself here.
        _add_concept(medication.get("concept") or medication, said, context)
        inner = medication.get("reference")
        _add_pointer(inner if isinstance(inner, dict) else medication, said, resource, context)
    return said


def _add_concept(concept: object, said: _Description, context: Context) -> None:
    found = codings(concept)
    said.codings += found
    said.texts.append(text(first(concept).get("text")))
    for coding in found:
        said.names.append(coding.display)
        if coding.system in context.site.drug_name_systems:
            # Some systems send the name of the drug as its code.
            said.names.append(coding.code)


def _add_pointer(pointer: object, said: _Description, resource: Resource, context: Context) -> None:
    literal = reference(pointer)
    medication = context.pool.resolve(literal, "Medication", resource) if literal else None
    shared = context.pool.once("drug", medication, lambda one: _of_medication(one, context)) if medication else None
    if shared is not None:
        said.add(shared)
    elif literal:
        said.dangling = True
    said.names.append(text(first(pointer).get("display")))
    _add_identifiers(first(pointer), said, context)


def _of_medication(medication: Resource, context: Context) -> _Description | None:
    """Return what a Medication says; None if it says so much that it cannot be meant."""
    said = _Description()
    _add_concept(medication.get("code"), said, context)
    said.form += phrases(medication.get("form"))
    for ingredient in objects(medication.get("ingredient")):
        if ingredient.get("isActive") is False:
            continue
        item = first(ingredient.get("item"))  # R5
        concept = first(ingredient.get("itemCodeableConcept")) or first(item.get("concept"))
        literal = reference(ingredient.get("itemReference")) or reference(item.get("reference"))
        inner = context.pool.resolve(literal, "Medication", medication) if literal else None
        if concept or inner is None:
            said.ingredients.append(_Ingredient.of(concept))
        else:
            said.ingredients.append(context.pool.once("ingredient", inner, lambda one: _Ingredient.of(one.get("code"))))
    _add_identifiers(medication, said, context)
    return None if said.endless else said


def _add_identifiers(holder: Resource, said: _Description, context: Context) -> None:
    """Add the identifiers that are names: some systems keep the name of the drug nowhere else."""
    systems = context.site.drug_name_systems
    for identifier in objects(holder.get("identifier")) if systems else ():
        if text(identifier.get("system")) in systems:
            said.names.append(token(identifier.get("value")))


def _by_code(all_codings: list[Coding], context: Context) -> list[_Found]:
    return [
        _Found(concept, coding)
        for coding in all_codings
        if (concept := context.terminology.drug(coding.system, coding.code)) is not None
    ]


def _by_name(said: _Description, context: Context) -> Drug | Unreadable | None:
    names = [*said.words, *(words for part in said.ingredients for words in part.words)]
    found = [
        _Found(concept, Coding("", "", name)) for name in names if (concept := context.terminology.drug_by_name(name))
    ]
    if found:
        return _drug(found, Match.NAME, said, context)
    if names:
        return None
    return Unreadable.UNRESOLVED_MEDICATION if said.dangling and not said.codings else Unreadable.UNKNOWN_DRUG


def _drug(found: list[_Found], match: Match, said: _Description, context: Context) -> Drug | Unreadable:
    widest = max(found, key=_width)
    if any(set(widest.concept.ingredients).isdisjoint(other.concept.ingredients) for other in found):
        return Unreadable.CONFLICTING_CODES
    return Drug(
        ingredients=tuple(sorted(widest.concept.ingredients)),
        other_ingredients=widest.concept.other_ingredients,
        route_kind=_route_kind(found, said, context),
        dose_form=widest.concept.dose_form,
        label=_label(said, widest),
        coding=widest.coding,
        match=match,
    )


def _mixture(parts: list[list[_Found]], said: _Description, context: Context) -> Drug:
    """Put together what a Medication lists as its ingredients."""
    found = [one for part in parts for one in part]
    widest = max(found, key=_width)
    return Drug(
        ingredients=tuple(sorted({ingredient for one in found for ingredient in one.concept.ingredients})),
        # A part that is none of ours is an ingredient too.
        other_ingredients=True if not all(parts) else widest.concept.other_ingredients,
        route_kind=_route_kind(found, said, context),
        dose_form=widest.concept.dose_form,
        label=_label(said, widest),
        coding=widest.coding,
        match=Match.STANDARD_CODE,
    )


def _width(found: _Found) -> tuple[object, ...]:
    """Order by how much a coding says: ingredients, dose form, route; the rest only breaks ties always alike."""
    concept = found.concept
    return (
        len(concept.ingredients),
        bool(concept.dose_form),
        concept.route_kind not in _SILENT,
        concept.ingredients,
        found.coding,
    )


def _route_kind(found: list[_Found], said: _Description, context: Context) -> RouteKind:
    kinds = {one.concept.route_kind for one in found}
    telling = kinds - _SILENT
    if len(telling) == 1:
        return telling.pop()
    if telling:
        return RouteKind.SYSTEMIC if telling <= _SYSTEMIC else RouteKind.UNKNOWN
    # A product of unknown form is known not to be just an ingredient: it stays unknown.
    return RouteKind.UNKNOWN if RouteKind.UNKNOWN in kinds else _route_in_names(found, said, context)


def _route_in_names(found: list[_Found], said: _Description, context: Context) -> RouteKind:
    """Look at the words beside a code that says nothing about the route: "… ophthalmic solution"."""
    ingredient = min(found, key=_width).concept.ingredients[0]
    named = context.terminology.drug_by_name(" ".join((ingredient, *said.form, *said.words)))
    return named.route_kind if named else RouteKind.UNSPECIFIED


def _label(said: _Description, best: _Found) -> str:
    written = next((words for words in said.texts if words), "")
    others = (written, best.coding.display, *said.words, best.concept.name)
    return next((words for words in others if words), ", ".join(best.concept.ingredients))
