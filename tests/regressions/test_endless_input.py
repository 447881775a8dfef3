"""Found by fuzzing: input for which the time grew with the square of its length, or the answer beyond its size.

No assertion is about time. Each input is as large as a body may be, or a good part of it, and took minutes to hours;
it takes a second or two.
"""

from __future__ import annotations

import json

import pytest

from cds_service.envelope import parse_body, read_request
from cds_service.errors import RequestError
from cds_service.strict_json import StrictJsonError, decode
from fhir_mappings.codes import Terminology
from fhir_mappings.specimen_quality import suspicious_word
from hooks.markdown import one_line

MEGABYTE = 1_000_000
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load()


def refused_at(body: bytes) -> str:
    with pytest.raises(StrictJsonError) as caught:
        decode(body, max_depth=64)
    return caught.value.issue.at


class TestJson:
    def test_a_key_that_stands_twice_at_the_end_of_very_many(self) -> None:
        members = ",".join(f'"k{number}":1' for number in range(200_000))
        assert refused_at(f'{{{members},"k199999":2}}'.encode()) == "k199999"

    def test_the_first_of_several_keys_that_stand_twice_is_named(self) -> None:
        assert refused_at(b'{"c": 1, "a": 1, "b": 1, "b": 2, "a": 2}') == "a"

    def test_a_flaw_behind_very_much_that_is_in_order(self) -> None:
        assert refused_at(b'{"a": [' + b"{}," * 300_000 + b"NaN]}") == "a[300000]"

    def test_a_place_that_is_too_deep_behind_very_much_that_is_not(self) -> None:
        deep = b"[" * 70 + b"]" * 70
        assert refused_at(b'{"a": [' + b"[]," * 300_000 + deep + b"]}").startswith("a[300000][0][0]")

    def test_half_a_surrogate_pair_behind_very_much_that_is_whole(self) -> None:
        assert refused_at(b'{"a": [' + b'"",' * 300_000 + b'"\\ud800"]}') == "a[300000]"


class TestEnvelope:
    def test_of_very_many_wrong_values_the_first_are_named(self) -> None:
        context = {"userId": "u", "patientId": "p", "draftOrders": {"resourceType": "Bundle"}}
        body = {"hook": "order-select", "hookInstance": "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11"}
        sent = json.dumps({**body, "context": {**context, "selections": [1] * 300_000}}).encode()
        with pytest.raises(RequestError) as caught:
            read_request(parse_body(sent, max_depth=64), hook="order-select")
        assert [issue.at for issue in caught.value.issues] == [f"context.selections[{index}]" for index in range(50)]


class TestReaders:
    @pytest.mark.parametrize("letter", ["/", "I", "9"])
    def test_a_diagnosis_code_without_end_is_none(self, terminology: Terminology, letter: str) -> None:
        assert terminology.condition(ICD_10_CM, letter * MEGABYTE) is None

    @pytest.mark.parametrize("code", ["I47.21", "I4721", "i47.21"])
    def test_a_diagnosis_code_of_any_length_that_there_is_means_what_it_meant(
        self, terminology: Terminology, code: str
    ) -> None:
        assert terminology.condition(ICD_10_CM, code) == terminology.condition(ICD_10_CM, "I47.21") is not None

    @pytest.mark.parametrize("number", ["9" * MEGABYTE, "9," * (MEGABYTE // 10)], ids=["digits", "digits and commas"])
    def test_a_volume_without_end_is_none(self, terminology: Terminology, number: str) -> None:
        drug = terminology.drug_by_name(f"potassium chloride {number}")
        assert drug is not None
        assert drug.other_ingredients is not True

    @pytest.mark.parametrize("volume", ["1,000 ml", "1000 ML", "500.0 ml", "1 l"])
    def test_a_volume_of_a_fluid_is_one(self, terminology: Terminology, volume: str) -> None:
        drug = terminology.drug_by_name(f"potassium chloride 20 meq in {volume}")
        assert drug is not None
        assert drug.other_ingredients is True

    def test_a_name_that_counts_at_the_start_only_without_end(self, terminology: Terminology) -> None:
        drug = terminology.drug_by_name("magnesium " * 50_000)
        assert drug == terminology.drug_by_name("magnesium")

    @pytest.mark.parametrize("text", ["no " * 300_000 + "hemolysis", "no a " * 200_000 + "or hemolysis"])
    def test_a_denial_without_end_is_read_up_to_its_last_words(self, text: str) -> None:
        assert suspicious_word(text) == ""

    def test_a_denial_at_the_start_of_a_text_without_end_denies_nothing_at_its_end(self) -> None:
        assert suspicious_word("no trouble" + " whatever" * 30 + " or hemolysis") == "hemolysis"

    def test_what_is_denied_very_often_is_not_believed(self) -> None:
        assert suspicious_word("no hemolysis. " * 20) == ""
        assert suspicious_word("no hemolysis. " * 21) == "hemolysis"
        assert suspicious_word("no hemolysis. " * 100_000) == "hemolysis"

    def test_comparators_without_end_are_put_into_words(self) -> None:
        assert one_line("<1" * 100_000).startswith("below 1 below 1 below 1")
        assert one_line("K <3.5") == "K below 3.5"
        assert one_line("<3.5") == "below 3.5"
