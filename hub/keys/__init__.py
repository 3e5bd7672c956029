"""Keys: minted, kept, destroyed for good; what is sealed and wrapped under them (docs/format.md)."""
