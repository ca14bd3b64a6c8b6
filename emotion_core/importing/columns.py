"""Which column of somebody's results means what, told by its name; where names do not say, that is said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pandas as pd

from emotion_core.errors import ResultsError, did_you_mean
from emotion_core.labels import AFFECT, AFFECTNET, EXPRESSIONS, FER2013, FERPLUS_VOTES, RAF_DB, expression_name
from emotion_core.texts import listing, shorten

ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "affectnet": tuple(AFFECTNET.values()),
        "affectnet7": tuple(AFFECTNET.values())[:7],
        "fer2013": tuple(FER2013.values()),
        "ferplus": FERPLUS_VOTES[:8],
        "raf-db": tuple(RAF_DB.values()),
        "alphabetical": tuple(sorted(EXPRESSIONS)),
        "alphabetical7": tuple(sorted(set(EXPRESSIONS) - {"contempt"})),
    }
)
"""Usual orders of expressions in the outputs of networks, by the name that ``--classes`` takes."""

TITLES = MappingProxyType(
    {
        "affectnet": "AffectNet's",
        "affectnet7": "AffectNet's without contempt",
        "fer2013": "FER-2013's",
        "ferplus": "FER+'s",
        "raf-db": "RAF-DB's",
        "alphabetical": "the alphabetical",
        "alphabetical7": "the alphabetical without contempt",
    }
)
"""What an order is called in a sentence, before the word "order"."""

ROLES = ("image", *EXPRESSIONS, "label", *AFFECT, "truth", *(f"true_{name}" for name in AFFECT))
"""What a column can be: the name of the image, a probability or logit of an expression, a predicted expression, predicted
valence and arousal, and what is true of the image."""

_IMAGE = (
    *("sample_id", "image", "image_path", "image_name", "image_file", "img", "img_path", "img_name", "filename", "file_name"),
    *("file", "filepath", "file_path", "path", "name", "picture", "photo", "image_id", "sample", "id", "key", "source"),
)
_LABEL = (
    *(
        "pred",
        "prediction",
        "predicted",
        "pred_label",
        "predicted_label",
        "label_pred",
        "pred_class",
        "predicted_class",
        "y_pred",
    ),
    *("predicted_expression", "pred_expression", "expression_pred", "predicted_emotion", "pred_emotion", "dominant_emotion"),
    *("top_1", "output", "answer"),
)
_EITHER = ("label", "labels", "expression", "emotion", "class", "category")
"""The predicted or the true expression, whichever no other column is."""
_TRUTH = (
    *(
        "truth",
        "true",
        "true_label",
        "label_true",
        "y_true",
        "y",
        "target",
        "targets",
        "gt",
        "ground_truth",
        "gt_label",
        "actual",
    ),
    *("annotation", "true_expression", "expression_true", "true_emotion", "reference"),
)
_LOGITS = frozenset({"logit", "logits"})
_AFFIXES = _LOGITS | {
    *(
        "prob",
        "probs",
        "probability",
        "probabilities",
        "p",
        "score",
        "scores",
        "softmax",
        "conf",
        "confidence",
        "pred",
        "preds",
    ),
    *(
        "prediction",
        "predictions",
        "output",
        "outputs",
        "out",
        "emotion",
        "emotions",
        "expression",
        "expressions",
        "expr",
        "class",
    ),
    *("value", "y", "hat", "face", "faces", "emot"),
}
_PREDICTED = frozenset({"pred", "predicted", "prediction", "hat", "output", "out", "y"})
_TRUE = frozenset({"true", "truth", "gt", "target", "label", "annotated", "actual"})
_MORE_WORDS = MappingProxyType({"joy": "happiness", "scared": "fear", "surprize": "surprise", "neutrality": "neutral"})


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the columns of a table mean.

    Attributes:
        image: the one that names the image.
        scores: columns of probabilities or logits, by expression.
        label: of predicted expressions.
        affect: of predicted ``"valence"`` and ``"arousal"``, by name.
        truth: of true expressions.
        true_affect: of true valence and arousal, by name.
        logits: whether ``scores`` are logits, which the softmax makes probabilities of.
        classes: expressions that numbers in ``label`` or ``truth`` mean, from 0 on; empty where these are words.
        unsure: what the names do not say, a sentence each.
    """

    image: str = ""
    scores: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    affect: Mapping[str, str] = field(default_factory=dict)
    truth: str = ""
    true_affect: Mapping[str, str] = field(default_factory=dict)
    logits: bool = False
    classes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    def roles(self) -> dict[str, str]:
        """Every column that means something, by one of :data:`ROLES`."""
        found = {"image": self.image, **self.scores, "label": self.label, **self.affect, "truth": self.truth}
        found |= {f"true_{name}": column for name, column in self.true_affect.items()}
        return {role: column for role, column in found.items() if column}


