"""The partners' own programs: they stand at the partner's end and know the contracts, never the hub.

| module | who | run |
|---|---|---|
| `police` | police district | `python -m hub.adapters.partners.police --config police.json run` |
| `emergency_department` | A&E | `python -m hub.adapters.partners.emergency_department --config … run` |
| `ngo` | who receives referrals | `python -m hub.adapters.partners.ngo --config ngo.json run` |

`reporter` is what the first two share. Each speaks both profiles, HTTP and Kafka (`settings.profile`).
"""
