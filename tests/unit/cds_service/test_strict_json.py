"""What counts as JSON here, and where a refusal points."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.strict_json import StrictJsonError, decode


def refusal(body: bytes, *, max_depth: int = 64) -> tuple[str, str]:
    with pytest.raises(StrictJsonError) as caught:
        decode(body, max_depth=max_depth)
    return caught.value.issue.at, caught.value.issue.text


class TestWhatIsAccepted:
    def test_a_number_with_a_fraction_keeps_every_digit_the_laboratory_printed(self) -> None:
        value = decode(b'{"value": 1.60}', max_depth=64)
        assert str(value["value"]) == "1.60"

    def test_fifteen_decimals_are_kept_exactly(self) -> None:
        assert decode(b"[0.123456789012345]", max_depth=64) == [Decimal("0.123456789012345")]

    def test_whole_numbers_are_ints(self) -> None:
        value = decode(b"[2, -3]", max_depth=64)
        assert value == [2, -3]
        assert [type(number) for number in value] == [int, int]

    def test_an_exponent_a_measurement_could_need_is_read(self) -> None:
        assert decode(b"[1.5e-3]", max_depth=64) == [Decimal("0.0015")]

    def test_a_byte_order_mark_is_ignored(self) -> None:
        assert decode(b'\xef\xbb\xbf{"hook": "patient-view"}', max_depth=64) == {"hook": "patient-view"}

    def test_escaped_and_plain_characters_beyond_ascii_are_the_same(self) -> None:
        assert decode('["µ", "\\u00b5"]'.encode(), max_depth=64) == ["µ", "µ"]

    def test_a_whole_surrogate_pair_is_a_character(self) -> None:
        assert decode(b'["\\ud83d\\ude00"]', max_depth=64) == ["😀"]

    def test_nesting_up_to_the_limit(self) -> None:
        assert decode(b"[[[1]]]", max_depth=3) == [[[1]]]

    def test_brackets_inside_strings_are_not_nesting(self) -> None:
        assert decode(b'["[[[[[["]', max_depth=1) == ["[[[[[["]


class TestWhatIsRefused:
    @pytest.mark.parametrize("body", [b"", b"  ", b"{", b'{"a": 1,}', b"{'a': 1}", b'{"a": 1} x', b"// x\n{}"])
    def test_text_that_is_not_json_names_line_and_column(self, body: bytes) -> None:
        at, text = refusal(body)
        assert at == ""
        assert "line" in text
        assert "column" in text

    def test_bytes_that_are_not_utf_8(self) -> None:
        assert refusal(b'{"a": "\xb5"}') == ("", "The body is not UTF-8: byte 7 cannot be read.")

    @pytest.mark.parametrize(
        ("body", "at"),
        [
            (b'{"a": 1, "a": 1}', "a"),
            (b'{"context": {"patientId": "1", "patientId": "2"}}', "context.patientId"),
            (b'{"entry": [{}, {"x": {"id": 1, "id": 2}}]}', "entry[1].x.id"),
        ],
    )
    def test_a_key_that_stands_twice(self, body: bytes, at: str) -> None:
        assert refusal(body) == (at, "The same key stands here more than once.")

    @pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity"])
    def test_what_is_not_a_number(self, literal: bytes) -> None:
        at, text = refusal(b'{"valueQuantity": {"value": ' + literal + b"}}")
        assert at == "valueQuantity.value"
        assert "not JSON numbers" in text

    @pytest.mark.parametrize(
        "literal",
        [b"1" * 41, b"0." + b"1" * 39, b"1e41", b"1E-41", b"1e999999999999999999999999999", b"9" * 5000],
        ids=["long int", "long fraction", "large", "small", "absurd exponent", "more digits than int() reads"],
    )
    def test_a_number_no_measurement_needs(self, literal: bytes) -> None:
        at, text = refusal(b'{"value": ' + literal + b"}")
        assert at == "value"
        assert text.startswith("This number")

    def test_nesting_beyond_the_limit_names_the_place(self) -> None:
        at, text = refusal(b'{"a": [{"b": []}]}', max_depth=3)
        assert at == "a[0].b"
        assert text == "The body is nested more than 3 levels deep."

    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_nesting_that_would_exhaust_the_parser(self, opening: bytes) -> None:
        _, text = refusal(opening * 200_000)
        assert text == "The body is nested more than 64 levels deep."

    @pytest.mark.parametrize(
        ("body", "at"),
        [(b'{"a": ["\\ud83d"]}', "a[0]"), (b'{"a": {"\\uDE00": 1}}', "a"), (b'["x", "\\udc00\\ud800"]', "[1]")],
    )
    def test_half_a_surrogate_pair_could_not_be_sent_back(self, body: bytes, at: str) -> None:
        assert refusal(body) == (at, "This text holds half of a surrogate pair.")

    def test_a_refusal_never_repeats_a_value(self) -> None:
        at, text = refusal(b'{"name": "Rosa", "x": {"name": "Rosa", "name": "Rosa"}}')
        assert "Rosa" not in at + text
