"""The launcher `ssm` with what it needs of its surroundings."""

from pydantic import Field

from paramedic.clock import Clock
from paramedic.launchers.ssm.commands import HostCommands
from paramedic.launchers.ssm.launcher import SsmLauncher
from paramedic.launchers.ssm.profile import SsmProfile
from paramedic.run_command import RunCommand
from paramedic.settings import EnvironmentSettings


class SsmSettings(EnvironmentSettings):
    """`ssm_launcher_document` is the stack's own, there once its parameter SsmLauncherInstanceArns names hosts."""

    ssm_launcher_document: str = Field(min_length=1)


def make_ssm_launcher(profile: SsmProfile, client: RunCommand, clock: Clock) -> SsmLauncher:
    """The launcher of a profile.

    Raises:
        InvalidSettingError: this stack launches nothing by SSM.
    """
    document = SsmSettings.from_env().ssm_launcher_document
    return SsmLauncher(profile, HostCommands(client, document, profile.instance, clock))
