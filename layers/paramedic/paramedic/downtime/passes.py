"""One pass over all planned downtimes. Twice, late or never: the next one finds the same and does the same."""

import logging

from paramedic.downtime.of_controllers import keep_controller
from paramedic.downtime.of_services import keep_service
from paramedic.downtime.surroundings import Surroundings
from paramedic.errors import ParamedicError
from paramedic.health.readable_rows import read_readable
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.transactions import ConditionFailedError

LOG = logging.getLogger(__name__)


class DowntimeError(ParamedicError):
    """Some planned downtimes could not be kept; all others were."""


def keep_downtimes(around: Surroundings) -> int:
    """Do what is due now for every service and controller with a planned downtime; how many there are.

    Raises:
        DowntimeError: rows that cannot be understood or written; it names them.
        StateUnreachableError: the rows could not be read.
    """
    readable = read_readable(PlannedDowntime, PARTITION, "item")
    failed = [f"{item}: cannot be read" for item in readable.invalid]
    for row in readable.rows:
        try:
            _keep(row, around)
        except ConditionFailedError as error:
            LOG.info("%s was changed meanwhile and is left to the next pass: %s", row.item, error)
        except ParamedicError as error:
            failed.append(f"{row.item}: {error}")
    if failed:
        raise DowntimeError(f"not kept: {'; '.join(failed)}")
    return len(readable.rows)


def _keep(row: PlannedDowntime, around: Surroundings) -> None:
    keep = keep_service if row.service else keep_controller
    keep(row, around)
