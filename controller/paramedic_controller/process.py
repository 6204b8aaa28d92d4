"""One controller process, from its claim to its end."""

import os
import signal
import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from paramedic.clock import Clock
from paramedic.launchers.interface import Launcher
from paramedic.services.utilization import UtilizationSource
from paramedic.state.claims import ClaimRefusedError, end_claim
from paramedic.state.fencing import FencedWriter
from paramedic.state.heartbeat import report_restored, seal_heartbeat
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import TransactionRefusedError
from paramedic_controller.ahead import AheadReader
from paramedic_controller.board import Board, Identity, Recovered, operation_text
from paramedic_controller.boot import Claimed, fence_host
from paramedic_controller.effects import Actor, Effects, Pace
from paramedic_controller.figures import FigureReader
from paramedic_controller.fleet import Fleet
from paramedic_controller.gateway_reports import GatewayReports
from paramedic_controller.hint import HintReader
from paramedic_controller.http_api import HttpApi
from paramedic_controller.in_advance import InAdvance
from paramedic_controller.loop import MainLoop
from paramedic_controller.persist import Recorder
from paramedic_controller.ports import FreePorts
from paramedic_controller.probes import Prober
from paramedic_controller.reaping import Claim, Reaper
from paramedic_controller.restore import fenced_services, stored_specs
from paramedic_controller.secrets import SecretReader, fetch_from_secrets_manager
from paramedic_controller.settings import Settings
from paramedic_controller.supervise import Tools
from paramedic_controller.take_over import TakeOver
from paramedic_controller.utilisation.process_source import ProcessSource
from paramedic_controller.utilisation.prometheus_source import PrometheusSource
from paramedic_controller.utilisation.sampler import Sampler
from paramedic_controller.utilisation.sources import Source

RESTORE_RETRY_SECONDS = 1.0


class Log(Protocol):
    """Where lines for people go."""

    def info(self, msg: object) -> None:
        """Something worth knowing."""

    def warning(self, msg: object) -> None:
        """Something worth looking at."""


class _FreshNames:
    """Operation ids and replica URLs that were never used before."""

    def __init__(self, host: str, taken: Callable[[], Collection[str]]) -> None:
        self._ports = FreePorts(host, taken)

    def operation_id(self) -> str:
        return uuid.uuid4().hex

    def replica_url(self) -> str:
        return self._ports.next_url()


def _sources(clock: Clock) -> Mapping[UtilizationSource, Source]:
    return {UtilizationSource.PROCESS: ProcessSource(clock), UtilizationSource.PROMETHEUS: PrometheusSource()}


