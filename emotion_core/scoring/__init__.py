"""Many pictures: folders, archives, Parquet files and films into one table, a row a face.

::

    score(["photos/", "shards/*.tar"], "scores/mine", Settings(run="joint/custom_cnn"))
"""

from __future__ import annotations

from emotion_core.scoring.engine import Scored, score
from emotion_core.scoring.worker import Settings

__all__ = ["Scored", "Settings", "score"]
