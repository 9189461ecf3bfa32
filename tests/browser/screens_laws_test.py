"""Laws of the screens that can be read off their files: no browser needed."""

import ast
import gzip
import hashlib
import re
from pathlib import Path

import pytest

import pbxcrm
from pbxcrm.http import catalogues, labels, said
from pbxcrm.http.i18n import LOCALES
from pbxcrm.http.pages_common import MODULES
from pbxcrm.http.static import web_root

WEB = web_root()
SCRIPTS = sorted((WEB / "static" / "js").glob("*.js"))
STYLES = sorted((WEB / "static" / "css").glob("*.css"))
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
JS_BUDGET, CSS_BUDGET = 30 * 1024, 12 * 1024

PHYSICAL = re.compile(
    r"(?<![-\w])("
    r"(margin|padding|border)-(left|right|top|bottom)(-\w+)?|border-(top|bottom)-(left|right)-radius|"
    r"left|right|top|bottom|width|height|(min|max)-(width|height)|float|clear"
    r")\s*:"
)


def packed(paths: list[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in paths)


def test_scripts_and_styles_are_small() -> None:
    assert packed(SCRIPTS) <= JS_BUDGET
    assert packed(STYLES) <= CSS_BUDGET


def test_every_script_is_preloaded() -> None:
    assert sorted(MODULES) == [path.name for path in SCRIPTS]


@pytest.mark.parametrize("path", STYLES, ids=lambda p: p.name)
def test_styles_know_no_left_and_right(path: Path) -> None:
    text = re.sub(r"@media[^{]*\{|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    found = [m.group(0) for m in PHYSICAL.finditer(text)]
    found += re.findall(r"text-align: (?:left|right)", text.replace("direction: ltr; text-align: left", ""))
    assert not found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_never_make_html_of_text(path: Path) -> None:
    banned = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setHTML")
    text = path.read_text()
    assert not [word for word in banned if word in text]
    assert not re.search(r"setTimeout\(\s*[\"'`]", text)
    assert "createContextualFragment" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(WEB).as_posix())
def test_templates_keep_the_policy(path: Path) -> None:
    """Nothing inline, so that `default-src 'self'` holds, and nothing marked safe."""
    text = path.read_text()
    assert not re.search(r"\|\s*safe\b|Markup|autoescape false", text)
    assert not re.search(r"\sstyle\s*=|<style|\son\w+\s*=\s*[\"']|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_only_our_own_words_are_marked_safe_in_code() -> None:
    """`Markup(...)` of a literal; what comes from outside goes in by `.format`, which escapes."""
    for path in (Path(pbxcrm.__file__).parent / "http").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup":
                assert all(isinstance(arg, ast.Constant) for arg in node.args), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_is_translated(locale: str) -> None:
    assert catalogues.missing(locale) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_translations_fill_in_the_same_names(locale: str) -> None:
    wrong = []
    for message in catalogues.load(locale):
        if message.id:
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
            want = {name for text in ids for name in re.findall(r"%\((\w+)\)s", text)}
            wrong += [text for text in texts if set(re.findall(r"%\((\w+)\)s", text)) != want]
    assert not wrong


def test_services_still_say_what_is_translated() -> None:
    """A text in said.FIXED that no room of ours says any more is a translation of nothing."""
    spoken: set[str] = set()
    for path in Path(pbxcrm.__file__).parent.rglob("*.py"):
        if path.name not in ("said.py", "labels.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    spoken.add(node.value)
    whole = "\n".join(spoken)
    lacking = [text for text in said.FIXED if text not in spoken and not re.search(r"\d", text)]
    assert not lacking
    assert "characters fit." in whole


def test_the_stages_we_bring_are_the_stages_we_translate() -> None:
    migration = (Path(pbxcrm.__file__).parent / "store" / "migrations" / "versions" / "r0001_first.py").read_text()
    assert [name for name in labels.STAGES if f'"{name}"' not in migration] == []


@pytest.mark.parametrize("folder", [WEB / "static" / "fonts", Path(__file__).parent / "vendor"], ids=lambda p: p.name)
def test_vendored_files_are_what_was_vendored(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().split()
    sums = dict(zip(lines[1::2], lines[::2], strict=True))
    files = {p.name for p in folder.iterdir() if p.suffix in (".woff2", ".js")}
    assert set(sums) == files
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert [p for p in folder.iterdir() if re.search(r"OFL|LICENSE", p.name)]