def read_classes(text: str) -> tuple[str, ...]:
    """Expressions in the order of a network's outputs.

    Args:
        text: a name in :data:`ORDERS`, or the expressions themselves, separated by commas.

    Raises:
        ResultsError: it is neither.

    Example:
        >>> read_classes("fer2013")[:2], read_classes("Happy, sad")
        (('anger', 'disgust'), ('happiness', 'sadness'))
    """
    key = text.strip().lower()
    if key in ORDERS:
        return ORDERS[key]
    words = [word.strip() for word in text.split(",")]
    found = [expression_of(word) for word in words]
    for word, name in zip(words, found, strict=True):
        if name is None:
            guess = did_you_mean(word.lower(), [*EXPRESSIONS, *ORDERS])
            raise ResultsError(
                f"'{shorten(word)}' is no expression.{guess} Classes are named by one of {', '.join(ORDERS)}, or as a list "
                "such as neutral,happy,sad."
            )
    names = tuple(name for name in found if name is not None)
    if len(set(names)) < len(names):
        raise ResultsError(f"The classes '{shorten(text)}' name an expression twice.")
    return names


def guess_columns(
    table: pd.DataFrame,
    *,
    given: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    logits: bool | None = None,
) -> Columns:
    """What the columns of a table mean.

    Args:
        table: as :func:`~emotion_core.importing.reading.read_results` gives it.
        given: columns by role, which need no guessing; an empty name says that there is no such column.
        classes: expressions in the order of numbered columns, and of numbers that stand for labels.
        logits: whether the columns of expressions are logits; told by their names by default.

    Raises:
        ResultsError: ``given`` names an unknown role, or a column that is not there.
    """
    given = dict(given or {})
    _check_given(table, given)
    names = [str(name) for name in table.columns]
    free = [name for name in names if name not in given.values()]
    unsure: list[str] = []
    scores, said_logits = _scores(free, names, tuple(classes), logits, unsure)
    scores = {name: given.get(name, scores.get(name, "")) for name in EXPRESSIONS}
    scores = {name: column for name, column in scores.items() if column}
    free = [name for name in free if name not in scores.values()]
    affect, true_affect = _affect(free)
    image, label, truth = (_first(free, words) for words in (_IMAGE, _LABEL, _TRUTH))
    either = _first(free, _EITHER)
    if not label and not scores:
        label, either = either, ""
    if not truth:
        truth = either
    found = Columns(
        image=given.get("image", image),
        scores=scores,
        label=given.get("label", "" if scores else label),
        affect={name: column for name in AFFECT if (column := given.get(name, affect.get(name, "")))},
        truth=given.get("truth", truth),
        true_affect={name: column for name in AFFECT if (column := given.get(f"true_{name}", true_affect.get(name, "")))},
        logits=said_logits if logits is None else logits,
        classes=tuple(classes),
    )
    # Classes that are given for numbered columns name the network's outputs as well.
    return replace(found, unsure=tuple(unsure) if unsure and found.image else (*_questions(found, table), *unsure))


def _check_given(table: pd.DataFrame, given: Mapping[str, str]) -> None:
    for role, column in given.items():
        if role not in ROLES:
            raise ResultsError(
                f"A column cannot be '{shorten(role)}'.{did_you_mean(role, ROLES)} It can be {', '.join(ROLES)}."
            )
        if column and column not in table.columns:
            guess = did_you_mean(column, map(str, table.columns))
            raise ResultsError(f"There is no column '{shorten(column)}'.{guess} There are: {_listed(table)}.")


def _questions(found: Columns, table: pd.DataFrame) -> list[str]:
    asked = []
    if not found.image:
        asked.append(f"Which column names the image? There are: {_listed(table)}.")
    if not found.scores and not found.label and not found.affect:
        asked.append(f"Which columns hold what the network predicts? There are: {_listed(table)}.")
    if found.label and not found.classes and _all_numbers(table[found.label]):
        asked.append(
            f"'{shorten(found.label)}' holds numbers: which expression is which? Name the classes in order, such as "
            f"{', '.join(ORDERS)}, or as a list."
        )
    return asked


