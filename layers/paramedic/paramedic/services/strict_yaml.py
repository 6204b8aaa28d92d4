"""YAML of which nothing is dropped, and nothing is shown that may be a secret."""

import re
from collections.abc import Hashable
from typing import Any

from paramedic.services.invalid_spec import InvalidSpecError, Unshown


def load_yaml(text: str) -> Any:
    """The document in `text`.

    Raises:
        InvalidSpecError: it is not YAML, or says something twice; shows nothing of it.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key that is there twice, where YAML would drop the first."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Not `from`, nor the text itself: the line that is wrong may hold a secret.
        raise InvalidSpecError("(document)", Unshown("text"), f"is not YAML: {_yaml_problem(error)}") from None


_UNREADABLE = "it holds what cannot be read, or is nested too deeply"
_QUOTED = re.compile(r"""(['"])(?!<).{2,}\1""", re.DOTALL)


def _yaml_problem(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or _UNREADABLE)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    # What is quoted may be a secret that begins with * or !, which YAML takes for an alias or a tag.
    return _QUOTED.sub("'…'", problem) + where
