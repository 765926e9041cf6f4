"""Writes what was measured: JSON rows, a Markdown table and a plot per bench, and the terminal."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from environment import environment
from harness import Result


def json_row(result: Result) -> dict[str, Any]:
    """Times are seconds for one operation, as `unit` names it.

    `ratio` is the quickest peer's median over ours: above 1 ours is ahead. `parts` explain, they
    are no peers. `spread` holds p25 and p75 over the rounds.
    """
    medians = result.medians
    roles = result.roles()
    return {
        "bench": result.case.bench,
        "case": result.case.name,
        "ours_s": medians[result.ours] if result.ours else None,
        "peers": {name: medians[name] for name in result.peers},
        "ratio": result.ratio,
        "unit": result.case.unit,
        "nearest": result.nearest,
        "parts": {name: medians[name] for name, role in roles.items() if role == "part"},
        "spread": {name: quartiles(times) for name, times in result.samples.items()},
        "goals": [
            {
                "text": goal.text,
                "value": goal.value,
                "sense": goal.sense,
                "limit": goal.limit,
                "reached": goal.reached,
            }
            for goal in result.goals
        ],
        "notes": result.notes,
        "missing": result.missing,
        "quick": result.quick,
        "environment": environment(),
    }


def quartiles(times: Sequence[float]) -> tuple[float, float]:
    """p25 and p75."""
    if len(times) < 2:
        return times[0], times[0]
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, high


def markdown(result: Result) -> str:
    """A table of one case: a contestant a line."""
    lines = [
        f"### {result.case.bench}: {result.case.name}",
        "",
        f"{result.case.about} ({result.case.unit}, {_rounds(result)} rounds)"
        + (" **Quick run: a smoke test, not a measurement.**" if result.quick else ""),
        "",
        "| | median | p25 – p75 | min – max | median / ours |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    medians = result.medians
    ours = medians[result.ours] if result.ours else None
    for name, role in result.roles().items():
        times = result.samples[name]
        low, high = quartiles(times)
        label = {"ours": f"**{name}**", "peer": name, "part": f"*{name}*"}[role]
        lines.append(
            f"| {label} | {duration(medians[name])} | {duration(low)} – {duration(high)} "
            f"| {duration(min(times))} – {duration(max(times))} "
            f"| {f'{medians[name] / ours:.2f}' if ours else ''} |"
        )
    lines.append("")
    if result.ratio is not None:
        lines += [f"Ratio {result.ratio:.2f}: {result.nearest} / ours.", ""]
    facts = [
        *map(str, result.goals),
        *(f"{name}: {text}" for name, text in result.notes.items()),
        *(f"not measured: {name}: {reason}" for name, reason in result.missing.items()),
    ]
    return "\n".join(lines + [f"- {fact}" for fact in facts] + ([""] if facts else []))


def write(results: Sequence[Result], bench: str, folder: Path) -> None:
    """`<bench>.json`, `.md` and `.png`; the plot only when matplotlib is there."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json_row(result) for result in results]
    (folder / f"{bench}.json").write_text(json.dumps(rows, indent=1) + "\n")
    tables = "\n".join(map(markdown, results))
    (folder / f"{bench}.md").write_text(f"## {bench}\n\nMeasured on {environment()}.\n\n{tables}")
    try:
        _plot(results, folder / f"{bench}.png")
    except ImportError as error:
        print(f"no plot: {error}")


def duration(seconds: float) -> str:
    """With the unit that keeps it near 1 to 1000."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= scale * 0.9995:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def _rounds(result: Result) -> int:
    return max((len(times) for times in result.samples.values()), default=0)


def _plot(results: Sequence[Result], path: Path) -> None:
    """A bar per contestant and a panel per case; whiskers are p25 and p75."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    heights = [0.35 * len(result.samples) + 0.9 for result in results]
    figure, panels = plt.subplots(
        len(results), figsize=(9, sum(heights)), squeeze=False, height_ratios=heights
    )
    colors = {"ours": "#d1495b", "peer": "#30638e", "part": "#bbbbbb"}
    for panel, result in zip(panels[:, 0], results, strict=True):
        roles = result.roles()
        medians = [result.medians[name] for name in roles]
        spread = [quartiles(result.samples[name]) for name in roles]
        whiskers = [
            [max(0.0, median - low) for median, (low, _) in zip(medians, spread, strict=True)],
            [max(0.0, high - median) for median, (_, high) in zip(medians, spread, strict=True)],
        ]
        bars = panel.barh(
            list(roles), medians, xerr=whiskers, color=[colors[role] for role in roles.values()]
        )
        panel.bar_label(bars, labels=[f" {duration(median)}" for median in medians], fontsize=8)
        panel.invert_yaxis()
        panel.margins(x=0.15)
        panel.set_xlim(left=0)
        panel.set_title(f"{result.case.bench}: {result.case.name}", fontsize=10, loc="left")
        panel.set_xlabel(result.case.unit, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
