"""The languages of the pages: an English sentence is said in another one, and none of ours is missing there."""

import ast
import io
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from devops_lab import language, metrics, words
from devops_lab.errors import QuestionError

ROOT = Path(language.__file__).parents[1]
CODES = [code for code in language.codes() if code != language.SOURCE]
PLACE = re.compile(r"\{[^}]*\}")


def msgids():
    """Return every sentence of the modules and notebooks that is said in the page's language, and every label."""
    texts = [path.read_text("utf-8") for path in (ROOT / "devops_lab").rglob("*.py") if "practice" not in path.parts]
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        texts.append("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    found = {words.label(metric.name) for metric in metrics.catalogue()}
    for text in texts:
        for _, message, _, _ in extract("python", io.BytesIO(text.encode()), keywords=language.EXTRACTED):
            found.add(message[0] if isinstance(message, tuple) else message)
        found |= in_f_strings(text)
    return found - {""}


def in_f_strings(text):
    """Return the sentences of calls inside f-strings, where Babel does not look."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]
    named = {"t", *language.EXTRACTED} - {"heading"}
    said = [call.args[0] for call in calls if getattr(call.func, "attr", getattr(call.func, "id", None)) in named]
    return {one.value for one in said if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def catalogue(code):
    with (language.FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def test_a_sentence_in_two_languages():
    english, indonesian = language.of("en"), language.of("id")
    assert english("What to look at next") == "What to look at next"
    assert indonesian("What to look at next") == "Apa yang perlu dilihat berikutnya"
    assert indonesian("from {things}", things="3 {x}") == "dari 3 {x}"
    assert indonesian("nobody translated this") == "nobody translated this"
    assert language.of("").code == language.of().code == "en"


def test_counted_things():
    english, indonesian = language.of("en"), language.of("id")
    forms = ("{count} issue", "{count} issues")
    assert [english.many(*forms, count) for count in (0, 1, 1200)] == ["0 issues", "1 issue", "1,200 issues"]
    assert [indonesian.many(*forms, count) for count in (1, 1200)] == ["1 issue", "1.200 issue"]


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("3.2 days", "3,2 hari"), ("0.8 days faster", "0,8 hari lebih cepat"), ("31–52 days", "31–52 hari"),
        ("12,034", "12.034"), ("2.1 a week", "2,1 per minggu"), ("4 points higher", "4 poin lebih tinggi"),
        ("over 31 days", "lebih dari 31 hari"), ("no clear change", "tidak ada perubahan yang jelas"), ("17 %", "17 %"),
        (f"3.2{words.SPACE}days", f"3,2{words.SPACE}hari"),
    ],
)  # fmt: skip
def test_numbers_keep_digits_and_change_words(said, other):
    assert language.of("en").number(said) == said
    assert language.of("id").number(said) == other


def test_days_and_windows():
    start, end = datetime(2026, 5, 1), datetime(2026, 8, 2)
    said = language.of("id").window(start, end).replace(words.SPACE, " ")
    assert said == "1 Mei – 1 Agustus 2026"
    assert language.of("en").window(start, end) == words.window(start, end)
    assert language.of("id").day(start).replace(words.SPACE, " ") == "1 Mei 2026"
    assert language.of("id").day(None) != ""


def test_a_language_that_is_not_there():
    with pytest.raises(QuestionError, match="language = 'xx'; there are en, id"):
        language.of("xx")


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_is_translated(code):
    known = {message.id[0] if isinstance(message.id, tuple) else message.id: message for message in catalogue(code)}
    missing = sorted(text for text in msgids() if text not in known or not known[text].string or known[text].fuzzy)
    assert not missing


@pytest.mark.parametrize("code", CODES)
def test_translations_keep_their_places(code):
    for message in catalogue(code):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        allowed = {place for text in ids for place in PLACE.findall(text)}
        for text in strings:
            assert set(PLACE.findall(text)) == allowed, message.id
