"""One agent, from its start to its end: it keeps what the front serves in line with DynamoDB, and reports."""

import os
from collections.abc import Mapping

from paramedic.clock import Clock
from paramedic.state.traffic_report import TrafficWriter
from paramedic_gateway.counting.counting import Circumstances, Counting
from paramedic_gateway.drains import draining_requests
from paramedic_gateway.front import Front
from paramedic_gateway.health import STALLED_SECONDS, Health, HealthApi
from paramedic_gateway.layout import Layout
from paramedic_gateway.log import Log
from paramedic_gateway.loops import Crew
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.proxy.envoy_log import LOOK_SECONDS, EnvoyLog
from paramedic_gateway.proxy.process import END_SECONDS, EnvoyIdentity
from paramedic_gateway.registration import LOOK_SECONDS as REGISTRATION_LOOK_SECONDS
from paramedic_gateway.registration import Registration
from paramedic_gateway.routes.follow import RouteFollower, StoredRows
from paramedic_gateway.routes.model import ServiceRoutes
from paramedic_gateway.serving import Serving
from paramedic_gateway.settings import Settings
from paramedic_gateway.signals import EndSignals

JOIN_SECONDS = 10.0
DRAIN_LOOK_SECONDS = 0.2

CERTIFICATE_LOOK_SECONDS = 1.0
"""How often the certificate's files are looked at, and whether Secrets Manager is due to be asked."""


class Agent:
    """One replica's agent, behind a front that serves already; nothing runs before `run`."""

    def __init__(
        self, settings: Settings, layout: Layout, front: Front, *, ending: EndSignals, clock: Clock, log: Log
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._front = front
        self._clock = clock
        self._ending = ending
        self._log = log
        self._leaving = False
        self._envoy_log = EnvoyLog(layout.envoy_log, layout.former_envoy_log, log.warning)
        self._serving = Serving(
            follower=RouteFollower(settings.gateway, StoredRows(), front.routes, clock, log.warning),
            applier=front.applier,
            frame=front.frame,
            certificate=lambda: front.certificates.current,
            clock=clock,
            log=log,
        )
        self._counting = Counting(
            front.ledgers,
            front.access_log,
            TrafficWriter(settings.gateway, settings.replica),
            time=front.time,
            out=log,
            services=lambda: self._serving.applier.names,
            rotate_bytes=settings.rotate_bytes,
        )
        self._registration = Registration(settings, self._served, clock, log)
        self._crew = Crew(self._report_end, ending.woken)

    def run(self) -> bool:
        """Serve until SIGTERM or SIGINT, which end Envoy too, or SIGHUP, which leaves it serving.

        False when a thread ended by an error; Envoy serves on then.

        Raises:
            HostFileError: the directory cannot be used.
        """
        self._serving.restore()
        api = HealthApi(self._layout.agent_socket, self.health, self._front.token)
        api.start()
        self._crew.start("envoy", self._front.supervisor.run)
        self._crew.start("predecessors", lambda: self._front.predecessors.run(self._front.admin))
        self._crew.repeat("routes", self._serving.run_pass, self._settings.poll_seconds)
        self._crew.repeat("certificate", self._look_at_certificate, CERTIFICATE_LOOK_SECONDS)
        self._crew.repeat("counting", self._report, self._settings.report_seconds)
        self._crew.repeat("registration", self._registration.look, REGISTRATION_LOOK_SECONDS)
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
        passed = serving.passed_at if serving.passed_at is not None else self._front.started_at
        status = "leaving" if self._leaving else "stalled" if now - passed > STALLED_SECONDS else "ok"
        return Health(
            status=status,
            gateway=self._settings.gateway,
            replica=self._settings.replica,
            agent_pid=os.getpid(),
            envoy_pid=self._envoy_pid(),
            envoy_starts=self._front.supervisor.starts,
            services=len(self._services()),
            unfinished_requests=self._counting.unfinished,
            state_age_seconds=None if serving.seen_at is None else round(now - serving.seen_at, 3),
            target=self._registration.target,
            problems=self._problems(),
        )

    def _problems(self) -> list[str]:
        single = (
            self._front.bootstrap_problem,
            self._front.envoy.problem,
            self._envoy_log.problem,
            self._front.certificates.problem,
            self._registration.problem,
        )
        return [*self._serving.problems, *self._counting.problems, *(each for each in single if each is not None)]

    def _end(self) -> None:
        """End in the order that loses nothing: no new requests, those under way, Envoy, the last figures."""
        if self._ending.stays:
            self._stop_threads()
            self._report()
            return
        self._leaving = True
        self._registration.leave()
        self._leave()
        self._stop_threads()
        self._front.predecessors.end()
        self._front.envoy.end(END_SECONDS)
        # Where DynamoDB did not answer before.
        self._registration.leave()
        self._counting.close()
        self._log.info(f"ended with {self._counting.unfinished} requests under way")

    def _stop_threads(self) -> None:
        self._front.supervisor.stop()
        self._front.predecessors.stop()
        self._crew.stop(JOIN_SECONDS)

    def _leave(self) -> None:
        deadline = self._clock.monotonic() + self._settings.drain_seconds
        self._front.predecessors.leave()
        try:
            self._front.admin.leave()
            while self._clock.monotonic() < deadline and self._has_requests():
                self._clock.sleep(DRAIN_LOOK_SECONDS)
        except AdminUnreachableError as error:
            self._log.warning(f"requests under way are not waited for: {error}")

    def _has_requests(self) -> bool:
        return self._front.admin.active_requests() + self._front.predecessors.active_requests() > 0

    def _look_at_certificate(self) -> None:
        self._front.certificates.look(self._serving.certificate_in_use)

    def _report(self) -> None:
        draining = draining_requests(self._services(), [self._front.admin, *self._front.predecessors.admins])
        self._counting.report(Circumstances(draining, self._serving.follower.ahead, self._log_failures()))

    def _log_failures(self) -> Mapping[str, int] | None:
        envoys = self._envoys()
        try:
            failures = {identity.name: admin.failed_log_writes() for identity, admin in envoys.items()}
        except AdminUnreachableError:
            return None
        # One that was started meanwhile may have answered for another.
        return failures if self._front.envoy.identity in envoys and self._envoys() == envoys else None

    def _envoys(self) -> Mapping[EnvoyIdentity, EnvoyAdmin]:
        identity = self._front.envoy.identity
        return {**({} if identity is None else {identity: self._front.admin}), **self._front.predecessors.by_identity}

    def _services(self) -> list[ServiceRoutes]:
        return list(self._serving.follower.services.values())

    def _served(self) -> list[ServiceRoutes] | None:
        return None if self._serving.seen_at is None else self._services()

    def _envoy_pid(self) -> int | None:
        identity = self._front.envoy.identity
        return None if identity is None else identity.pid

    def _report_end(self, thread: str, error: Exception) -> None:
        self._log.error(f"thread {thread} ended, so the agent ends; Envoy serves on: {error!r}")
