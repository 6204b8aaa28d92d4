"""One pass over all planned downtimes. Twice, late or never: the next one finds the same and does the same."""

import logging

from paramedic.downtime.of_controllers import keep_controller
from paramedic.downtime.of_services import keep_service
from paramedic.downtime.of_targets import keep_target
from paramedic.downtime.surroundings import Surroundings
from paramedic.errors import ParamedicError
from paramedic.health.readable_rows import read_readable
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.transactions import ConditionFailedError

LOG = logging.getLogger(__name__)


class DowntimeError(ParamedicError):
    """Some planned downtimes could not be kept; all others were."""


def keep_downtimes(around: Surroundings) -> int:
    """Do what is due now for every service, controller and target with a planned downtime; how many there are.

    Raises:
        DowntimeError: rows that cannot be understood or written; it names them.
        StateUnreachableError: the rows could not be read.
    """
    readable = read_readable(PlannedDowntime, PARTITION, "item")
    of_targets = read_readable(TargetDowntime, WINDOWS_BUCKET, "target_id")
    failed = [f"{key}: cannot be read" for key in (*readable.invalid, *of_targets.invalid)]
    rows: list[PlannedDowntime | TargetDowntime] = [*readable.rows, *of_targets.rows]
    for row in rows:
        try:
            _keep(row, around)
        except ConditionFailedError as error:
            LOG.info("%s was changed meanwhile and is left to the next pass: %s", row.key_text(), error)
        except ParamedicError as error:
            failed.append(f"{row.key_text()}: {error}")
    if failed:
        raise DowntimeError(f"not kept: {'; '.join(failed)}")
    return len(rows)


def _keep(row: PlannedDowntime | TargetDowntime, around: Surroundings) -> None:
    if isinstance(row, TargetDowntime):
        keep_target(row, around)
    else:
        keep = keep_service if row.service else keep_controller
        keep(row, around)
