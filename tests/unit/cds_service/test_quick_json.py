"""The quick way decodes what the closer look decodes, and doubts everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.quick_json import DOUBTFUL, decode_usual
from cds_service.strict_json import StrictJsonError, look_closely

DEPTH = 4

NAMES = st.sampled_from(["a", "b", 'a":', ":", "", "\\u0061", "µ"])
LITERALS = st.sampled_from(
    [
        "0",
        "-0",
        "1.60",
        "1e3",
        "1E400",
        "9" * 30,
        "9" * 31,
        "9" * 41,
        "0." + "1" * 40,
        "-0.0",
        "01",
        "1.",
        "NaN",
        "null",
    ]
)
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=5).map(json.dumps),
    st.sampled_from(['"\\ud800"', '"\\ud83d\\ude00"', '"\\n"', '":"', '"a\\":"', '"\t"', '"\x00"', '"/\\/"']),
)
WHITE = st.sampled_from(["", " ", "\n", "\t ", "\r", "\x0c"])


def array(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, max_size=3).map(lambda inner: f"[{','.join(inner)}]")


def members(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # Names repeat, so some objects have a key twice.
    member = st.builds(lambda name, white, value: f"{json.dumps(name)}{white}:{white}{value}", NAMES, WHITE, of)
    return st.lists(member, max_size=3).map(lambda inner: f"{{{','.join(inner)}}}")


JSON_OR_NEARLY = st.recursive(st.one_of(LITERALS, TEXTS), lambda of: st.one_of(array(of), members(of)), max_leaves=12)


def spelled(value: Any) -> str:
    """The value with its types, so that 1, 1.0 and true differ, and 1.60 from 1.6."""
    return repr(value)


@given(JSON_OR_NEARLY)
def test_what_it_decodes_is_what_the_closer_look_decodes(text: str) -> None:
    quick = decode_usual(text.encode(), max_depth=DEPTH)
    if quick is not DOUBTFUL:
        assert spelled(quick) == spelled(look_closely(text.encode(), max_depth=DEPTH))


@given(st.binary(max_size=12))
def test_it_decodes_no_bytes_that_the_closer_look_refuses(body: bytes) -> None:
    quick = decode_usual(body, max_depth=DEPTH)
    if quick is not DOUBTFUL:
        assert spelled(quick) == spelled(look_closely(body, max_depth=DEPTH))


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType": "Bundle", "entry": [{"resource": {"value": 1.60}}]}',
        b'{\n  "a" : [1, 2.5, "x", null, true],\n  "b": {}\n}',
        b"[[[[1]]]]",
        b"[]",
        b"{}",
    ],
)
def test_an_ordinary_body_needs_no_closer_look(body: bytes) -> None:
    assert decode_usual(body, max_depth=DEPTH) is not DOUBTFUL


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a" : 1, "\\u0061": 1}',
        b'{"x": {"id" :1,"id":":"}, "y": ":"}',
        b"[[[[[1]]]]]",
        b"[1e3]",
        b"[" + b"9" * 41 + b"]",
        b"9" * 41,
        b'"text"',
        b"[" + b"9" * 5000 + b"]",
        b"[" * 100_000,
        b'["\\ud800"]',
        b'["\xb5"]',
        b"NaN",
        b"",
    ],
)
def test_what_is_refused_or_rare_is_doubted(body: bytes) -> None:
    assert decode_usual(body, max_depth=DEPTH) is DOUBTFUL


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b"[[[[[1]]]]]", b'["\\ud800"]'])
def test_the_closer_look_refuses_it(body: bytes) -> None:
    with pytest.raises(StrictJsonError):
        look_closely(body, max_depth=DEPTH)
