"""The exact identity of a launched workload, as launchers hand it out and tables keep it."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Receipt(BaseModel):
    """Enough to find or stop one launched workload and nothing else.

    `identity` holds the launcher's own fields as strings (process: host, boot_id, pid, start_time). `log_file` is
    where the workload's output goes, for people to read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    launcher: str
    workload: str
    key: str
    epoch: int
    identity: Mapping[str, str]
    log_file: str | None = None

    @property
    def called(self) -> str:
        """What people call the workload, such as "process 4711"."""
        return f"{self.launcher} {self.identity.get('pid', self.key)}"
