"""Tables that people bring, as far as they can be understood without a database: bytes to text, text to rows, columns
to fields, a row to what it says of a contact, a company or a lead.

Nothing here is ever computed: a cell that begins like a formula is text. Pure.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NoReturn, TypedDict

from pbxcrm.calls.numbers import clean, digits, fold_digits
from pbxcrm.crm import custom
from pbxcrm.crm.fields import EMAIL, LONGEST_LINE, LONGEST_TEXT, WrongError, line, long_text, phone
from pbxcrm.crm.folding import folded

Kind = Literal["contacts", "companies", "leads"]


class Given(TypedDict, total=False):
    """What a row says, as columns of its kind; `numbers` normalised, each once."""

    name: str
    company: str
    email: str
    note: str
    site: str
    address: str
    city: str
    job_title: str
    birth_date: str
    source: str
    interest: str
    numbers: list[str]
    custom: dict[str, custom.Value]  # of the house's own fields, by key


MOST_COLUMNS = 100
_SAMPLE = 64 * 1024  # bytes and characters to guess from
_DELIMITERS = ",;\t|"
_LINES = 25  # to guess from
_KEY = 200  # letters

# What a column may become. `first_name` and `last_name` make up a name; several columns of phones are several numbers.
FIELDS: dict[str, tuple[str, ...]] = {
    "contacts": (
        "name", "first_name", "last_name", "company", "job_title", "email", "phone", "city", "birth_date", "note",
    ),
    "companies": ("name", "email", "phone", "site", "address", "city", "note"),
    "leads": (
        "name", "first_name", "last_name", "company", "job_title", "email", "phone", "city", "source", "interest",
        "note",
    ),
}  # fmt: skip
# Those of which several columns may be one: they are joined, or are several numbers.
MANY = frozenset({"phone", "note"})

_WORDS: dict[str, str] = {
    "name": "name|full name|fullname|contact|contact name|customer|customer name|display name|person|lead|lead name|"
    "client|company name|نام و نام خانوادگی|نام کامل|مشتری|نام مشتری|مخاطب|نام مخاطب|الاسم|الاسم الكامل|العميل|"
    "اسم العميل|جهة الاتصال|imię i nazwisko|imie nazwisko|nazwisko i imię|klient|nazwa|nazwa klienta|osoba|kontakt|"
    "фио|ф.и.о.|полное имя|клиент|контакт|контактное лицо|имя клиента|наименование|название",
    "first_name": "first name|firstname|given name|forename|نام|نام کوچک|الاسم الأول|imię|имя",
    "last_name": "last name|lastname|surname|family name|نام خانوادگی|فامیل|اسم العائلة|اللقب|الكنية|nazwisko|фамилия",
    "company": "company|organisation|organization|account|firm|employer|business|شرکت|نام شرکت|سازمان|الشركة|"
    "اسم الشركة|المؤسسة|firma|nazwa firmy|organizacja|spółka|компания|организация|фирма|название компании",
    "email": "email|e-mail|mail|email address|e-mail address|ایمیل|پست الکترونیک|رایانامه|البريد الإلكتروني|بريد|"
    "الايميل|poczta|adres e-mail|adres email|почта|электронная почта|эл. почта|имейл|адрес эл. почты",
    "phone": "phone|telephone|tel|mobile|cell|cellphone|phone number|mobile phone|work phone|home phone|number|"
    "contact number|whatsapp|fax|تلفن|شماره|شماره تلفن|موبایل|تلفن همراه|همراه|شماره موبایل|تماس|شماره تماس|الهاتف|"
    "هاتف|رقم الهاتف|الجوال|جوال|رقم الجوال|الموبايل|رقم|telefon|numer|numer telefonu|komórka|tel. komórkowy|"
    "telefon komórkowy|nr telefonu|nr tel|телефон|номер|номер телефона|мобильный|мобильный телефон|моб. телефон|тел",
    "note": "note|notes|comment|comments|remark|remarks|description|یادداشت|توضیحات|توضیح|ملاحظات|ملاحظة|ملاحظات|"
    "تعليق|وصف|uwagi|notatka|notatki|komentarz|opis|примечание|примечания|комментарий|комментарии|заметка|описание",
    "city": "city|town|شهر|المدينة|مدينة|miasto|miejscowość|город",
    "address": "address|street|postal address|آدرس|نشانی|العنوان|عنوان|adres|ulica|адрес|улица",
    "site": "site|website|web|url|homepage|وب سایت|وبسایت|سایت|الموقع|موقع|الموقع الإلكتروني|strona|strona www|www|"
    "сайт|веб-сайт",
    "job_title": "job title|title|position|role|سمت|شغل|عنوان شغلی|المنصب|المسمى الوظيفي|الوظيفة|stanowisko|funkcja|"
    "должность",
    "birth_date": "birth date|birthday|date of birth|born|dob|تاریخ تولد|تولد|تاريخ الميلاد|الميلاد|data urodzenia|"
    "urodziny|дата рождения|день рождения|д.р.",
    "source": "source|lead source|origin|channel|منبع|منشا|المصدر|مصدر|źródło|źródło leada|источник",
    "interest": "interest|interested in|product|need|علاقه|علاقه مندی|محصول|نیاز|الاهتمام|المنتج|zainteresowanie|"
    "produkt|potrzeba|интерес|продукт|товар",
}


def _key(text: str) -> str:
    """A head word as it is looked up: folded, without stops and strokes, nor the number of a second such column."""
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"\s*\d+$", "", folded(text))).split())


_FIELD_OF = {_key(word): name for name, words in _WORDS.items() for word in words.split("|")}


def name_key(name: str) -> str:
    """What two spellings of one name have in common; short enough for an index."""
    return folded(name).replace("\n", " ")[:_KEY]


class NotRead(ValueError):  # noqa: N818
    """A file that cannot be read as a table, in words for the person who brought it."""


# -- bytes to text ---------------------------------------------------------------------------------------------------

_RUSSIAN = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё")
_CENTRAL = frozenset("ąćęłńóśźżáéíýúůčďěňřšťžäöüőűôĺľŕșțăâîđ")


def encoding_of(head: bytes, *, utf8: bool) -> str:
    """The encoding of a file by its first bytes; `utf8`: whether the whole of it can be read so.

    Without a mark UTF-8 wins wherever it can be; else by the script that the letters would make.
    """
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if wide := _wide(head):
        return wide
    if utf8:
        return "utf-8"
    return max(("cp1250", "cp1251", "cp1256"), key=lambda name: _likely(head, name))


def _wide(head: bytes) -> str:
    """UTF-16 without its mark: every second byte of Latin text and of all separators is zero."""
    half = len(head) // 2
    even, odd = head[0 : half * 2 : 2].count(0), head[1 : half * 2 : 2].count(0)
    if half and max(even, odd) > half // 10 and min(even, odd) * 10 <= max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return ""


def _likely(head: bytes, name: str) -> float:
    """How much the letters of other scripts make words in this encoding; per letter."""
    text = head[:_SAMPLE].decode(name, "replace")
    score, seen, before = 0, 0, " "
    for c in text:
        if not c.isascii():
            seen += 1
            score += _worth(c, before, name)
        if name != "cp1250" and c.isalpha() and before.isalpha() and c.isascii() != before.isascii():
            score -= 3  # no word is half in Latin letters
        before = c
    return score / seen if seen else 0.0


def _worth(c: str, before: str, name: str) -> int:
    low = c.lower()
    if name == "cp1251":
        if low not in _RUSSIAN:
            return -1
        return -1 if c != low and before.isalpha() and before == before.lower() else 2  # рУССКИЙ is nobody's spelling
    if name == "cp1256":
        return 2 if "\u0600" <= c <= "\u06ff" else -1
    return 1 if low in _CENTRAL else -2


# -- text to rows ----------------------------------------------------------------------------------------------------


def delimiter_of(text: str) -> str:
    """What stands between the cells, by the first lines; Excel's own `sep=;` line is believed."""
    if marked := re.match(r"\ufeff?sep=(.)\r?\n", text, re.IGNORECASE):
        return marked[1]
    return max(_DELIMITERS, key=lambda sign: _fits(text, sign))


