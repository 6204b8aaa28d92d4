"""A cluster's API in memory, where it matters: versions, uids, controllers that make pods, nodes that do not answer."""

import json
import uuid
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import httpx

from tests.fakes.launchers.trouble import Line, Trouble

NAMESPACE = "models"
DEPLOYMENT = "controller-main"
CRONJOB = "controller-jobs"
CONTAINER = "controller"
LAUNCH = "paramedic/launch"
NOBODYS = "nobodys"
LABELS = {"app": "controller", "tier": "main"}
PAGE = 1

type Object = dict[str, Any]


class ClusterBackend:
    """One namespace with a Deployment of nothing yet and a suspended CronJob. Pods of a `lost_node` never go.

    While it is `lagging`, what Deployments want is not done. It refuses the next `busy` calls. Before each of the next
    changes, somebody else makes the first of `others_changes` to the object.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.lost_node = False
        self.lagging = False
        self.busy = 0
        self.others_changes: list[Object] = []
        self.told: list[tuple[str, str, Mapping[str, Any]]] = []
        self.objects: dict[str, dict[str, Object]] = {
            kind: {} for kind in ("pods", "deployments", "replicasets", "jobs", "cronjobs")
        }
        template = {
            "metadata": {"labels": dict(LABELS)},
            "spec": {"containers": [{"name": CONTAINER, "image": "controller:1"}]},
        }
        deployment = {"replicas": 0, "strategy": {"type": "Recreate"}, "template": template}
        deployment["selector"] = {"matchLabels": dict(LABELS)}
        self._add("deployments", DEPLOYMENT, {"spec": deployment})
        self._add("cronjobs", CRONJOB, {"spec": {"suspend": True, "jobTemplate": {"spec": {"template": template}}}})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.line.trouble is Trouble.UNREACHABLE:
            raise httpx.ConnectError("no route")
        if self.line.trouble is not None:
            return _refused(403 if self.line.trouble is Trouble.DENIED else 429)
        if self.busy:
            self.busy -= 1
            return _refused(429)
        if request.headers["authorization"] != "Bearer t0ken":
            return _refused(401)
        *_, kind, name = [*request.url.path.split("/"), ""][: 8 if "/apis/" in request.url.path else 7]
        if kind not in self.objects:
            kind, name = name, ""
        body = json.loads(request.content or b"{}")
        answer = self._answer(request.method, kind, name, body, request)
        self._control()
        if self.line.loses(f"{request.method} {kind}"):
            raise httpx.ReadTimeout("no reply")
        return answer

    def settle(self) -> None:
        """What the nodes do meanwhile."""
        for name, pod in list(self.objects["pods"].items()):
            if "deletionTimestamp" in pod["metadata"] and not self.lost_node:
                del self.objects["pods"][name]
        self._control()

    def end(self) -> None:
        """All pods end, and nobody wants others."""
        for deployment in self.objects["deployments"].values():
            deployment["spec"]["replicas"] = 0
        for job in self.objects["jobs"].values():
            job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
        for pod in self.objects["pods"].values():
            pod["status"]["phase"] = "Failed"
        self._control()

    def scale(self, replicas: int) -> None:
        """Somebody sets how many pods the Deployment has."""
        self.objects["deployments"][DEPLOYMENT]["spec"]["replicas"] = replicas
        self._control()

    def living(self) -> list[Object]:
        """The pods of which something may run."""
        return [pod for pod in self.objects["pods"].values() if pod["status"]["phase"] == "Running"]

    def _answer(self, method: str, kind: str, name: str, body: Object, request: httpx.Request) -> httpx.Response:
        known = self.objects[kind]
        if method == "GET" and not name:
            return self._list(kind, request.url.params)
        if method == "POST":
            name = body["metadata"]["name"]
            if name in known:
                return _refused(409)
            self.told.append((method, kind, body))
            return httpx.Response(201, json=self._add(kind, name, body))
        if name not in known:
            return _refused(404)
        if method == "PATCH":
            return self._patch(known[name], kind, body)
        if method == "DELETE":
            return self._delete(known[name], kind, body)
        return httpx.Response(200, json=known[name])

    def _list(self, kind: str, params: httpx.QueryParams) -> httpx.Response:
        wanted = dict(pair.split("=") for pair in params["labelSelector"].split(","))
        labelled = [(each, each["metadata"].get("labels", {})) for each in self.objects[kind].values()]
        found = [each for each, labels in labelled if wanted.items() <= labels.items()]
        start = int(params.get("continue", "0"))
        following = {"continue": str(start + PAGE)} if start + PAGE < len(found) else {}
        return httpx.Response(200, json={"metadata": following, "items": found[start : start + PAGE]})

    def _patch(self, known: Object, kind: str, body: Object) -> httpx.Response:
        metadata = known["metadata"]
        if self.others_changes:
            _merge(known, self.others_changes.pop(0))
            metadata["resourceVersion"] += "'"
        if body["metadata"].pop("resourceVersion") != metadata["resourceVersion"]:
            return _refused(409)
        self.told.append(("PATCH", kind, body))
        _merge(known, body)
        metadata["resourceVersion"] += "'"
        metadata["generation"] += 1
        return httpx.Response(200, json=known)

    def _delete(self, known: Object, kind: str, body: Object) -> httpx.Response:
        if body["gracePeriodSeconds"] < 1:
            return _refused(400)
        if known["status"]["phase"] in ("Succeeded", "Failed"):
            # Whoever is over needs no time to end: the API forgets it, whatever its node does.
            del self.objects[kind][known["metadata"]["name"]]
            return httpx.Response(200, json=known)
        if body["preconditions"]["uid"] != known["metadata"]["uid"]:
            return _refused(409)
        self.told.append(("DELETE", kind, {"uid": known["metadata"]["uid"]}))
        known["metadata"]["deletionTimestamp"] = "2026-01-05T03:00:00Z"
        return httpx.Response(200, json=known)

    def _control(self) -> None:
        for deployment in self.objects["deployments"].values() if not self.lagging else ():
            self._control_deployment(deployment)
        for job in self.objects["jobs"].values():
            if job["spec"].get("suspend"):
                job["status"] = {"conditions": [{"type": "Suspended", "status": "True"}]}
                self._end_pods(job["spec"]["template"]["metadata"]["labels"][LAUNCH])
            elif not job["status"]:
                job["status"] = {"active": 1}
                self._make_pod(job["spec"]["template"])

    def _control_deployment(self, deployment: Object) -> None:
        template = deployment["spec"]["template"]
        deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"]}
        launch = template["metadata"].get("labels", {}).get(LAUNCH, NOBODYS)
        wanted = launch != NOBODYS or deployment["spec"]["replicas"]
        if wanted and launch not in self.objects["replicasets"]:
            labels = {} if launch == NOBODYS else {LAUNCH: launch}
            self._add("replicasets", launch, {"metadata": {"labels": labels}, "spec": {"replicas": 0}})
        for name, owned in self.objects["replicasets"].items():
            owned["spec"]["replicas"] = deployment["spec"]["replicas"] if name == launch else 0
            if not owned["spec"]["replicas"]:
                self._end_pods(name)
        if deployment["spec"]["replicas"] and not self.living():
            self._make_pod(template)

    def _end_pods(self, launch: str) -> None:
        for pod in self.living():
            if pod["metadata"]["labels"].get(LAUNCH, NOBODYS) == launch:
                pod["metadata"].setdefault("deletionTimestamp", "2026-01-05T03:00:00Z")

    def _make_pod(self, template: Object) -> None:
        name = f"pod-{uuid.uuid4().hex[:8]}"
        pod = self._add("pods", name, {"metadata": deepcopy(template["metadata"]), "spec": deepcopy(template["spec"])})
        pod["status"] = {"phase": "Running"}

    def _add(self, kind: str, name: str, body: Mapping[str, Any]) -> Object:
        own: Object = {"name": name, "namespace": NAMESPACE, "uid": uuid.uuid4().hex, "resourceVersion": "1"}
        own["generation"] = 1
        added: Object = deepcopy({**body, "metadata": {**body.get("metadata", {}), **own}, "status": {}})
        if kind == "replicasets":
            added["status"] = {"observedGeneration": 1, "replicas": 0}
        self.objects[kind][name] = added
        return added


def _merge(known: Any, change: Any) -> Any:
    """As the API merges: lists of what has names by these names, which only a strategic merge is asked for here."""
    if isinstance(change, dict) and isinstance(known, dict):
        for name, value in change.items():
            known[name] = _merge(known.get(name), value)
        return known
    if isinstance(change, list) and isinstance(known, list):
        by_name = {each["name"]: each for each in known}
        for each in change:
            by_name[each["name"]] = _merge(by_name.get(each["name"]), each)
        return list(by_name.values())
    return change


def _refused(status: int) -> httpx.Response:
    return httpx.Response(status, json={"kind": "Status", "code": status})
