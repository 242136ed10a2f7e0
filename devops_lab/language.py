"""The languages that pages are written in: ``of("id")`` is one, and called with an English sentence it says it.

The English sentence in the code is the msgid of gettext; ``locale/CODE.po`` holds one language, read by Babel at run
time (there is nothing to compile), so another language is one more catalogue.  A sentence that the catalogue lacks is
said in English.  Numbers keep the two digits and the units of ``devops_lab.words``; `Language.number` only changes what
a language writes otherwise: the unit's name, the decimal sign, the month.

A sentence that stands in a table of texts is put into ``marked(…)`` there, so that it is found by who extracts msgids
(the keywords are `EXTRACTED`).
"""

from __future__ import annotations

import io
import re
from calendar import month_name
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from devops_lab import words
from devops_lab.errors import QuestionError

FOLDER = Path(__file__).parent / "locale"
SOURCE = "en"
EXTRACTED: dict[str, Any] = {"t": None, "marked": None, "many": (1, 2), "counted": (1, 2), "heading": (2,)}


def marked(sentence: str) -> str:
    """Return the sentence as it is; who extracts msgids finds it here."""
    return sentence


def counted(one: str, many: str) -> tuple[str, str]:
    """Return the two forms of a counted noun as they are, for `Language.many` to say later."""
    return one, many


_SPOKEN = (
    marked("nothing to compare with"), marked("too few to compare"), marked("no clear change"), marked("no value"),
    marked("seconds"), marked("second"), marked("minutes"), marked("minute"), marked("hours"), marked("hour"),
    marked("days"), marked("day"), marked("years"), marked("year"), marked("a week"), marked("week"), marked("points"),
    marked("point"), marked("faster"), marked("slower"), marked("lower"), marked("higher"), marked("fewer"),
    marked("more"), marked("over"), marked("under"), marked("lines"), marked("issues"), marked("reviews"),
    marked("restarts a day"), marked("lines an hour"), marked("min"), marked("h"), marked("s"),
)  # fmt: skip
_PHRASE = re.compile(
    r"\b(?:"
    + "|".join(part.replace(" ", rf"[ {words.SPACE}]") for part in sorted(_SPOKEN, key=len, reverse=True))
    + r")\b"
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


class Language:
    """One language.  Called with an English sentence and its values it returns the sentence with the values in it.

    Values are put into ``{name}`` after translating; they are texts already, and are not escaped here.
    """

    def __init__(self, code: str, catalogue: NullTranslations) -> None:
        self.code = code
        self._catalogue = catalogue
        self._locale = Locale.parse(code)

    def __call__(self, sentence: str, **values: Any) -> str:
        """Return the sentence in this language: ``t("Half take {value}.", value="3 days")``."""
        said = self._catalogue.gettext(sentence) if sentence else ""
        return str(said.format(**values) if values else said)

    def many(self, one: str, several: str, count: float, **values: Any) -> str:
        """Return the form that fits `count`; ``{count}`` in it is the number as this language writes it."""
        said = self._catalogue.ngettext(one, several, 1 if count == 1 else 2)
        return str(said.format(count=self.number(words.whole(count)), **values))

    def number(self, said: str) -> str:
        """Return what ``devops_lab.words`` said ("3.2 days faster", "31–52 days", "17 %") in this language."""
        if self.code == SOURCE:
            return said
        named = _PHRASE.sub(lambda found: self._spoken(found.group()), said)
        return _NUMBER.sub(lambda found: self._digits(found.group()), named)

    def value(self, amount: float, unit: str) -> str:
        """Return a metric's value: 76.8 hours → "3.2 days", in Indonesian "3,2 hari"."""
        return self.number(words.value(amount, unit))

    def hours(self, amount: float) -> str:
        """Return a duration given in hours."""
        return self.number(words.hours(amount))

    def label(self, metric: str) -> str:
        """Return a metric's name as a heading."""
        return self(words.label(metric))

    def day(self, instant: Any, timezone: str = "UTC") -> str:
        """Return an instant's day in a time zone: "3 March 2026", in Indonesian "3 Maret 2026"."""
        if self.code == SOURCE or words.missing(instant):
            return self(words.day(instant, timezone))
        return self._date(words.local(instant, timezone), f"d{words.SPACE}MMMM{words.SPACE}y")

    def window(self, start: datetime, end: datetime, timezone: str = "UTC") -> str:
        """Return a half-open window as its first and last day, as ``words.window`` does."""
        said = words.window(start, end, timezone)
        if self.code == SOURCE:
            return said
        months = {month_name[n]: self._date(date(2000, n, 1), "MMMM") for n in range(1, 13)}
        return re.sub(r"[A-Z][a-z]+", lambda found: months.get(found.group(), found.group()), said)

    def _date(self, instant: date, form: str) -> str:
        return format_date(instant, form, locale=self._locale)

    def _spoken(self, phrase: str) -> str:
        """Translate one unit or comparison; its no-break space stays one."""
        said = self(phrase.replace(words.SPACE, " "))
        return said.replace(" ", words.SPACE) if words.SPACE in phrase else said

    def _digits(self, number: str) -> str:
        symbols = self._locale.number_symbols["latn"]
        swap = {",": symbols["group"], ".": symbols["decimal"]}
        return "".join(swap.get(sign, sign) for sign in number)

    @property
    def separators(self) -> str:
        """The decimal sign and the sign between thousands, as plotly's ``separators`` takes them: ".,"."""
        symbols = self._locale.number_symbols["latn"]
        return f"{symbols['decimal']}{symbols['group']}"

    def __repr__(self) -> str:
        return f"<Language {self.code}>"


def codes() -> tuple[str, ...]:
    """Return the codes of the languages there are, English first."""
    return SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po"))


@lru_cache
def of(code: str = SOURCE) -> Language:
    """Return the language of a code ("en", "id"); an empty code is English.

    Errors: QuestionError names the languages there are.
    """
    code = code or SOURCE
    if code not in codes():
        raise QuestionError(f"language = {code!r}; there are {', '.join(codes())}")
    return Language(code, NullTranslations() if code == SOURCE else _read(FOLDER / f"{code}.po"))


def _read(path: Path) -> Translations:
    """Read a catalogue; what is marked fuzzy in it is not said."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