def _fits(text: str, sign: str) -> tuple[int, int]:
    """How many of the first rows are as wide as the first is, if that has several cells, and how wide."""
    try:
        rows = [row for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=sign), _LINES) if any(row)]
    except csv.Error:
        return 0, 0
    width = len(rows[0]) if rows else 0
    return (sum(len(row) == width for row in rows), width) if width > 1 else (0, 0)


def rows_of(text: io.TextIOBase, sign: str) -> Iterator[list[str]]:
    """The rows that hold anything, cells cut to what a field takes. Raises NotRead."""
    reader = csv.reader(text, delimiter=sign)
    try:
        for n, row in enumerate(reader):
            if n == 0 and row and re.fullmatch(r"\ufeff?sep=.?", "".join(row), re.IGNORECASE):
                continue
            if kept := cells(row):
                yield kept
    except csv.Error as error:
        raise NotRead(
            f"Line {reader.line_num} cannot be read as a table ({error}). Nothing was stored. Look for a quotation "
            "mark that is opened there and not closed, or save the file anew as CSV."
        ) from None
    except UnicodeError:
        raise NotRead(
            "The letters of this file are in no encoding that is known here. Nothing was stored. Save it as "
            '"CSV UTF-8" and try again.'
        ) from None


def cells(row: Sequence[object]) -> list[str]:
    """A row's cells as clean text, without empty ones at its end; [] where nothing is in it."""
    found = [_cell(value) for value in row[:MOST_COLUMNS]]
    while found and not found[-1]:
        found.pop()
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a phone number that a spreadsheet took for one
    text = str(value)[: LONGEST_TEXT + 1].replace("\ufeff", "")
    return "\n".join(clean(one, LONGEST_TEXT + 1) for one in text.splitlines()).strip()


