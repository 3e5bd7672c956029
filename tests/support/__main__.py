"""`python -m tests.support`: have everything that the whole suite needs, before it runs in several processes.

Each starts servers of its own; what is installed and fetched for them comes here, once. What can't be had is
one line that says what to install, and no test runs.
"""

import sys

from tests.support import browser, kafka, postgres, toolchains
from tests.support.provision import MissingServer


def main() -> None:
    """Install and fetch. Exits with the line where something is missing."""
    try:
        kafka.prepare(own=True)
        postgres.prepare(own=True)
        browser.prepare()
        toolchains.node()
        toolchains.npm(*toolchains.ASYNCAPI_PARSER)
        toolchains.go()
    except MissingServer as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
