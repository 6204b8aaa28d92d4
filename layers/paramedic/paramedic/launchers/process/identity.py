"""One exact process, for ever: what a receipt of the process launcher holds."""

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import FENCING_ON_HOST
from paramedic.launchers.process.host import Host
from paramedic.launchers.process.procfs import ProcessStat
from paramedic.state.receipt import Receipt
from paramedic.validation import validated

LAUNCHER = "process"


class ProcessIdentity(BaseModel):
    """Where a process ran and which one it was; `scope` is whose epoch fenced its launch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    boot_id: str
    pid_namespace: str
    pid: int = Field(gt=0)
    start_time: int = Field(ge=0)
    scope: str

    def is_process(self, stat: ProcessStat | None) -> bool:
        """True when `stat` shows this very process, alive: the same number later is another one."""
        return stat is not None and stat.start_time == self.start_time and not stat.gone


def make_receipt(host: Host, stat: ProcessStat, *, workload: str, scope: str, epoch: int, key: str) -> Receipt:
    """The receipt for the process `stat` shows on `host`."""
    identity = ProcessIdentity(
        host=host.name,
        boot_id=host.boot_id,
        pid_namespace=host.pid_namespace,
        pid=stat.pid,
        start_time=stat.start_time,
        scope=scope,
    )
    fields = {name: str(value) for name, value in identity.model_dump().items()}
    return Receipt(launcher=LAUNCHER, workload=workload, key=key, epoch=epoch, identity=fields)


def identity_of(receipt: Receipt) -> ProcessIdentity:
    """The process a receipt names. What launcher `ssm` started is one too, on an instance that it names besides.

    Raises:
        InvalidInputError: it is another launcher's receipt, or its identity is malformed.
    """
    if receipt.launcher not in FENCING_ON_HOST:
        raise InvalidInputError("receipt.launcher", receipt.launcher, f"not a receipt of launcher {LAUNCHER!r}")
    fields = {name: value for name, value in receipt.identity.items() if name != "instance"}
    return validated(ProcessIdentity, fields, root="receipt.identity")