def head_of(first: Sequence[str]) -> list[str] | None:
    """The names of the columns, where the first row is such; None where it is a row like all others."""
    known = sum(_key(cell) in _FIELD_OF for cell in first)
    like_data = any("@" in cell or len(digits(fold_digits(cell))) > 4 for cell in first)
    if like_data or not (known or (len(first) > 1 and all(first) and len(set(first)) == len(first))):
        return None
    return [cell[:LONGEST_LINE] for cell in first]


Own = Sequence[custom.Field]  # fields of the house's own: a column may be "custom.<key>"


def fields_of(kind: str, own: Own) -> tuple[str, ...]:
    """What a column may become."""
    return (*FIELDS[kind], *(f"custom.{one.key}" for one in own))


def guessed(columns: Sequence[str], kind: str, sample: Sequence[Sequence[str]] = (), own: Own = ()) -> dict[str, str]:
    """Which column is which field, {"0": "name"}: by its head word in five languages, by the name of one of the house's
    own, else by what stands in it.
    """
    found: dict[str, str] = {}
    house = {_key(word): f"custom.{one.key}" for one in own for word in (one.name, f"custom.{one.key}") if _key(word)}
    known = fields_of(kind, own)
    for n, name in enumerate(columns):
        word = _FIELD_OF.get(_key(name), "")
        guess = "name" if word == "company" and kind == "companies" else word
        if guess not in known and (own_one := house.get(_key(name))):
            guess = own_one
        elif not word:
            guess = _by_content(name, [row[n] for row in sample if len(row) > n])
        if guess in known and (guess in MANY or guess not in found.values()):
            found[str(n)] = guess
    taken = set(found.values())
    if "first_name" in taken and not taken & {"last_name", "name"}:  # "نام" alone is the whole name
        found = {n: "name" if guess == "first_name" else guess for n, guess in found.items()}
    return found


def _by_content(name: str, cells: Sequence[str]) -> str:
    """What a column is by what stands in it. Digits under a head word that is unknown may be anything: a tax number."""
    values = [cell for cell in cells if cell]
    if sum("@" in value and "." in value for value in values) * 2 > len(values):
        return "email"
    like = sum(bool(_NUMBER.fullmatch(fold_digits(value))) and not _DAY.match(value) for value in values)
    return "phone" if not name and like * 2 > len(values) else ""


_NUMBER = re.compile(r"\+?(?:[\s().\-/]*[0-9]){7,15}[\s)]*")
_DAY = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")


# -- a row to what it says -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says: fields as its kind has them (`numbers` normalised), and what is wrong with it."""

    fields: Given = field(default_factory=lambda: Given())
    problem: str = ""


Day = Callable[[str], str]


def understood(
    given: Sequence[str], mapping: Mapping[str, str], kind: str, region: str | None, day: Day, own: Own = ()
) -> Row:
    """A row by this mapping. A row with a problem is left out as a whole: half a customer helps nobody.

    `day` reads a day as people write it, "" where it is none.
    """
    known = fields_of(kind, own)
    parts: dict[str, list[str]] = {}
    for n, name in mapping.items():
        value = _bare(given[int(n)]) if int(n) < len(given) else ""
        if value and name in known:
            parts.setdefault(name, []).append(value)
    try:
        house = _house(parts, own, region, day)
        return _row(parts, kind, region, day, house)
    except _BadCell as error:
        return Row(problem=error.said)


class _BadCell(ValueError):  # noqa: N818
    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def _house(parts: dict[str, list[str]], own: Own, region: str | None, day: Day) -> dict[str, custom.Value]:
    """What the cells of the house's own fields say; they are taken out of `parts`. Raises _BadCell."""
    found: dict[str, custom.Value] = {}
    for one in own:
        for written in parts.pop(f"custom.{one.key}", ()):
            try:
                value = custom.read(one, (day(written) or written) if one.type == "date" else written, None, region)
            except ValueError as error:
                _bad(f"custom.{one.key}", written, str(error))
            if value is not None:
                found[one.key] = value
    return found


