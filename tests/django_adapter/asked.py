"""Random questions to the list of items."""

import random
from urllib.parse import urlencode

PARTS = ("", "off", "größe", "Größe", "%", "_", "日本", "🚚", '"', "nothing like it", "a\tb", "\\")


def questions(count: int, seed: int) -> list[str]:
    """Query strings; most are right."""
    chance = random.Random(seed)
    return [urlencode(_question(chance)) for _ in range(count)]


def _question(chance: random.Random) -> dict[str, str]:
    asked = {"user_id": str(chance.randrange(9))}
    if chance.random() < 0.5:
        asked["limit"] = str(chance.choice((1, 2, 50, 499, 500)))
    if chance.random() < 0.4:
        asked["q"] = chance.choice(PARTS)
    if chance.random() < 0.4:
        asked["status"] = chance.choice(("open", "closed", "waiting", "unknown", "'"))
    if chance.random() < 0.3:
        asked["cursor"] = chance.choice(("MTAw", "MjkwMA==", "MA=="))
    if chance.random() < 0.08:
        asked |= chance.choice(
            ({"limit": "0"}, {"limit": "501"}, {"user_id": "x"}, {"cursor": "?"}, {"limit": "1.5"})
        )
    return asked
