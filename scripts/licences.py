"""Writes ``docs/licences.md``: what an installation of the app brings along, and under which licence. ``make licences``.

Names and licences are those that the installed packages state of themselves, from ``requirements.txt`` to the last dependency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
RESERVED = re.compile(r"GPL|MPL|Mozilla|Proprietary|not stated", re.I)
"""Marks of licences that ask for more than to be passed on."""
HEAD = """\
# Licences

The code of this repository is [MIT](https://opensource.org/license/mit). What `pip install -r requirements.txt` brings along on
Linux is listed here with the licence that each package states of itself (`make licences`).

**Read first.** Most are under permissive licences. These are not, or do not say:

{reserved}

`krippendorff` computes the alpha that evaluations store. Whoever passes on an installation that includes it, such as a
container image, passes it on under the GPL-3.0, which the MIT licence of this code allows. Whoever runs the program, for
themselves or on a server, passes nothing on. The NVIDIA libraries come with PyTorch on Linux; its builds for CPUs alone do
without.

The networks that come with the repository have terms of their own: they were trained on pictures for non-commercial research,
see [Datasets](datasets.md). The YuNet face detector, which comes with the package, is MIT.

| package | licence | what it is |
|---|---|---|
"""


def required(names: Iterable[str]) -> dict[str, Distribution]:
    """The installed packages that these lead to, themselves included, by normalised name."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(name), "") for name in names]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"'{name}' is not installed; install requirements.txt first.") from None
        for wanted in ("", *requirement.extras):
            waiting += [(Requirement(text), wanted) for text in package.requires or [] if name not in found or wanted]
        found[name] = package
    return found


def stated_licence(package: Distribution) -> str:
    """Its SPDX expression, else its classifiers, else the first line of its licence field."""
    fields = package.metadata
    if expression := fields["License-Expression"]:
        return expression
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in fields.get_all("Classifier") or []
        if text.startswith("License :: OSI Approved ::")
    ]
    return " and ".join(classifiers) or (fields["License"] or "").strip().partition("\n")[0] or "not stated"


def render() -> str:
    """The page."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    packages = sorted(required(filter(None, lines)).items())
    stated = {name: stated_licence(package) for name, package in packages}
    named = {text: [name for name in stated if stated[name] == text] for text in stated.values() if RESERVED.search(text)}
    reserved = [f"- {text}: {', '.join(f'`{name}`' for name in names)}" for text, names in sorted(named.items())]
    rows = [
        f"| [{name}](https://pypi.org/project/{name}/) | {stated[name]} | {_summary(package)} |" for name, package in packages
    ]
    return HEAD.format(reserved="\n".join(reserved)) + "\n".join(rows) + "\n"


def _summary(package: Distribution) -> str:
    return (package.metadata["Summary"] or "").strip().replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
