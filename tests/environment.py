"""The environment as somebody has it who has set nothing of ours."""

import os


def plain_environment() -> dict[str, str]:
    """This process's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QIANSHAO_")}
