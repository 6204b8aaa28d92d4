"""The few calls to a cluster's API that are needed, over plain HTTPS."""

import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from paramedic.clock import Clock
from paramedic.launchers.interface import LauncherError
from paramedic.launchers.kubernetes.profile import KubernetesProfile
from paramedic.launchers.waiting import unless_busy

TIMEOUT_SECONDS = 10.0
PAGE = 500

TRIES = 4
"""Of a change where others change the same object meanwhile."""

LONGEST_SHOWN = 300

GROUPS = {
    "pods": "api/v1",
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "jobs": "apis/batch/v1",
    "cronjobs": "apis/batch/v1",
}

MERGE = "application/merge-patch+json"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"


type Change = Callable[[Mapping[str, Any] | None], Mapping[str, Any] | None]
"""What to patch an object with, given how it is; None to leave it so."""


class KubernetesError(LauncherError):
    """The cluster's API refused a call or gave no answer. `status` is that of HTTP, None without an answer."""

    def __init__(self, message: str, status: int | None) -> None:
        self.status = status
        super().__init__(message)


class KubernetesApi:
    """Objects of one namespace."""

    def __init__(self, client: httpx.Client, namespace: str, clock: Clock) -> None:
        self._client = client
        self._namespace = namespace
        self._clock = clock

    def get(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """One object; None when the API says that there is none of that name.

        Raises:
            KubernetesError: it could not be asked.
        """
        try:
            return self._call("GET", f"{self._path(kind)}/{name}")
        except KubernetesError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, kind: str, label_selector: str) -> list[Mapping[str, Any]]:
        """All objects with these labels.

        Raises:
            KubernetesError: not all of them could be had.
        """
        found: list[Mapping[str, Any]] = []
        parameters = {"labelSelector": label_selector, "limit": str(PAGE)}
        while True:
            page = self._call("GET", self._path(kind), params=parameters)
            found += page["items"]
            following = page.get("metadata", {}).get("continue")
            if not following:
                return found
            parameters["continue"] = following

    def create(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object.

        Raises:
            KubernetesError: refused, with status 409 where the name is taken.
        """
        return self._call("POST", self._path(kind), json=body)

    def change(self, kind: str, name: str, changed: Change, content_type: str) -> Mapping[str, Any] | None:
        """Patch an object with what `changed` makes of it as it was read; None where it makes nothing.

        `changed` is asked again when the object was changed meanwhile, as those that control it do all the time.

        Raises:
            KubernetesError: refused, with status 409 where others were quicker each time.
        """
        for _ in range(TRIES - 1):
            try:
                return self._change_as_read(kind, name, changed, content_type)
            except KubernetesError as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise
        return self._change_as_read(kind, name, changed, content_type)

    def delete_exactly(self, kind: str, name: str, uid: str, grace_seconds: int) -> None:
        """Ask for the end of the object of this uid; one that is gone, or another of its name, is left alone.

        Raises:
            KubernetesError: refused.
        """
        body = {"preconditions": {"uid": uid}, "gracePeriodSeconds": grace_seconds}
        try:
            self._call("DELETE", f"{self._path(kind)}/{name}", json=body)
        except KubernetesError as error:
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise

    def _path(self, kind: str) -> str:
        return f"/{GROUPS[kind]}/namespaces/{self._namespace}/{kind}"

    def _change_as_read(self, kind: str, name: str, changed: Change, content_type: str) -> Mapping[str, Any] | None:
        known = self.get(kind, name)
        body = changed(known)
        if known is None or body is None:
            return None
        as_read = {**body, "metadata": {"resourceVersion": known["metadata"]["resourceVersion"]}}
        return self._call("PATCH", f"{self._path(kind)}/{name}", json=as_read, headers={"Content-Type": content_type})

    def _call(self, method: str, path: str, **arguments: Any) -> Mapping[str, Any]:
        return unless_busy(lambda: self._call_once(method, path, **arguments), _is_busy, self._clock)

    def _call_once(self, method: str, path: str, **arguments: Any) -> Mapping[str, Any]:
        try:
            answer = self._client.request(method, path, **arguments)
            answer.raise_for_status()
            body: Mapping[str, Any] = answer.json()
        except httpx.HTTPStatusError as error:
            said = error.response.text[:LONGEST_SHOWN]
            problem = f"{method} {path}: {error.response.status_code} {said}"
            raise KubernetesError(problem, error.response.status_code) from None
        except (httpx.HTTPError, ValueError) as error:
            raise KubernetesError(f"{method} {path}: no answer of the cluster's API: {error!r}", None) from error
        return body


def _is_busy(error: LauncherError) -> bool:
    # The one refusal that says for sure that nothing was done.
    return isinstance(error, KubernetesError) and error.status == HTTPStatus.TOO_MANY_REQUESTS


def connect(profile: KubernetesProfile) -> httpx.Client:
    """A client with the profile's token, which is read now.

    Raises:
        SecretUnreadableError: the token cannot be had.
        LauncherError: the certificates are none.
    """
    try:
        trusted = ssl.create_default_context(cafile=profile.ca_file, cadata=profile.ca)
    except (OSError, ValueError) as error:
        raise LauncherError(f"the profile's ca or ca_file holds no certificates: {error}") from error
    headers = {"Authorization": f"Bearer {profile.token.read()}"}
    return httpx.Client(
        base_url=profile.server, headers=headers, verify=trusted, timeout=TIMEOUT_SECONDS, trust_env=False
    )
