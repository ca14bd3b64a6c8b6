"""Puts the measured figures of the default run into the README: ``python docs/results.py``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emotion_core.results.run import DEFAULT_RUN, Run, find_run  # noqa: E402

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
SHOWN = {
    "accuracy": "accuracy",
    "f1_macro": "F1, macro",
    "cohen_kappa": "Cohen's κ",
    "roc_auc": "ROC AUC, macro",
    "ccc_valence": "CCC, valence",
    "ccc_arousal": "CCC, arousal",
    "rmse_valence": "RMSE, valence (lower is better)",
    "rmse_arousal": "RMSE, arousal (lower is better)",
}


def render(run: Run) -> str:
    """The README's section on the default run."""
    metrics = run.evaluations["affectnet-3999-test"]
    chosen = metrics["chosen_by"]
    lines = [
        f"The run that comes with the repository, `{run.name}`, on the {metrics['images']} test images of AffectNet's 3,999 "
        f"(split 42, fingerprint `{metrics['fingerprint']}`). Its epoch was chosen by {chosen['measure']} on "
        f"{run.info.dataset['val']['images']} validation images; seed {metrics['seed']}.",
        "",
        "| measure | value | 95 % interval over images |",
        "|---|---|---|",
    ]
    for key, title in SHOWN.items():
        measure = metrics["measures"][key]
        lines.append(f"| {title} | {measure['value']:.3f} | {measure['low']:.3f} to {measure['high']:.3f} |")
    lines += [
        "",
        f"`python -m emotion_core evaluate {run.name} --dataset affectnet-3999 --data-root DIR --split test` prints them all.",
    ]
    return "\n".join(lines)


def replace(text: str, section: str) -> str:
    """The README with another section between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(
        replace(readme.read_text(encoding="utf-8"), render(find_run(ROOT / "checkpoints" / DEFAULT_RUN))), encoding="utf-8"
    )
