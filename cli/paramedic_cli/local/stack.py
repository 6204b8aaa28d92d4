"""A local stack: the emulator and what is deployed on it, remembered in a state directory."""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from paramedic_cli.local.clients import REGION, client, client_environment
from paramedic_cli.local.deploy import StackOutputs, deploy
from paramedic_cli.local.emulator import DEFAULT_PORT, Emulator, start_emulator
from paramedic_cli.local.errors import NoLocalStackError

DEFAULT_STATE_DIR = Path(".paramedic")
_STATE_FILE = "local.json"


class LocalStack(BaseModel):
    """A deployed stack on an embedded AWS."""

    model_config = ConfigDict(frozen=True)

    stack_name: str
    emulator: Emulator
    outputs: StackOutputs

    @property
    def endpoint(self) -> str:
        """The one URL of all AWS services."""
        return self.emulator.endpoint

    @property
    def region(self) -> str:
        """The region it pretends to be in."""
        return REGION

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use this stack with every right: the AWS variables and TABLE_PREFIX."""
        return {**self.emulator.environment, "TABLE_PREFIX": self.outputs.table_prefix}

    def client(self, service: str) -> Any:
        """A boto3 client of this stack, with every right."""
        return client(service, self.emulator.environment)

    def environment_under(self, user: str, *policy_arns: str) -> dict[str, str]:
        """Like `environment`, but with keys of a new IAM user that may do what the policies allow and no more."""
        iam = self.client("iam")
        iam.create_user(UserName=user)
        for arn in policy_arns:
            iam.attach_user_policy(UserName=user, PolicyArn=arn)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys = client_environment(self.endpoint, key["AccessKeyId"], key["SecretAccessKey"])
        return {**keys, "TABLE_PREFIX": self.outputs.table_prefix}

    def invoke(self, function_name: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function and return what it returned; FunctionError when it raised."""
        answer = self.client("lambda").invoke(FunctionName=function_name, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or "null")
        if "FunctionError" in answer:
            raise FunctionError(function_name, payload)
        return payload

    def redeploy(self, parameters: Mapping[str, str] | None = None) -> "LocalStack":
        """Deploy the sources as they are now, with these parameters changed."""
        outputs = deploy(self.emulator.environment, self.stack_name, parameters)
        return self.model_copy(update={"outputs": outputs})

    def save(self, state_dir: Path) -> None:
        """Remember it, so that `load` in another process finds it."""
        state_dir.mkdir(parents=True, exist_ok=True)
        unfinished = state_dir / f"{_STATE_FILE}.new"
        unfinished.write_text(self.model_dump_json(indent=2))
        unfinished.replace(state_dir / _STATE_FILE)

    def stop(self) -> None:
        """End the emulator, with everything deployed on it."""
        self.emulator.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class FunctionError(Exception):
    """An invoked function raised; `payload` is the error as Lambda reports it."""

    def __init__(self, function_name: str, payload: Any) -> None:
        super().__init__(f"{function_name}: {payload}")
        self.payload = payload


def start(
    home: Path,
    *,
    stack_name: str = "paramedic",
    parameters: Mapping[str, str] | None = None,
    host: str | None = None,
    port: int = DEFAULT_PORT,
    detached: bool = False,
) -> LocalStack:
    """Start an emulator and deploy the stack on it; nothing is left running when that fails.

    Unless `detached`, the emulator dies with the calling process.
    """
    emulator = start_emulator(home, host=host, port=port, detached=detached)
    with ExitStack() as failure:
        failure.callback(emulator.stop)
        outputs = deploy(emulator.environment, stack_name, parameters)
        failure.pop_all()
    return LocalStack(stack_name=stack_name, emulator=emulator, outputs=outputs)


def up(
    state_dir: Path = DEFAULT_STATE_DIR,
    *,
    parameters: Mapping[str, str] | None = None,
    host: str | None = None,
    port: int = DEFAULT_PORT,
) -> LocalStack:
    """Have a detached stack run from this state directory: started if there is none, else brought up to date."""
    state_dir = state_dir.resolve()
    try:
        stack = load(state_dir).redeploy(parameters)
    except NoLocalStackError:
        home = state_dir / "emulator"
        stack = start(home, parameters=parameters, host=host, port=port, detached=True)
    stack.save(state_dir)
    return stack


def load(state_dir: Path = DEFAULT_STATE_DIR) -> LocalStack:
    """The stack that runs from this state directory; NoLocalStackError when none does."""
    try:
        stack = LocalStack.model_validate_json((state_dir / _STATE_FILE).read_text())
    except FileNotFoundError:
        raise NoLocalStackError(state_dir) from None
    if not stack.emulator.is_alive():
        raise NoLocalStackError(state_dir)
    return stack


def down(state_dir: Path = DEFAULT_STATE_DIR) -> None:
    """End the stack of this state directory and forget all its state; NoLocalStackError when none runs."""
    load(state_dir).stop()
    (state_dir / _STATE_FILE).unlink(missing_ok=True)
    shutil.rmtree(state_dir / "emulator", ignore_errors=True)
