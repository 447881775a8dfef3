"""Why a resource, or a part of it, could not be used. The list is closed; every reason has a sentence for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Unreadable(StrEnum):
    """A reason: the code is stable (clients and reports group by it), the sentence may be reworded."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """Make a member that is its code and carries its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    NOT_A_RESOURCE = "not-a-resource", "This entry is not a FHIR resource."
    NO_ID = "no-id", "The patient record has no id, so nothing shows that it belongs to this patient."
    NO_SUBJECT = "no-subject", "The record does not say which patient it is about."
    UNRESOLVED_SUBJECT = "unresolved-subject", "The record names its patient in a way that could not be resolved."

    NOT_A_RESULT = "not-a-result", "The result was cancelled or entered in error."
    NOT_YET_RESULTED = "not-yet-resulted", "The test was registered, but there is no result yet."
    UNKNOWN_STATUS = "unknown-status", "The status of the result is not one that FHIR defines."
    CONFLICTING_CODES = "conflicting-codes", "The codes on this record mean different things."
    VALUE_ABSENT = "value-absent", "The result has no value."
    NO_NUMBER = "no-number", "The value is not a number that can be read."
    UNKNOWN_COMPARATOR = "unknown-comparator", "The comparator of the value is not one that FHIR defines."
    NO_UNIT = "no-unit", "The value has no unit."
    UNKNOWN_UNIT = "unknown-unit", "The unit is not one in which this quantity is measured."
    CONFLICTING_UNITS = "conflicting-units", "The coded unit and the printed unit of the value differ."
    NO_TIME = "no-time", "Nothing says when it happened."

    # Found by the core (``magnesium.results``) in results that could be read.
    IMPLAUSIBLE = "implausible", "The value is not one that a living patient has."
    IN_THE_FUTURE = "in-the-future", "The result is dated after now."
    SUSPECT_SPECIMEN = "suspect-specimen", "The specimen may be hemolyzed or contaminated."

    UNKNOWN_DRUG = "unknown-drug", "Nothing says which drug it is."
    NOT_SAID_IF_TAKEN = "not-said-if-taken", "Nothing says whether the drug is taken."
    UNRESOLVED_MEDICATION = "unresolved-medication", "The drug is only referred to, and nothing readable is there."


def sentence_of(code: str) -> str:
    """Return the sentence for a reason, or the code itself for a reason that another layer added."""
    return _SENTENCES.get(code, code)


_SENTENCES = {str(reason): reason.sentence for reason in Unreadable}
