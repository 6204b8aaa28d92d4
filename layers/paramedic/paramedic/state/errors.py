"""What can be wrong with state: a row that cannot be understood, or no answer."""

from paramedic.errors import InvalidInputError, ParamedicError


class InvalidRowError(InvalidInputError):
    """A stored row is malformed or was written for newer readers."""

    def __init__(self, table: str, key: str, field: str, value: object, problem: str) -> None:
        self.table = table
        self.key = key
        super().__init__(f"{table}[{key}].{field}", value, problem)


class StateUnreachableError(ParamedicError):
    """DynamoDB did not answer. Says nothing about what is stored, least of all that it is stale."""
