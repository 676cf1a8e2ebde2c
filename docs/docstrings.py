"""Turn the docstrings of ftrans into reStructuredText, so that they may be written as plain text.

A docstring consists of blocks between blank lines. By its form a block is shown as

    an example            its lines from the first `>>>` on
    a list                every line at its margin starts with `- `
    a table of names      every line at its margin reads `name: meaning`, and there is more than one line
    a picture             anything indented, and any block with aligned columns: shown as it stands
    a paragraph           the rest, with `code` in backticks; nothing else in it has a special meaning

Whatever the text, the result is valid: a docstring cannot break the build.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

ENTRY = re.compile(r"^(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*) ?: (.*)$")
RULE = re.compile(r"^(=+|-+|~+)$")
CODE = re.compile(r"(``?)([^`]+)\1")
SPECIAL = re.compile(r"([\\*_|`])")


def as_restructured_text(lines: Sequence[str]) -> list[str]:
    """The lines of a docstring, its common indentation removed, as reStructuredText."""
    out: list[str] = []
    for block in split(textwrap.dedent("\n".join(lines).expandtabs()).split("\n")):
        out += [*render(block), ""]
    return out


def split(lines: list[str]) -> Iterator[list[str]]:
    """Blocks between blank lines; a block also ends where an example starts."""
    block: list[str] = []
    for line in [*lines, ""]:
        starts_example = is_example(line) and not any(is_example(kept) for kept in block)
        if block and (not line.strip() or starts_example):
            yield block
            block = []
        if line.strip():
            block.append(line)


def is_example(line: str) -> bool:
    return line.lstrip().startswith(">>>")


def render(block: list[str]) -> list[str]:
    first = block[0]
    if is_example(first):
        return literal(block, "pycon")
    if first.startswith("- "):
        return [line for item in items(block) for line in bullet(item)]
    if len(block) == 2 and RULE.match(block[1]):
        return [f"**{inline(first)}**"]
    if len(block) > 2 and RULE.match(block[1]):
        return [f"**{inline(first)}**", "", *render(block[2:])]
    at_margin = [line for line in block if not line.startswith(" ")]
    if len(block) > 1 and not first.startswith(" ") and all(ENTRY.match(line) for line in at_margin):
        return [line for item in items(block) for line in entry(item)]
    if first.startswith(" ") or any(re.search(r"\S {3,}\S", line) for line in block):
        return literal(block, "text")
    head = list(itertools.takewhile(lambda line: not line.startswith(" "), block))
    tail = block[len(head) :]
    if tail and head[-1].endswith(":") and all(line.startswith(" ") for line in tail):
        return [*paragraph(head), "", *literal(tail, "text")]  # a sentence and what it introduces
    return paragraph(block)


def items(block: list[str]) -> Iterator[list[str]]:
    """A list or table cut at the lines at the margin, each with the indented lines that belong to it."""
    item: list[str] = []
    for line in block:
        if item and not line.startswith(" "):
            yield item
            item = []
        item.append(line)
    yield item


def literal(block: list[str], language: str) -> list[str]:
    text = textwrap.dedent("\n".join(block)).split("\n")
    return [f".. code-block:: {language}", "", *(f"   {line}" for line in text)]


def paragraph(block: list[str]) -> list[str]:
    text = inline(re.sub(r"::$", ":", " ".join(line.strip() for line in block)))  # `::` would take what follows as it stands
    # Only at its start could a paragraph be taken for something else: a list item, a directive, a field, a rule.
    return [re.sub(r"^(?=[-+•>:.#=~^\"'(]|\w+[.)] )", r"\\", text)]


def bullet(item: list[str]) -> list[str]:
    text = " ".join(line.strip() for line in [item[0].removeprefix("- "), *item[1:]]).strip()
    return ["- " + (inline(text) or "\\")]


def entry(item: list[str]) -> list[str]:
    match = ENTRY.match(item[0])
    assert match, item
    meaning = " ".join([match[2], *(line.strip() for line in item[1:])]).strip()
    return [f"``{match[1]}``", *(f"   {line}" for line in paragraph([meaning]))]


def inline(text: str) -> str:
    """Text in which only `code` is marked up."""
    out, end = "", 0
    for match in CODE.finditer(text):
        code = match[2].strip()
        # an escaped space, invisible, lets code stand against letters: `x`s
        out += SPECIAL.sub(r"\\\1", text[end : match.start()]) + (rf"\ ``{code}``\ " if code else "")
        end = match.end()
    return out + SPECIAL.sub(r"\\\1", text[end:])
