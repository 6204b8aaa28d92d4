"""The API of one gateway replica, over a new connection for each call.

A call ends as done, refused (an answer that is not 2xx, whatever it says) or unanswered; the last may have been done.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import BaseModel, ValidationError

from paramedic.errors import ParamedicError
from paramedic.gateways.dstack.api import (
    ListedService,
    ReplicaRegistration,
    ServiceList,
    ServiceRegistration,
    ServiceStats,
    StatsList,
)
from paramedic.gateways.dstack.desired import GatewayReplica, Service, ServiceReplica
from paramedic.gateways.dstack.noting import Made
from paramedic.gateways.dstack.observed import Reached
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
)
from paramedic.state.dstack_gateways import Problem

READ_SECONDS = 5.0
"""A list is read from memory; figures are read from a log."""

CHANGE_SECONDS = 30.0
"""A gateway gives an SSH server 15 s and nginx 10, and does one change after another."""

CONNECT_SECONDS = 3.0


class NotReachedError(ParamedicError):
    """A question to a gateway replica was not answered as it should be; `reached` says how."""

    def __init__(self, reached: Reached, said: str) -> None:
        self.reached = reached
        super().__init__(said)


@dataclass(frozen=True)
class GatewayApi:
    """Asks and changes one replica. Use it from one thread at a time."""

    client: httpx.Client

    def list_services(self) -> Mapping[str, ListedService]:
        """What is registered, by project and name.

        Raises:
            NotReachedError: it is not known.
        """
        listed = self._asked("/api/services/list", ServiceList)
        return {f"{each.project_name}/{each.run_name}": each for each in listed.services}

    def stats(self) -> tuple[ServiceStats, ...]:
        """The figures of all services.

        Raises:
            NotReachedError: they are not known.
        """
        return self._asked("/api/stats/collect", StatsList).root

    def make(self, call: Call, ssh_keys: Mapping[str, str]) -> Made:
        """Send one call, once; `ssh_keys` has that of every project in which it registers a service."""
        match call:
            case RegisterService(service):
                body = _registration(service, ssh_keys[service.project])
                return self._told(call, f"{service.project}/services/register", body)
            case UnregisterService(key):
                project, name = key.split("/")
                return self._told(call, f"{project}/services/{name}/unregister", None)
            case RegisterReplica(service, registered_id, replica):
                at = f"{service.project}/services/{service.name}/replicas/register"
                return self._told(call, at, _replica_registration(registered_id, replica))
            case UnregisterReplica(service, registered_id):
                at = f"{service.project}/services/{service.name}/replicas/{registered_id}/unregister"
                return self._told(call, at, None)

    def _asked[M: BaseModel](self, path: str, model: type[M]) -> M:
        try:
            answer = self.client.get(path)
            answer.raise_for_status()
            return model.model_validate_json(answer.content)
        except httpx.ConnectError as error:
            raise NotReachedError(Reached.REFUSES, f"{path}: {error}") from error
        except httpx.HTTPStatusError as error:
            raise NotReachedError(Reached.STRANGE, f"{path}: answered {error.response.status_code}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise NotReachedError(Reached.STRANGE, f"{path}: {field}: {first['msg']}") from error
        except httpx.HTTPError as error:
            raise NotReachedError(Reached.SILENT, f"{path}: {type(error).__name__}: {error}") from error

    def _told(self, call: Call, path: str, body: BaseModel | None) -> Made:
        try:
            answer = self.client.post(
                f"/api/registry/{path}",
                content=None if body is None else body.model_dump_json(),
                headers={"Content-Type": "application/json"},
                timeout=httpx.Timeout(CHANGE_SECONDS, connect=CONNECT_SECONDS),
            )
        except httpx.HTTPError as error:
            return Made(call, Problem.UNANSWERED, f"{type(error).__name__}: {error}")
        if answer.is_success:
            return Made(call)
        return Made(call, Problem.REFUSED, f"answered {answer.status_code}: {answer.text}")


def connect(replica: GatewayReplica, transport: httpx.BaseTransport | None = None) -> GatewayApi:
    """The API of `replica`; proxies that the environment names are not used."""
    return GatewayApi(
        httpx.Client(
            # One that was kept may be to a process that has ended, and would say that its successor is silent.
            limits=httpx.Limits(max_keepalive_connections=0),
            base_url=replica.api,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            transport=transport,
        )
    )


def _registration(service: Service, ssh_key: str) -> ServiceRegistration:
    return ServiceRegistration(
        id=service.registered_id,
        run_name=service.name,
        domain=service.domain,
        client_max_body_size=service.client_max_body_size,
        read_timeout=service.read_timeout,
        ssh_private_key=ssh_key,
    )


def _replica_registration(registered_id: str, replica: ServiceReplica) -> ReplicaRegistration:
    return ReplicaRegistration(
        job_id=registered_id,
        app_port=replica.app_port,
        ssh_host=replica.ssh_host,
        ssh_port=replica.ssh_port,
        ssh_proxy=replica.ssh_proxy,
    )
