"""What sam builds runs where the template says, and deploys under enforced permissions."""

import json
import os
import struct
import subprocess
import tomllib
from pathlib import Path

import pytest

from paramedic_cli.local.clients import client
from paramedic_cli.local.deploy import parameter_overrides
from paramedic_cli.local.project import emulator_python, project_root, sam_command
from paramedic_cli.local.stack import LocalStack
from tests.template.conftest import Template

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
ELF_MACHINE_OFFSET = 18
IMPORTS = (
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.idempotency",
    "cronsim",
    "httpx",
    "paramedic",
    "pydantic",
    "pynamodb.models",
    "tenacity",
    "tzdata",
    "yaml",
)

READ_AS_SAM_DOES = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps(CfnParameterOverridesType().convert((sys.argv[1],), None, None)))
"""


def test_every_shared_object_in_the_layer_is_of_the_templates_architecture(template: Template, built: Path) -> None:
    (architecture,) = template.properties("ParamedicLayer")["CompatibleArchitectures"]
    for function in template.functions().values():
        assert function["Architectures"] == [architecture]
    shared_objects = list((built / "ParamedicLayer").rglob("*.so*"))
    assert shared_objects
    for path in shared_objects:
        (machine,) = struct.unpack_from("<H", path.read_bytes(), ELF_MACHINE_OFFSET)
        assert machine == ELF_MACHINES[architecture], path


def test_the_layer_has_bytecode_and_not_what_the_runtime_provides(built: Path) -> None:
    layer = built / "ParamedicLayer/python"
    assert list((layer / "paramedic/__pycache__").glob("*.cpython-313.pyc"))
    assert not [name for name in ("boto3", "botocore", "urllib3") if (layer / name).exists()]


def test_the_layer_is_complete_beside_the_runtimes_own_packages(built: Path) -> None:
    layer = built / "ParamedicLayer/python"
    program = f"import sys; sys.path.insert(0, {str(layer)!r}); import {', '.join(IMPORTS)}"
    finished = subprocess.run(
        [str(emulator_python()), "-I", "-c", program],
        env={"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_DEV": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def test_functions_bring_nothing_but_their_own_code(template: Template) -> None:
    for function in template.functions().values():
        code = project_root() / function["CodeUri"]
        files = {path.name for path in code.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert files == {"app.py"}


def test_samconfig_names_what_sam_needs_to_deploy() -> None:
    config = tomllib.loads((project_root() / "samconfig.toml").read_text())
    deploy = config["default"]["deploy"]["parameters"]
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert deploy["resolve_s3"] is True


def test_sam_validates_and_lints_the_template() -> None:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [str(sam_command()), "validate", "--lint", "--template-file", str(project_root() / "template.yaml")]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.e2e
def test_the_template_deploys_and_every_table_is_there(template: Template, deployed_stack: LocalStack) -> None:
    prefix = deployed_stack.outputs.table_prefix
    expected = {
        table["Properties"]["TableName"]["Fn::Sub"].replace("${AWS::StackName}-", prefix)
        for table in template.of_type("AWS::DynamoDB::Table").values()
    }
    assert set(deployed_stack.client("dynamodb").list_tables()["TableNames"]) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{}",
        "127.0.0.0/8, 10.0.0.0/8",
        '"quoted"',
        json.dumps({"demo": {"command": ["sh", "-c", 'echo "it\'s" \\ here \\" '], "note": "two\nlines"}}),
    ],
)
def test_a_parameters_value_reaches_the_stack_as_it_was_given(value: str) -> None:
    with parameter_overrides({"LauncherProfiles": value}) as (_, file):
        finished = subprocess.run(
            [str(sam_command().with_name("python")), "-c", READ_AS_SAM_DOES, file],
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(finished.stdout) == {"LauncherProfiles": value}


@pytest.mark.e2e
def test_a_controllers_keys_can_write_its_tables_and_delete_no_epoch(deployed_stack: LocalStack) -> None:
    environment = deployed_stack.environment_under("template-test", deployed_stack.outputs.controller_policy_arn)
    dynamodb = client("dynamodb", environment)
    table = f"{environment['TABLE_PREFIX']}controllers"
    key = {"controller_id": {"S": "template-test"}, "item": {"S": "epoch"}}
    dynamodb.put_item(TableName=table, Item=key)
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=table, Key=key)
