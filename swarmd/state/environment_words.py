"""``${NAME}`` in an address: a secret that a person keeps in the environment and not in a file."""

import os
import re

from swarmd.state.errors import OperatorError

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(text: str, *, whose: str) -> str:
    """With the environment's words in place. OperatorError, naming ``whose`` text it is, where one is not set."""

    def word(found: re.Match[str]) -> str:
        value = os.environ.get(found[1])
        if not value:
            raise OperatorError(f"{whose} needs ${{{found[1]}}}, which the environment does not have")
        return value

    return VARIABLE.sub(word, text)