def _row(
    parts: Mapping[str, list[str]],
    kind: str,
    region: str | None,
    day: Day,
    house: Mapping[str, custom.Value],
) -> Row:
    fields: dict[str, object] = {name: _field(name, values, day) for name, values in parts.items()}
    fields["custom"] = dict(house)
    numbers = _numbers(parts.get("phone", ()), region)
    whole = " ".join(parts.get("first_name", []) + parts.get("last_name", []))
    if whole and not fields.get("name"):
        fields["name"] = _taken("name", whole, line)
    if kind != "contacts" and len(numbers) > 1:  # one is its number, the others are kept to be read
        fields["note"] = _taken("note", "\n".join([*parts.get("note", []), *numbers[1:]]), long_text)
        numbers = numbers[:1]
    fields["numbers"] = numbers
    for name in ("phone", "first_name", "last_name"):
        fields.pop(name, None)
    needed = ("name",) if kind == "companies" else ("name", "company", "numbers", "email")
    if not any(fields.get(name) for name in needed):
        return Row(problem="No name." if kind == "companies" else "No name, company, number or e-mail.")
    given: Given = {}
    given.update({name: value for name, value in fields.items() if value})  # type: ignore[typeddict-item]
    return Row(given)


def _field(name: str, values: Sequence[str], day: Day) -> object:
    """What the cells of one field say. Raises _BadCell."""
    if name == "phone":
        return None
    if name == "email":
        return _email(values[0])
    if name == "birth_date":
        return day(values[0]) or _bad(name, values[0], "This is no day; write it like 2026-12-31.")
    return _taken(name, "\n".join(values) if name == "note" else values[0], long_text if name == "note" else line)


def _bad(name: str, value: str, said: str) -> NoReturn:
    raise _BadCell(f"{name}: {_short(value)}: {said}")


def _bare(cell: str) -> str:
    """A cell without what spreadsheets (and our own exports) put around text that looks like a formula or a number:
    an apostrophe before it, or `="0601234567"`.
    """
    if marked := re.fullmatch(r'="([^"]*)"', cell):
        return marked[1]
    return cell[1:] if re.match(r"'[=+\-@']", cell) else cell


def _taken(name: str, value: str, parse: Callable[[object], str]) -> str:
    try:
        return parse(" ".join(value.split()) if parse is line else value)
    except WrongError as error:
        _bad(name, value, str(error))


def _parted(value: str) -> list[str]:
    """What is written in one cell; the comma of "4,86E+10" parts nothing."""
    return [value] if _POWER.fullmatch(value.replace(",", ".")) else re.split(r"[,;|\n،؛]+|\s/\s", value)


def _numbers(values: Sequence[str], region: str | None) -> list[str]:
    """Each number once. Several in one cell are parted by a comma, a semicolon, a stroke or a new line."""
    written = (part.strip() for value in values for part in _parted(value))
    found = [_number(one, region) for one in written if one]
    if len(found) > 20:
        raise _BadCell("phone: At most 20 numbers fit.")
    return list(dict.fromkeys(found))


# A number that a spreadsheet took for a quantity: with decimals, or in powers of ten, its last digits often cut away.
_WHOLE = re.compile(r"([0-9]{5,15})[.]0+")
_POWER = re.compile(r"([0-9])(?:[.]([0-9]+))?E[+]?([0-9]{1,2})", re.IGNORECASE)
CUT = "A spreadsheet cut this number short. Make the column text there, type it anew, and bring the file again."


def _number(written: str, region: str | None) -> str:
    """A phone number: E.164 where it can be read so. Raises _BadCell."""
    text = fold_digits(written).removeprefix("tel:").strip()
    if whole := _WHOLE.fullmatch(text):
        text = whole[1]
    elif power := _POWER.fullmatch(text.replace(",", ".")):
        text = power[1] + (power[2] or "")
        if len(text) != int(power[3]) + 1:
            _bad("phone", written, CUT)
    try:
        number = phone(text, region)
    except WrongError:
        number = ""
    if len(digits(number)) < 3 or re.search(r"[^\W\d_]{3}", text):
        _bad("phone", written, "This is no phone number.")
    return number


_NO_EMAIL = "This is no e-mail address."


def _email(value: str) -> str:
    text = re.split(r"[,;\s]+", value.removeprefix("mailto:").strip())[0]
    if len(text) > LONGEST_LINE or not EMAIL.fullmatch(text):
        _bad("email", value, _NO_EMAIL)
    return text.lower()


def _short(value: str) -> str:
    return "“" + (value[:39] + "…" if len(value) > 40 else value) + "”"
