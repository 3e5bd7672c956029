"""How a word that was planted can stand in what programs write."""

import base64
import json
from urllib.parse import quote


def forms(word: str) -> dict[str, bytes]:
    """A word as programs write it. Base64 depends on what stands before: three forms, cut to the certain."""
    raw = word.encode()
    found = {
        "utf-8": raw,
        "utf-16": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "latin-1": word.encode("latin-1"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "json": json.dumps(word)[1:-1].encode(),
        "repr": repr(raw)[2:-1].encode(),
        "url": quote(word).encode(),
    }
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        found[f"base64+{shift}"] = whole[first:last]
        found[f"base64url+{shift}"] = whole[first:last].replace(b"+", b"-").replace(b"/", b"_")
    return found
