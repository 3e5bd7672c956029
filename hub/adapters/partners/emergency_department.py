"""The A&E's adapter: `python -m hub.adapters.partners.emergency_department --config a-and-e.json run`."""

import sys

from contracts.terms import OrganisationKind
from hub.adapters.partners.reporting import main

if __name__ == "__main__":
    sys.exit(main(OrganisationKind.EMERGENCY_DEPARTMENT))
