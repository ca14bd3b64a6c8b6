"""JSON that every reader takes."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from emotion_core.results.files import strict_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_a_number_that_json_has_not_is_null(number: float) -> None:
    assert json.loads(strict_json({"a": [number, {"b": (number, 0.5)}]})) == {"a": [None, {"b": [None, 0.5]}]}


def test_json_is_written_strictly_everywhere() -> None:
    """Python writes NaN as a word that is not JSON, unless it is told not to."""
    lenient = []
    for path in [*(ROOT / "emotion_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("dump", "dumps"):
                strict = any(
                    word.arg == "allow_nan" and isinstance(word.value, ast.Constant) and word.value.value is False
                    for word in node.keywords
                )
                if not strict:
                    lenient.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert lenient == []
