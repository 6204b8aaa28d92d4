"""`paramedic update`, `scale` and `restart`: changes to services that are there, and waiting for how they end."""

from pathlib import Path
from typing import Annotated

import typer

from paramedic.clock import Clock, SystemClock
from paramedic.services import changes
from paramedic.services.changes import Changed
from paramedic.services.progress import Outcome, Progress, read_progress
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.services.update_strategy import UpdateMode
from paramedic_cli.commands.failed_controller import offer_recovery
from paramedic_cli.commands.options import Actor, ControllerOption, chosen_stack
from paramedic_cli.commands.services import only_controller, read_service
from paramedic_cli.output import answer, say
from paramedic_cli.usage import UsageError

LOOK_SECONDS = 1.0

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name")]
Wait = Annotated[bool, typer.Option("--wait", help="Return once it is done, failed or superseded; exit 0 if done")]


def update(
    context: typer.Context,
    spec_file: Annotated[
        Path, typer.Argument(metavar="SERVICE.yaml", exists=True, dir_okay=False, help="The service's new description")
    ],
    actor: Actor,
    mode: Annotated[
        UpdateMode | None, typer.Option("--mode", help="How, whatever service.update.mode says in the file")
    ] = None,
    controller: ControllerOption = None,
    wait: Wait = False,
) -> None:
    """Ask for another version of a service; replicas are replaced where the new version would run differently."""
    spec = read_service(spec_file)
    if mode is not None:
        strategy = spec.service.update.model_copy(update={"mode": mode})
        spec = spec.model_copy(update={"service": spec.service.model_copy(update={"update": strategy})})
    chosen_stack(context)
    owner = controller or only_controller()
    changed = changes.update(owner, spec, actor, clock=SystemClock())
    _report(spec.name, changed)
    offer_recovery(context, owner, spec.name, actor)
    if wait:
        _wait(owner, spec.name, changed)


def scale(
    context: typer.Context,
    service: Service,
    *,
    actor: Actor,
    replicas: Annotated[int | None, typer.Option("--replicas", help="So many, where the number is fixed")] = None,
    minimum: Annotated[int | None, typer.Option("--min", help="At least so many, where requests decide")] = None,
    maximum: Annotated[int | None, typer.Option("--max", help="At most so many, where requests decide")] = None,
    controller: ControllerOption = None,
    wait: Wait = False,
) -> None:
    """Ask for more or fewer replicas; none that stays is replaced."""
    chosen_stack(context)
    owner = controller or only_controller()
    changed = changes.scale(
        owner, service, lambda policy: scaled(policy, replicas, minimum, maximum), actor, clock=SystemClock()
    )
    _report(service, changed)
    offer_recovery(context, owner, service, actor)
    if wait:
        _wait(owner, service, changed)


def restart(
    context: typer.Context,
    service: Service,
    actor: Actor,
    controller: ControllerOption = None,
    wait: Wait = False,
) -> None:
    """Ask for every replica to be replaced by a fresh one, in the way the service is updated."""
    chosen_stack(context)
    owner = controller or only_controller()
    changed = changes.restart(owner, service, actor, clock=SystemClock())
    _report(service, changed)
    offer_recovery(context, owner, service, actor)
    if wait:
        _wait(owner, service, changed)


def scaled(policy: ReplicaPolicy, replicas: int | None, minimum: int | None, maximum: int | None) -> ReplicaPolicy:
    """`policy` with other numbers.

    Raises:
        UsageError: they are not the ones this kind of policy has.
        InvalidInputError: they contradict each other.
    """
    if policy.is_fixed:
        if replicas is None or minimum is not None or maximum is not None:
            raise UsageError("--replicas: the service has a fixed number of replicas; give the new one, and no bounds")
        return policy.with_bounds(replicas, None)
    if replicas is not None or (minimum is None and maximum is None):
        raise UsageError("--min, --max: the service is scaled by its figures; give one or both, and not --replicas")
    return policy.with_bounds(
        policy.min_replicas if minimum is None else minimum, policy.maximum if maximum is None else maximum
    )


def _report(service: str, changed: Changed) -> None:
    answer(
        f"service {service} is wanted at version {changed.version} (revision {changed.revision}); "
        "`paramedic status` shows how far it is"
    )


def _wait(controller_id: str, service: str, changed: Changed) -> None:
    progress = await_outcome(controller_id, service, changed, SystemClock())
    answer(f"revision {changed.revision}: {progress.outcome}: {progress.detail}")
    if progress.outcome is not Outcome.DONE:
        raise typer.Exit(1)


def await_outcome(controller_id: str, service: str, changed: Changed, clock: Clock) -> Progress:
    """How the change ended, once it has; what happens until then is told as it changes.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the change goes on all the same.
    """
    told = ""
    while True:
        progress = read_progress(controller_id, service, changed.uid, changed.revision)
        if progress.outcome is not Outcome.PENDING:
            return progress
        if progress.detail != told:
            told = progress.detail
            say(told)
        clock.sleep(LOOK_SECONDS)
