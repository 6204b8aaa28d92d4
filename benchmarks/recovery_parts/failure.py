"""A controller that fails as the check sees it, and what the check leaves behind and sends."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from paramedic.clock import SystemClock, to_iso
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.targets import BadPeriod, Target, bucket_of, controller_target_id

CLOCK = SystemClock()


def found_dead(controller_id: str) -> Mapping[str, Any]:
    """Leave what a check that found it dead leaves, and return what the queue then delivers."""
    target_id, now = controller_target_id(controller_id), to_iso(CLOCK.now())
    heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    assert heartbeat is not None, f"controller {controller_id} never beat"
    bad = BadPeriod(
        verdict="down",
        diagnosis="dead",
        since=now,
        last_tick=now,
        heartbeat_sequence=int(heartbeat.sequence),
        outcome="refused",
        event_id=uuid.uuid4().hex,
    )
    Target(bucket_of(target_id), target_id).update(actions=[Target.bad.set(bad)])
    detail = {
        "event_id": bad.event_id,
        "target_id": target_id,
        "kind": "controller",
        "tick": now,
        "since": now,
        "decided_at": now,
        "verdict": bad.verdict,
        "diagnosis": bad.diagnosis,
        "cures": True,
        "needs_host_signal": False,
        "severity": "page",
        "sentence": "killed by the benchmark",
        "outcome": bad.outcome,
        "heartbeat": "stale",
        "heartbeat_sequence": bad.heartbeat_sequence,
        "mode": "auto",
    }
    body = json.dumps({"source": "paramedic", "detail-type": "Controller Failed", "detail": detail})
    return {"Records": [{"messageId": "benchmark", "body": body}]}


def forget_attempts(controller_id: str) -> None:
    """Let the next failure be the first of its incident, which is not made to wait."""
    Incident(controller_target_id(controller_id), CURRENT_ITEM).delete()
