"""How people are greeted: by the initial of their name."""

import asyncio

TRIES, PAUSE_SECONDS = 3, 0.4
WORDS = dict(zip("ABCDEFGHIJKLMW", ["Hello", "Good day", "Welcome"] * 5, strict=False))


async def phrase(name: str) -> str:
    """Return the greeting of somebody; waits for words that are not there yet."""
    for _ in range(TRIES):
        if name[0].upper() in WORDS:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return f"{WORDS[name[0].upper()]}, {name}!"
