"""The citizen's case: facts (`events`), what they are made of (`values`), and the rules (`case`)."""
