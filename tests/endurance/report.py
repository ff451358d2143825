"""`RESULTS.md` of the drills: one section for each part, written anew when its part has run."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.report import Report

FAULTS, FLOODS, FUZZ, PAGES = "Faults", "Floods", "Fuzz", "Pages"
MUTATIONS, RESTARTS, RIGHTS = "Mutations", "Restarts", "Rights"

report = Report(
    Path(__file__).parent / "RESULTS.md",
    "# Endurance\n\nWritten by `make endurance`; each part replaces its own section.",
    (FAULTS, FLOODS, FUZZ, MUTATIONS, PAGES, RESTARTS, RIGHTS),
)
write = report.write
