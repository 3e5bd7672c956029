"""A running hub: its processes, and what an operator asks of it and does to it."""
