"""``spandraft doctor`` prints the findings of `app.doctor`, a line each; exit 1 if something does not work."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from app.commands.options import DRAFTERS, MODEL, add_common
from app.commands.terminal import Terminal
from app.config.settings import Settings


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``doctor``."""
    doctor = commands.add_parser("doctor", help="look at versions, device, models and corpora")
    add_common(doctor, (*MODEL, *DRAFTERS, "encoder"))
    doctor.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.doctor.examine import examine

    findings = []
    for finding in examine(settings):
        findings.append(finding)
        if not terminal.json:
            remedy = f"  -> {finding.hint}" if finding.hint else ""
            terminal.line(f"{finding.status:4}  {terminal.bold(finding.check)}: {finding.detail}{remedy}")
    failed = any(finding.status == "fail" for finding in findings)
    if terminal.json:
        checks = [
            {"check": finding.check, "status": finding.status, "detail": finding.detail, "hint": finding.hint}
            for finding in findings
        ]
        terminal.document({"healthy": not failed, "checks": checks})
    return 1 if failed else 0
