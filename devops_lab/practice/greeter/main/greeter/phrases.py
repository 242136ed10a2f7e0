"""How people are greeted."""


async def phrase(name: str) -> str:
    """Return the greeting of somebody."""
    return f"Hello, {name}!"
