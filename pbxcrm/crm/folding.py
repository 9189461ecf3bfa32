"""Text as a search looks for it: the same for every way of writing the same letters and digits. Pure."""

import unicodedata

from pbxcrm.calls.numbers import fold_digits

# Letters that are one to the eye or to the keyboard, and that Unicode does not take apart.
_ALIKE = str.maketrans(
    {
        "ي": "ی",
        "ى": "ی",
        "ئ": "ی",
        "ك": "ک",
        "ة": "ه",
        "ۀ": "ه",
        "أ": "ا",
        "إ": "ا",
        "ٱ": "ا",
        "ؤ": "و",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ı": "i",
        "æ": "ae",
        "œ": "oe",
        "\u0640": "",  # the stroke that stretches Arabic words
        "\u200c": "",  # the gap within Persian words, which many leave out
    }
)


def folded(*texts: str) -> str:
    """These texts, a line each: small letters, no accents, one letter and one digit for those that look alike."""
    return "\n".join(line for text in texts if (line := _line(text)))


def _line(text: str) -> str:
    text = text.replace("\0", " ")  # no database takes it
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(c for c in text if not unicodedata.combining(c))
        text = fold_digits(unicodedata.normalize("NFKC", text).translate(_ALIKE))
    return " ".join(text.lower().split())
