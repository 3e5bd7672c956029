"""The API as a server: how it answers on the wire."""

import http.client
import time
from statistics import median
from urllib.parse import urlsplit

from hub.operating.serving import Server
from tests.support.api import Api
from tests.world import World

DELAYED_ACK_S = 0.04
"""How long a client that has nothing to send keeps its acknowledgement back (Linux)."""


def test_an_answer_does_not_wait_for_the_clients_acknowledgement(world: World) -> None:
    """Head and body go in two pieces: the second waits for nothing."""
    server = Server(Api(world).app)
    server.start()
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            took.append(time.perf_counter() - began)
        assert median(took[1:]) < DELAYED_ACK_S / 2
    finally:
        connection.close()
        server.stop()
