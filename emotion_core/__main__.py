"""``python -m emotion_core``."""

from __future__ import annotations

import sys

from emotion_core.cli import main

sys.exit(main())
