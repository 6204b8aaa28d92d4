"""Reads what gateways counted for one service since its autoscaler last looked."""

from collections.abc import Callable, Sequence

from paramedic.autoscaling.reports import ServiceTraffic
from paramedic.autoscaling.tick import window_at
from paramedic.autoscaling.traffic import merge
from paramedic.autoscaling.window import Figures
from paramedic.clock import Clock
from paramedic.state.tables import InvalidRowError
from paramedic.state.traffic import TrafficReport
from paramedic.state.traffic_report import UNFINISHED_EXAMPLES
from paramedic_controller.board import UnfinishedRequests
from paramedic_controller.draining import DrainReport, drained
from paramedic_controller.gateway_reports import GatewayReports
from paramedic_controller.model import Desired, ServiceState

SHARED_SECONDS = 1.0
"""One look at a gateway's reports serves all its services for so long: figures are of whole seconds."""


class FigureReader:
    """Traffic of services by way of their gateways' reports. Malformed figures are missing figures."""

    def __init__(self, reports: GatewayReports, clock: Clock, warn: Callable[[str], None]) -> None:
        self._reports = reports
        self._traffic: dict[str, ServiceTraffic] = {}
        self._clock = clock
        self._warn = warn
        self._ahead: dict[str, set[str]] = {}

    def read(self, state: ServiceState, now_second: int) -> Figures:
        """What is new since the cursors of `state`, for a tick at `now_second`.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        cursors = state.scaler.cursors if state.scaler is not None else {}
        gateway = state.desired.gateway
        try:
            rows = self._reports.read(gateway, SHARED_SECONDS)
            traffic = self._traffic_of(state.desired).read(rows, self._clock.now().timestamp())
        except InvalidRowError as error:
            self._warn(f"traffic of service {state.desired.name} counts as missing: {error}")
            return Figures(cursors=cursors)
        now = int(self._clock.now().timestamp())
        self._tell_who_is_ahead(gateway, {each.replica for each in traffic.reports if each.is_ahead(now)})
        return merge(cursors, traffic.reports, traffic.counters, seconds=window_at(now_second), now=now)

    def _traffic_of(self, desired: Desired) -> ServiceTraffic:
        known = self._traffic.get(desired.name)
        if known is None or known.service_uid != desired.uid:
            known = self._traffic[desired.name] = ServiceTraffic(desired.gateway, desired.uid)
        return known

    def drained(self, state: ServiceState) -> frozenset[int] | None:
        """The replicas to be stopped that no gateway replica has a request for; None where there is no gateway.

        A gateway replica that is silent, even for so long that its figures are out of date, is still there: it may
        serve on without its agent, or without DynamoDB.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        try:
            rows = self._reports.read(state.desired.gateway, SHARED_SECONDS)
        except InvalidRowError as error:
            self._warn(f"leaving replicas of service {state.desired.name} get their full time: {error}")
            return frozenset()
        reports = [DrainReport(float(row.covers_until), row.draining.requests) for row in rows if row.draining]
        return drained(state, reports) if reports else None

    def unfinished_requests(self, gateways: Sequence[str]) -> UnfinishedRequests:
        """What the gateways were serving by their last reports.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        count, examples = 0, list[str]()
        for gateway in sorted(set(gateways)):
            try:
                reports = self._current_reports(gateway)
            except InvalidRowError as error:
                self._warn(f"unfinished requests of gateway {gateway} are not known: {error}")
                continue
            count += sum(int(row.unfinished_count) for row in reports)
            examples += [str(text) for row in reports for text in row.unfinished_examples]
        return UnfinishedRequests(count=count, examples=tuple(examples[:UNFINISHED_EXAMPLES]))

    def _tell_who_is_ahead(self, gateway: str, ahead: set[str]) -> None:
        for replica in sorted(ahead - self._ahead.get(gateway, set())):
            self._warn(
                f"the clock of replica {replica} of gateway {gateway} is ahead of this one: requests are counted when "
                "their time has come, and nothing is scaled down"
            )
        self._ahead[gateway] = ahead

    def _current_reports(self, gateway: str) -> list[TrafficReport]:
        now = self._clock.now().timestamp()
        return [row for row in self._reports.read(gateway, SHARED_SECONDS) if row.expires_at > now]
