"""Settings: every mistake names its variable, and no message holds the token."""

from pathlib import Path

import pytest
import yaml

from paramedic.autoscaling.tick import MAX_REPORT_LAG_SECONDS
from paramedic.services.spec import parse_spec
from paramedic.settings import InvalidSettingError
from paramedic_cli.local.project import project_root
from paramedic_gateway.counting.counting import SETTLE_SECONDS
from paramedic_gateway.settings import LONGEST_REPORT_SECONDS, Settings

GIVEN = {"TABLE_PREFIX": "p-", "PARAMEDIC_GATEWAY_REPLICA": "r1", "PARAMEDIC_GATEWAY_DIR": "/gw"}


def test_little_needs_to_be_given() -> None:
    settings = Settings.from_env({**GIVEN, "PARAMEDIC_GATEWAY_HOST": "", "UNRELATED": "x"})
    assert (settings.gateway, settings.host, settings.port, settings.token()) == ("default", None, 8080, None)
    assert not settings.speaks_tls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARAMEDIC_GATEWAY_REPLICA", "R1"),
        ("PARAMEDIC_GATEWAY_PORT", "0"),
        ("PARAMEDIC_GATEWAY_DOMAIN", "Models.Test"),
        ("PARAMEDIC_GATEWAY_POLL_SECONDS", "5.1"),
        ("PARAMEDIC_GATEWAY_POLL_SECONDS", "0.01"),
        ("PARAMEDIC_GATEWAY_REPORT_SECONDS", "5.1"),
        ("PARAMEDIC_GATEWAY_REPORT_SECONDS", "0.1"),
        ("PARAMEDIC_GATEWAY_CERTIFICATE_FILE", "/tls.crt"),
        ("PARAMEDIC_GATEWAY_DIR", "/" + "d" * 100),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSettingError, match="PARAMEDIC_GATEWAY_") as refused:
        Settings.from_env({**GIVEN, name: value})
    assert name.rsplit("_", maxsplit=1)[-1] in str(refused.value)


def test_one_port_cannot_be_both_in_the_clear_and_tls() -> None:
    ports = {"PARAMEDIC_GATEWAY_PORT": "9000", "PARAMEDIC_GATEWAY_TLS_PORT": "9000"}
    both = "PARAMEDIC_GATEWAY_PORT and PARAMEDIC_GATEWAY_TLS_PORT are both 9000"
    with pytest.raises(InvalidSettingError, match=both):
        Settings.from_env({**GIVEN, **ports})
    assert Settings.from_env({**GIVEN, **ports, "PARAMEDIC_GATEWAY_PORT": "9001"}).port == 9001


def test_a_report_that_is_lost_does_not_yet_make_figures_too_old_for_autoscaling() -> None:
    settings = Settings.from_env({**GIVEN, "PARAMEDIC_GATEWAY_REPORT_SECONDS": str(LONGEST_REPORT_SECONDS)})
    a_tenth_longer = 1.1 * settings.report_seconds
    assert 2 * a_tenth_longer + SETTLE_SECONDS < MAX_REPORT_LAG_SECONDS


def test_a_token_file_is_read_and_must_hold_something(tmp_path: Path) -> None:
    path = tmp_path / "token"
    settings = Settings.from_env({**GIVEN, "PARAMEDIC_GATEWAY_TOKEN_FILE": str(path)})
    with pytest.raises(InvalidSettingError, match="cannot be read"):
        settings.token()
    path.write_text("\n")
    with pytest.raises(InvalidSettingError, match="is empty"):
        settings.token()
    path.write_text("horse\n")
    assert settings.token() == "horse"
    assert "horse" not in repr(settings)


def test_two_tokens_are_one_too_many_and_none_is_shown() -> None:
    with pytest.raises(InvalidSettingError) as refused:
        Settings.from_env({**GIVEN, "PARAMEDIC_GATEWAY_TOKEN": "horse", "PARAMEDIC_GATEWAY_TOKEN_FILE": "/x"})
    assert "horse" not in str(refused.value)


def test_the_options_in_the_documentation_are_those_of_a_service() -> None:
    text = (project_root() / "docs/gateway.md").read_text()
    block = text.partition("```yaml\n")[2].partition("```")[0]
    document = yaml.safe_load(block)
    document["service"] |= {"readiness_probe": "/health", "replicas": 1}
    handling = parse_spec({**document, "name": "documented", "run": "serve"}).service.requests
    assert set(document["service"]["requests"]) == set(type(handling).model_fields)


def test_every_variable_is_documented() -> None:
    text = (project_root() / "docs/gateway.md").read_text()
    names = {str(field.alias) for field in Settings.model_fields.values()}
    assert [name for name in names if name.removeprefix("PARAMEDIC_GATEWAY") not in text] == []


def test_a_replica_that_was_launched_takes_gateway_and_name_from_its_launch_unless_it_is_told() -> None:
    launched = {"PARAMEDIC_WORKLOAD": "gateway:web/3", "PARAMEDIC_EPOCH": "7"}
    unnamed = {name: value for name, value in GIVEN.items() if name != "PARAMEDIC_GATEWAY_REPLICA"}
    settings = Settings.from_env({**unnamed, **launched})
    assert (settings.gateway, settings.replica, settings.number, settings.epoch) == ("web", "web-3", 3, 7)
    told = Settings.from_env({**GIVEN, **launched, "PARAMEDIC_GATEWAY": "web"})
    assert told.replica == GIVEN["PARAMEDIC_GATEWAY_REPLICA"]


def test_a_replica_that_was_started_by_hand_has_no_number_of_its_own() -> None:
    by_hand = {"PARAMEDIC_WORKLOAD": "gateway:default", "PARAMEDIC_EPOCH": "1"}
    assert Settings.from_env({**GIVEN, **by_hand}).number is None
