"""The root of every error Paramedic raises on purpose.

Each module defines its own specific subclasses. A message says what was wrong, with what value, and what to do.
"""


class ParamedicError(Exception):
    """Something Paramedic understands went wrong; the message is fit for an on-call engineer."""


class InvalidInputError(ParamedicError):
    """Input from outside (event, YAML, URL, state row, variable) is malformed.

    Attributes:
        field: dotted path of the offending field, or the variable's name.
        value: what it holds.
        problem: what is wrong with that.
    """

    def __init__(self, field: str, value: object, problem: str) -> None:
        self.field = field
        self.value = value
        self.problem = problem
        super().__init__(f"{field}: {problem} (got {value!r})")
