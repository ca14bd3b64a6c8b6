"""The documents as a site: Sphinx reads the Markdown files here and the docstrings of the package. ``make site`` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emotion_core import __version__  # noqa: E402 - found by the line above

project = "emotion_core"
release = __version__
language = "en"
extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "emotion_core"
html_favicon = "../pages/shared/icon.svg"

# A page for each package, from the docstrings of its modules.
apidoc_modules = [
    {
        "path": "../emotion_core",
        "destination": "reference",
        "module_first": True,
        "exclude_patterns": ["../emotion_core/__main__.py"],
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_default_options = {"ignore-module-all": True}  # what a package only passes on stands where it is defined
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
myst_heading_anchors = 3
