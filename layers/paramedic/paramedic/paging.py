"""Telling people, through the stack's alert topic."""

import json
import logging
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

LOG = logging.getLogger(__name__)

SUBJECT_LENGTH = 100
"""What SNS takes."""


def topic_pager(topic_arn: str) -> "TopicPager":
    """A pager for the topic.

    One that does not answer holds its user up for a moment only: what is owed is tried again by the next invocation.
    """
    once = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
    # Not by boto3, whose resources and transfers nobody here uses and every start pays.
    client = botocore.session.get_session().create_client("sns", config=once)
    return TopicPager(cast("SNSClient", client), topic_arn)


class TopicPager:
    """Publishes to one topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def page(self, subject: str, text: str) -> bool:
        """Whether the topic has taken it; whoever owes the page tries again later if not."""
        message = json.dumps({"subject": subject, "text": text})
        try:
            self._client.publish(TopicArn=self._topic_arn, Subject=subject[:SUBJECT_LENGTH], Message=message)
        except (BotoCoreError, ClientError):
            LOG.exception("page not sent: %s", subject)
            return False
        return True
