"""What `tieout setup` prints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cli.setup.permissions import by_label, dashboard_link
from cli.setup.steps import SetupReport, SetupStep, StepState

MARKS = {StepState.OK: "ok  ", StepState.NOTE: "note", StepState.FAIL: "FAIL"}
LABEL_CHARS = 28


def permission_lines(permissions: Sequence[Mapping[str, Any]], *, livemode: bool) -> Iterator[str]:
    """The permissions of the app's key."""
    yield "The restricted key of the app needs exactly these permissions:"
    for label, access, why in by_label(permissions):
        yield f"  {label:<{LABEL_CHARS}}{access:<6} {why}"
    yield "This page of Stripe has them chosen; compare it with the list:"
    yield f"  {dashboard_link(permissions, livemode=livemode)}"


def step_lines(steps: Sequence[SetupStep]) -> Iterator[str]:
    """The steps, each with what to do."""
    for step in steps:
        yield f"{MARKS[step.state]} {step.name}: {step.text}"
        if step.remedy:
            yield f"     {step.remedy}"


def checks_as_steps(ready: Mapping[str, Any]) -> list[SetupStep]:
    """The answer of `/api/ready`."""
    steps = [
        SetupStep(
            str(check["name"]),
            state_of(check),
            str(check["problem"]) or "ready",
            str(check.get("remedy", "")),
        )
        for check in ready.get("checks", ())
    ]
    if "message" in ready:
        steps.append(SetupStep("settings", StepState.FAIL, str(ready["message"])))
    return steps


def state_of(check: Mapping[str, Any]) -> StepState:
    """An advice is worth knowing; the app is ready in spite of it."""
    if not check["problem"]:
        return StepState.OK
    return StepState.NOTE if check.get("advice") else StepState.FAIL


def summary(report: SetupReport, ready: Mapping[str, Any]) -> str:
    """The last line."""
    failed = [step.name for step in report.steps if step.state is StepState.FAIL]
    problems = [step.name for step in checks_as_steps(ready) if step.state is StepState.FAIL]
    if report.dry_run:
        return "Nothing was changed (--dry-run)."
    if not failed and ready.get("status") == "ready":
        return "Set up: the app is ready."
    left = ", ".join(dict.fromkeys([*failed, *problems])) or "ask tieout ready"
    return f"Left to do: {left}"


def restart_lines(report: SetupReport) -> Iterator[str]:
    """After a secret was stored, or has to be."""
    if report.stored_in or report.signing_secret:
        yield (
            "The app reads a changed secret at a restart, else within a day: az functionapp "
            "restart --resource-group GROUP --name APP. Then run tieout setup again: it changes "
            "nothing that is right."
        )


def as_json(
    report: SetupReport, facts: Mapping[str, Any], ready: Mapping[str, Any], *, livemode: bool
) -> dict[str, Any]:
    """All of it for machines. `signing_secret` is there only where nobody else keeps it."""
    plan = report.plan
    found: dict[str, Any] = {
        "dry_run": report.dry_run,
        "version": facts["version"],
        "permissions": [
            {"label": label, "access": access, "why": why}
            for label, access, why in by_label(facts["permissions"])
        ],
        "dashboard": dashboard_link(facts["permissions"], livemode=livemode),
        "endpoint": None
        if plan is None
        else {
            "id": report.endpoint_id,
            "action": plan.action,
            "changes": list(plan.changes),
        },
        "stored_in": report.stored_in,
        "steps": [asdict(step) for step in report.steps],
        "ready": ready,
        "summary": summary(report, ready),
    }
    if report.signing_secret:
        found["signing_secret"] = report.signing_secret
    return found
