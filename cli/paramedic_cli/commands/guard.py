"""`paramedic guard`: have what is no controller of Paramedic's recovered too, beginning with being observed."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import typer

from paramedic.clock import Clock, SystemClock
from paramedic.errors import InvalidInputError
from paramedic.health.target_files import WrittenTarget
from paramedic.health.url_targets import UrlTarget
from paramedic.recovery.messages import Checked, Status
from paramedic.state.target_registry import change_profile
from paramedic.state.targets import Target, bucket_of
from paramedic.validation import validated
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.output import answer, say
from paramedic_cli.putting_targets import put_target
from paramedic_cli.recovery_client import RecoveryFunctionError, ask_check, send, verb

LONGEST_NAME = 63


def guard(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="What says that it is well: http, https, tcp or tls")],
    restart: Annotated[
        str,
        typer.Option(
            "--restart",
            metavar="WHAT",
            help="A launcher profile, or ssm:INSTANCE:UNIT, ecs:CLUSTER/SERVICE, ec2:INSTANCE, "
            "kubernetes:NAMESPACE/DEPLOYMENT, webhook:NAME",
        ),
    ],
    actor: Actor,
    name: Annotated[
        str | None, typer.Option("--name", help="What the target is called; after its URL by default")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with what is done")] = "guarded from now on",
) -> None:
    """Have a URL checked, and what serves it relaunched when it is dead or hung; at first it is only observed."""
    wanted = validated(UrlTarget, {"name": name or name_of(url), "url": url}, root="target")
    stack = chosen_stack(context)
    target_id, clock = wanted.target_id, SystemClock()
    before = _registered(wanted)
    found = ask_check(stack, target_id, None if before is not None else url, restart)
    for line in found.seen:
        answer(line)
    if found.problems or found.profile is None:
        _refuse(found)
    if before is None:
        answer(f"{target_id} {put_target(WrittenTarget(wanted), actor, clock)}")
    reply = send(stack, verb("guard", target_id, actor, reason, restart=restart))
    if reply.status is not Status.DONE:
        raise RecoveryFunctionError(f"{target_id} was not guarded: {reply.message}")
    _use(target_id, str(found.profile), clock)


def name_of(url: str) -> str:
    """What a target is called that nobody gave a name: the host and port of its URL, such as 10-0-3-7-8000."""
    netloc = urlsplit(url).netloc.rpartition("@")[2].lower()
    return re.sub(r"[^a-z0-9]+", "-", netloc).strip("-")[:LONGEST_NAME].rstrip("-")


def _registered(wanted: UrlTarget) -> Target | None:
    row = Target.read(bucket_of(wanted.target_id), wanted.target_id)
    if row is not None and row.url != wanted.url:
        problem = f"is checked as {wanted.target_id} at {row.url}: give another --name, or change it by `target add`"
        raise InvalidInputError("URL", wanted.url, problem)
    return row


def _refuse(found: Checked) -> None:
    for problem in found.problems:
        say(f"error: {problem}")
    for line in found.add:
        say(f"  {line}")
    say(f"nothing was changed; {found.target} is not guarded")
    raise typer.Exit(1)


def _use(target_id: str, profile: str, clock: Clock) -> None:
    change_profile(target_id, profile, clock)
    row = Target.read(bucket_of(target_id), target_id)
    mode = "observe" if row is None else row.mode
    answer(f"{target_id} is guarded by profile {profile}, in mode {mode}")
    for line in (
        "paramedic report                        what would have been done since",
        f"paramedic target mode {target_id} ask   people are sent the plan and one yes carries it out; then: auto",
        f"paramedic drill {target_id} --reason WHY   really ends it once, to see it come back and how long that takes",
        f"paramedic recover {target_id} --reason WHY   when it is down and you want it back now",
    ):
        answer(f"  {line}")
