"""A hub to test a partner's program against: `python -m contracts.conformance adapter.toml`.

It speaks as a municipality's hub does, over HTTP and, given a broker, over Kafka; starts the program in a new
folder for each scenario; and judges it by what the hub sees, what the program prints, and what lies on its
disk. Each finding names its rule in BYTES.md section 8.
"""
