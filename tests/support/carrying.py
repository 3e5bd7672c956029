"""What is stored, brought to the owning unit's read models by the embedded broker."""

from contextlib import closing

from hub.adapters.broker.embedded import EmbeddedBroker
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.world import UNIT, World


def carried(world: World, broker: EmbeddedBroker) -> None:
    """Send what is stored, and bring the unit's read models and the disclosures up with it."""
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    with (
        closing(world.parts.relay(broker)) as relay,
        closing(world.parts.projector(broker, UNIT)) as projector,
    ):
        while relay.step():
            pass
        while projector.step(200, 0):
            pass
        while follower.step(200):
            pass
