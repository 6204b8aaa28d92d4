"""Reading receipts: a launcher acts on its own only, and says so of others."""

from pydantic import BaseModel

from paramedic.launchers.interface import Description, LauncherError, RunState, StopOutcome, StopResult
from paramedic.launchers.marks import Marks
from paramedic.state.receipt import Receipt
from paramedic.validation import validated


def identity_in[M: BaseModel](receipt: Receipt, model: type[M]) -> M:
    """What exactly a receipt names.

    Raises:
        InvalidInputError: its identity is malformed.
    """
    return validated(model, dict(receipt.identity), root="receipt.identity")


def make_receipt(launcher: str, identity: BaseModel, *, workload: str, key: str, epoch: int) -> Receipt:
    """The receipt for what `identity` names."""
    fields = identity.model_dump(mode="json", exclude_none=True)
    texts = {name: str(value) for name, value in fields.items()}
    return Receipt(launcher=launcher, workload=workload, key=key, epoch=epoch, identity=texts)


def elsewhere(receipt: Receipt, launcher: str) -> Description | None:
    """What can be said of another launcher's receipt; None for one of `launcher`'s."""
    if receipt.launcher == launcher:
        return None
    detail = (
        f"{receipt.called} was started by launcher {receipt.launcher!r} and launcher {launcher!r} cannot look at it: "
        "ask there, or have a person confirm that it is gone"
    )
    return Description(state=RunState.ELSEWHERE, detail=detail)


def not_its_own(receipt: Receipt, what: str) -> Description:
    """For a receipt, perhaps spoilt, that names what was not launched under its key: nobody acts on that."""
    detail = f"{what} does not show that it was launched as {receipt.key!r}"
    return Description(state=RunState.UNKNOWN, detail=detail)


def require_named(known: Marks | None, workload: str, key: str, what: str) -> Marks:
    """The marks of `what` was made under `key`, which say so.

    Raises:
        LauncherError: they do not. It is there all the same, which is not the same as that nothing was started.
    """
    if known is None or (known.workload, known.key) != (workload, key):
        raise LauncherError(f"{what} was started under {key!r} of {workload!r} and does not say so")
    return known


def there(what: str) -> Description:
    """For what was launched where the launcher's profile does not look."""
    return Description(
        state=RunState.ELSEWHERE, detail=f"it ran in {what}: ask there, or have a person confirm its end"
    )


def unconfirmed(detail: str) -> StopResult:
    """Nobody knows whether it will act again."""
    return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=detail)


def stopped(detail: str) -> StopResult:
    """It will never act again."""
    return StopResult(outcome=StopOutcome.STOPPED, detail=detail)
