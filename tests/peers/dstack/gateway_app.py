"""Dstack's own gateway application, unchanged, on a loopback address; runs under the interpreter that has dstack.

Usage: gateway_app.py DIRECTORY HOST. Only what belongs to dstack's machine is pointed elsewhere: its directory, sudo,
ports, and the nginx that systemd would reload there.
"""

import os
import subprocess
import sys
from pathlib import Path

import dstack._internal.proxy.gateway.app as application
import uvicorn
from dstack._internal.proxy.gateway.services import nginx as nginx_module
from dstack._internal.proxy.gateway.services import registry

API_PORT, FRONT_PORT = 8000, 8080

directory, host = Path(sys.argv[1]), sys.argv[2]
sites = directory / "nginx" / "sites-enabled"
configuration = directory / "nginx" / "nginx.conf"
pid_file = directory / "nginx.pid"

NGINX_CONF = f"""
worker_processes 1;
pid {pid_file};
error_log {directory}/nginx.error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    server_names_hash_bucket_size 128;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {sites}/*;
}}
"""


class NginxOfItsOwn(nginx_module.Nginx):
    """Without systemd, as whoever runs the test, and on the ports of this replica."""

    def reload(self) -> None:
        """Have nginx take the files, and start it where it does not run."""
        command = ["nginx", "-q", "-c", str(configuration), "-p", str(directory)]
        running = pid_file.exists() and Path(f"/proc/{pid_file.read_text().strip()}/exe").exists()
        for each in ([*command, "-t"], [*command, "-s", "reload"] if running else command):
            if subprocess.run(each, check=False).returncode:
                raise nginx_module.UnexpectedProxyError("nginx refuses the files")

    def write_conf(self, conf: str, conf_path: Path) -> None:
        """Write a site as it would listen on this replica."""
        conf = conf.replace("listen 80;", f"listen {host}:{FRONT_PORT};")
        conf = conf.replace(f"http://localhost:{API_PORT}/", f"http://{host}:{API_PORT}/")
        conf = conf.replace("unix:/tmp/dstack-dummy-nginx.sock", f"unix:{directory}/nobody.sock")
        super().write_conf(conf, conf_path)

    def write_global_conf(self) -> None:
        """Only what the sites need: the packaged nginx.conf is for a machine that has no other nginx."""
        log_format = "00-log-format.conf"
        self.write_conf(nginx_module.read_package_resource(log_format), sites / log_format)


sites.mkdir(parents=True, exist_ok=True)
configuration.write_text(NGINX_CONF)
(directory / "application.pid").write_text(str(os.getpid()))
nginx_module.sudo = list
registry.ACCESS_LOG_PATH = application.ACCESS_LOG_PATH = directory / "access.log"
application.STATE_FILE = directory / "state-v2.json"
application.LEGACY_STATE_FILE = directory / "state.json"
application.SERVER_CONNECTIONS_DIR_ON_GATEWAY = directory / "server-connections"

uvicorn.run(application.make_app(nginx=NginxOfItsOwn(directory / "nginx")), host=host, port=API_PORT)
