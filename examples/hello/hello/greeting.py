"""What one says to somebody."""

GREETINGS = {
    "de": "Hallo, {}!",
    "en": "Hello, {}!",
    "es": "¡Hola, {}!",
    "fr": "Bonjour, {} !",
    "it": "Ciao, {}!",
}


def greet(name: str, language: str = "en") -> str:
    """Greet somebody.  ValueError: nobody has a name like that, or nobody speaks like that."""
    if not name.strip():
        raise ValueError("whom to greet?")
    if language not in GREETINGS:
        raise ValueError(f"no greeting in {language!r}; there is {', '.join(sorted(GREETINGS))}")
    return GREETINGS[language].format(name.strip())
