"""What `health_probe` is told by its environment."""

from paramedic.settings import CommaList, EnvironmentSettings


class ProbeSettings(EnvironmentSettings):
    """`allowed_cidrs`: the private networks targets may be in."""

    allowed_cidrs: CommaList = ()
