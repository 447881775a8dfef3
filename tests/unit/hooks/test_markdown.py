"""Text of rules and records on a card: same meaning in every viewer, nothing rendered that was not meant."""

from __future__ import annotations

import pytest

from hooks.markdown import escaped, one_line, section, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mg <0.6 mmol/L", "Mg below 0.6 mmol/L"),
        ("Mg <=0.6 mmol/L", "Mg at most 0.6 mmol/L"),
        ("eGFR >60", "eGFR above 60"),
        ("eGFR >= 60", "eGFR at least 60"),
        ("<.5", "below .5"),
        ("reported as (<0.6), may be severe", "reported as (below 0.6), may be severe"),
        ("Mg<0.6", "Mg below 0.6"),
        ("≥ 500 ms", "≥ 500 ms"),
        ("Mg 1.2 -> 1.4 mg/dL", "Mg 1.2 → 1.4 mg/dL"),
        ("K => 4.0", "K =\u203a 4.0"),
        ("<script>alert(1)</script>", "\u2039script\u203aalert(1)\u2039/script\u203a"),
        ("<!-- hidden -->", "\u2039!-- hidden -→"),
    ],
)
def test_comparators_become_words_and_no_angle_bracket_is_left(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    "text",
    ["a\nb", " a \t b ", "a\u00a0b", "a\u2028b", "a\x00b", "a\u202eb", "a\u200bb", "a\ud800b", "a\r\n\r\nb"],
)
def test_breaks_control_characters_and_half_characters_become_one_space(text: str) -> None:
    assert one_line(text) == "a b"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Mg 1.2 mg/dL (low)", "Mg 1.2 mg/dL (low)"),
        ("K-Dur *20* mEq", r"K-Dur \*20\* mEq"),
        ("a_b `c` ~d~ e|f", r"a\_b \`c\` \~d\~ e\|f"),
        ("![x](y)", r"!\[x\](y)"),
        ("back\\slash", r"back\\slash"),
        ("&lt;b&gt; A&B", r"\&lt;b\&gt; A&B"),
        ("see https://example.org and www.example.org", "see https: //example.org and www .example.org"),
        ("2024. course", r"2024\. course"),
        ("2) then", r"2\) then"),
        ("2.5 mmol/L", "2.5 mmol/L"),
        ("- nested", r"\- nested"),
        ("-0.2 mmol/L", "-0.2 mmol/L"),
        ("# headline", r"\# headline"),
        ("---", r"\---"),
    ],
)
def test_what_means_something_in_markdown_is_shown_as_it_is(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_a_record_without_end_is_cut() -> None:
    assert escaped("x" * 10_000) == "x" * 499 + "…"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("magnesium is low", 16, "magnesium is low"),
        ("magnesium is low", 15, "magnesium is…"),
        ("hypomagnesemia", 6, "hypom…"),
    ],
)
def test_long_lines_are_cut_between_words(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short
    assert len(short) <= limit


def test_a_section_is_a_bold_word_and_bullets() -> None:
    assert section("What to do", ["Measure", "Replace"]) == "**What to do**\n\n- Measure\n- Replace"


def test_a_section_without_lines_is_not_there() -> None:
    assert section("What to do", []) == ""
