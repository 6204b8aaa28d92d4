"""What `health_probe` is told by its environment."""

from pydantic import Field, field_validator

from paramedic.errors import InvalidInputError
from paramedic.health.probe_url import parse_url
from paramedic.settings import CommaList, EnvironmentSettings

MOST_SENTINELS = 10


class ProbeSettings(EnvironmentSettings):
    """`allowed_cidrs`: the private networks targets may be in; `sentinel_urls`: what answers if our network is well."""

    allowed_cidrs: CommaList = ()
    sentinel_urls: CommaList = Field(default=(), max_length=MOST_SENTINELS)

    @field_validator("sentinel_urls")
    @classmethod
    def _can_be_probed(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            try:
                parse_url(url)
            except InvalidInputError as error:
                raise ValueError(str(error)) from error
        return urls
