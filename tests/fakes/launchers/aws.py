"""A real botocore client whose calls end in a backend: AWS's own model checks what is sent and what is answered."""

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.validate import validate_parameters

from tests.fakes.launchers.trouble import Line, Trouble


class RefusalError(Exception):
    """The backend's answer to a call that AWS would refuse."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def client_of(service: str, backend: object, line: Line) -> Any:
    """A client for `service`; each operation is the method of `backend` by its name."""
    client = _session().create_client(service, region_name="eu-central-1")
    sent: dict[str, Any] = {}

    def note(params: dict[str, Any], **_: Any) -> None:
        sent.clear()
        sent.update(params)

    def answer(model: Any, **_: Any) -> tuple[Any, Mapping[str, Any]]:
        call = xform_name(model.name)
        if line.trouble is Trouble.UNREACHABLE:
            raise EndpointConnectionError(endpoint_url=f"https://{service}")
        if line.trouble is not None:
            denied = line.trouble is Trouble.DENIED
            return _refused("AccessDeniedException" if denied else "ThrottlingException", line.trouble)
        try:
            parsed = getattr(backend, call)(**sent)
        except RefusalError as refusal:
            return _refused(refusal.code, refusal.message)
        if line.loses(call):
            raise ReadTimeoutError(endpoint_url=f"https://{service}")
        if model.output_shape is not None:
            validate_parameters(parsed, model.output_shape)
        return SimpleNamespace(status_code=200), parsed

    client.meta.events.register(f"provide-client-params.{service}", note)
    client.meta.events.register(f"before-call.{service}", answer)
    return client


@cache
def _session() -> Any:
    # One for all: it keeps AWS's models, which take long to read.
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    return session


def _refused(code: str, message: str) -> tuple[Any, Mapping[str, Any]]:
    parsed = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return SimpleNamespace(status_code=400), parsed