def _all_numbers(values: pd.Series) -> bool:
    return bool(pd.to_numeric(values.head(1000), errors="coerce").notna().all())


def _listed(table: pd.DataFrame) -> str:
    names = [shorten(str(name), 30) for name in table.columns]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _words(name: str) -> list[str]:
    """Words and numbers that a column's name is made of.

    Example:
        >>> _words("probHappiness"), _words("p3"), _words("faces.0.probabilities.happy")
        (['prob', 'happiness'], ['p', '3'], ['faces', '0', 'probabilities', 'happy'])
    """
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return re.findall(r"[^\W\d_]+|\d+", apart.lower())


def expression_of(word: str) -> str | None:
    """The expression that a word means; ``None`` where it is none."""
    text = word.strip().lower()
    try:
        return expression_name(_MORE_WORDS.get(text, text))
    except ValueError:
        return None


def _first(names: Sequence[str], words: Sequence[str]) -> str:
    """The column with the earliest of some names; empty where there is none."""
    by_words = {"_".join(_words(name)): name for name in reversed(names)}
    return next((by_words[word] for word in words if word in by_words), "")


def _scores(
    free: Sequence[str], names: Sequence[str], classes: tuple[str, ...], logits: bool | None, unsure: list[str]
) -> tuple[dict[str, str], bool]:
    """Columns of probabilities or logits by expression, and whether their names say that they are logits."""
    families: dict[tuple[str, ...], dict[str, str]] = {}
    numbered: dict[tuple[str, ...], dict[int, str]] = {}
    for name in free:
        words = _words(name)
        said = [found for word in words if (found := expression_of(word)) is not None]
        rest = tuple(word for word in words if expression_of(word) is None)
        if len(said) == 1 and all(word in _AFFIXES or word == "0" for word in rest):
            families.setdefault(rest, {}).setdefault(said[0], name)
        elif not said and rest and rest[-1].isdigit() and all(word in _AFFIXES for word in rest[:-1]):
            numbered.setdefault(rest[:-1], {})[int(rest[-1])] = name
    for rest, columns in numbered.items():
        first = min(columns)
        if first not in (0, 1) or sorted(columns) != list(range(first, first + len(columns))) or not 2 <= len(columns) <= 8:
            continue
        ordered = [columns[number] for number in sorted(columns)]
        if len(classes) == len(ordered):
            families[rest] = dict(zip(classes, ordered, strict=True))
        elif not any(len(family) > 1 for family in families.values()):
            unsure.append(
                f"The columns {shorten(ordered[0])} to {shorten(ordered[-1])} are numbered: which expression is which? Name "
                f"the {len(ordered)} classes in order, as a list or as one of {', '.join(ORDERS)}."
            )
    # One column with the name of an expression says little; it may as well be a mark of something else.
    families = {rest: family for rest, family in families.items() if len(family) > 1}
    if not families:
        return {}, False
    wanted = {rest: bool(_LOGITS & set(rest)) for rest in families}
    if logits is not None and logits in wanted.values():
        families = {rest: family for rest, family in families.items() if wanted[rest] == logits}
    elif False in wanted.values():
        families = {rest: family for rest, family in families.items() if not wanted[rest]}
    most = max(len(family) for family in families.values())
    best = [rest for rest, family in families.items() if len(family) == most]
    if len(best) > 1:
        shown = listing([next(iter(families[rest].values())) for rest in best])
        unsure.append(f"Several groups of columns could be the probabilities: those like {shown}. Say which.")
    return families[best[0]], wanted[best[0]]


def _affect(free: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Columns of predicted and of true valence and arousal; a plain name is the prediction where no other is."""
    predicted: dict[str, str] = {}
    true: dict[str, str] = {}
    plain: dict[str, str] = {}
    for name in free:
        words = _words(name)
        for place, axis in enumerate(AFFECT):
            rest = set(words) - {axis}
            if axis in words and rest & _TRUE and rest <= _TRUE:
                true.setdefault(axis, name)
            elif axis in words and rest and rest <= _PREDICTED | _AFFIXES | {"0"}:
                predicted.setdefault(axis, name)
            elif words in ([axis], [axis[0]], ["affect", str(place)], ["va", str(place)]):
                plain.setdefault(axis, name)
    for axis, name in plain.items():
        (true if axis in predicted else predicted).setdefault(axis, name)
    return predicted, true
