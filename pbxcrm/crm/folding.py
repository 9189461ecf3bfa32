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
    whole = "\n".join(" ".join(text.split()) for text in texts if text)
    if whole.isascii():
        return whole.lower()
    plain = unicodedata.normalize("NFKD", whole.casefold().translate(_ALIKE))
    return fold_digits("".join(c for c in plain if not unicodedata.combining(c))).translate(_ALIKE)