class ControllerProcess:
    """Restores what the tables say, then keeps it so."""

    def __init__(
        self,
        settings: Settings,
        claimed: Claimed,
        launcher: Launcher,
        clock: Clock,
        log: Log,
        take_over: TakeOver | None = None,
    ) -> None:
        self._claimed = claimed
        self._take_over = take_over
        self._clock = clock
        self._log = log
        self._launcher = launcher
        self._name = settings.controller_id
        self._writer = FencedWriter(
            self._name, claimed.epoch, claimed.process_id, clock=clock, new_id=lambda: uuid.uuid4().hex
        )
        identity = Identity(
            controller_id=self._name,
            epoch=claimed.epoch,
            process_id=claimed.process_id,
            pid=os.getpid(),
            recover_mode=claimed.recover_mode,
        )
        self._board = Board(identity, clock, self._tell_of_take_over)
        self._api = HttpApi(claimed.listener, self._board)
        self._reports = GatewayReports(clock)
        self._figures = FigureReader(self._reports, clock, log.warning)
        self._pace = Pace(at_once=settings.launches_at_once, per_second=settings.launches_per_second)
        self._executor = ThreadPoolExecutor(self._pace.threads, thread_name_prefix="launcher")
        self._reaping = ThreadPoolExecutor(1, thread_name_prefix="reaper")
        self._prober = Prober(settings.probe_seconds, self._wake)
        self._sampler = Sampler(_sources(clock), settings.tick_seconds, clock, log.warning)
        self._reader = self._take_over or InAdvance(self._name)
        self._fleet = Fleet(self._name, self._tools(settings), log.warning)
        self._loop = MainLoop(
            self._fleet,
            self._board,
            epoch=claimed.epoch,
            pass_seconds=settings.pass_seconds,
            clock=clock,
            warn=log.warning,
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; replicas run on.

        Raises:
            FencedError: a newer epoch owns the state.
            LauncherError: this host's fence cannot be raised.
        """
        signal.signal(signal.SIGTERM, lambda *_: self._loop.stop())
        signal.signal(signal.SIGINT, lambda *_: self._loop.stop())
        self._api.start()
        self._until_reachable(self._seal)
        fence_host(self._launcher, self._writer)
        self._until_reachable(self._restore)
        self._loop.run()
        self._api.close()
        self._prober.close()
        self._sampler.close()
        self._executor.shutdown()
        self._reaping.shutdown()
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """The last act: whoever starts next, wherever that is, need not look for this process."""
        try:
            end_claim(self._name, self._claimed.epoch, self._claimed.process_id, self._clock)
        except (ClaimRefusedError, StateUnreachableError, TransactionRefusedError) as error:
            self._log.warning(f"the end of this process is not noted: {error}")

    def _seal(self) -> None:
        # Nothing is read before this: until all fences are ours, a predecessor may still write.
        self._fleet.seal(fenced_services(self._name))
        last_writes = self._writer.catch_up_all()
        seal_heartbeat(self._name, self._claimed.epoch, self._claimed.process_id, self._clock)
        self._reader.sealed(last_writes)

    def _restore(self) -> None:
        self._fleet.follow_desired()
        if not self._claimed.recover_mode:
            self._log.info(f"first start: controller {self._name}, epoch {self._claimed.epoch}")
            return
        recovered = self._recovered()
        self._board.recovered = recovered
        self._log.info(f"recover mode: controller {self._name}, epoch {self._claimed.epoch}: {recovered.summary()}")
        requests = recovered.unfinished_requests
        examples = "; ".join(requests.examples) or "none"
        self._log.info(f"Unfinished requests: {requests.count} ({examples})")
        operations = recovered.unfinished_operations
        self._log.info(f"Unfinished operations: {len(operations)} ({'; '.join(operations) or 'none'})")
        report_restored(self._name, self._claimed.epoch, recovered.summary())

    def _tell_of_take_over(self) -> None:
        if self._take_over is not None:
            self._board.took_over = self._take_over.healthy()
            self._log.info(self._board.took_over.sentence())

    def _recovered(self) -> Recovered:
        states = self._fleet.states()
        return Recovered(
            services=len(states),
            replicas=sum(len(state.replicas) for state in states),
            ports={state.desired.name: state.desired.port for state in states},
            ids={state.desired.name: state.observed.next_replica_id for state in states if state.observed},
            unfinished_requests=self._figures.unfinished_requests([state.desired.gateway for state in states]),
            unfinished_operations=tuple(
                operation_text(state.desired.name, each) for state in states for each in state.operations
            ),
        )

    def _until_reachable(self, step: Callable[[], None]) -> None:
        """The claim is spent: giving up would cost an epoch, so a silent DynamoDB is waited for."""
        while not self._loop.is_stopping:
            try:
                step()
            except (StateUnreachableError, TransactionRefusedError) as error:
                self._log.warning(f"restoring waits for DynamoDB: {error}")
                self._clock.sleep(RESTORE_RETRY_SECONDS)
            else:
                return

    def _wake(self) -> None:
        self._loop.wake.set()

    def _tools(self, settings: Settings) -> Tools:
        actor = Actor(
            controller_id=self._name,
            epoch=self._claimed.epoch,
            stop_grace_seconds=settings.stop_grace_seconds,
            log_dir=settings.replica_log_dir,
        )
        effects = Effects(
            self._launcher,
            actor,
            pace=self._pace,
            read_secrets=SecretReader(os.environ, settings.secrets_dir, fetch_from_secrets_manager, self._clock),
            executor=self._executor,
            clock=self._clock,
            on_done=self._wake,
        )
        return Tools(
            writer=self._writer,
            recorder=Recorder(self._name),
            effects=effects,
            reaper=Reaper(
                self._launcher,
                Claim(self._name, self._claimed.epoch, self._claimed.process_id, settings.stop_grace_seconds),
                executor=self._reaping,
                clock=self._clock,
                warn=self._log.warning,
            ),
            prober=self._prober,
            sampler=self._sampler,
            launcher=self._launcher,
            mint=_FreshNames(settings.replica_host, lambda: self._fleet.replica_urls),
            clock=self._clock,
            warn=self._log.warning,
            read_hint=HintReader(self._name, self._clock).read,
            read_service=self._reader.read_service,
            read_specs=lambda service: stored_specs(self._name, service),
            read_figures=self._figures.read,
            read_drained=self._figures.drained,
            read_ahead=AheadReader(self._reports, self._clock, self._log.warning).read,
            balancer_host=settings.balancer_host,
            tick_seconds=settings.tick_seconds,
            drain_seconds=settings.drain_seconds,
        )
