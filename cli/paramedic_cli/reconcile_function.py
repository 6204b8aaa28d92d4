"""Has the stack look at a gateway now, rather than at its next tick."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from paramedic_cli.output import say
from paramedic_cli.stack import Stack


def ask_to_reconcile(stack: Stack, gateway: str) -> None:
    """Invoke the function and wait for nothing; what cannot be asked, as a monitor, looks each minute."""
    if stack.without_lambda:
        return
    once = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    try:
        # A session of its own, for the shared one keeps the credentials it began with.
        client = boto3.Session().client("lambda", config=once)
        payload = json.dumps({"gateway": gateway}).encode()
        client.invoke(FunctionName=stack.reconcile_function, InvocationType="Event", Payload=payload)
    except (BotoCoreError, ClientError) as error:
        say(f"{stack.reconcile_function} could not be asked and looks within a minute by itself: {error}")
