"""The police district's adapter: `python -m hub.adapters.partners.police --config police.json run`."""

import sys

from contracts.terms import OrganisationKind
from hub.adapters.partners.reporting import main

if __name__ == "__main__":
    sys.exit(main(OrganisationKind.POLICE))
