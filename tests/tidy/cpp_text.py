"""Reads C++ text just well enough to measure it: blanks comments and literals, finds functions."""

import re
import unicodedata
from dataclasses import dataclass

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
_DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.MULTILINE | re.DOTALL)
_SCOPE = re.compile(r'^\s*(?:inline\s+)?namespace\b|^\s*extern\s+"\s*"\s*$')
_TYPE = re.compile(r'^\s*(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct|union|enum)\b',
                   re.DOTALL)
_BODY_MAY_FOLLOW = re.compile(
    r'\)\s*(?:const|noexcept|override|final|mutable|&|->[^;{]*|:.*|requires.*|try|\s)*$', re.DOTALL)
_LABEL = re.compile(r'^\s*(?:(?:public|private|protected)\s*:\s*)+')


@dataclass
class Function:
    name: str
    line: int
    lines: int
    parameters: int


def includes(text):
    """(line, quoted, path) of every #include."""
    return [(line_of(text, m.start(1)), m.group(1) == '"', m.group(2))
            for m in _INCLUDE.finditer(text)]


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def columns(line):
    """Width as a terminal and clang-format count it: wide characters take two columns."""
    if line.isascii():
        return len(line)
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in line)


def without_comments(text):
    """The text with comments blanked; literals and line numbers stay."""
    def blank(match):
        token = match.group(0)
        return re.sub(r'[^\n]', ' ', token) if token.startswith('/') else token
    return _TOKEN.sub(blank, text)


def code_only(text):
    """The text with comments, preprocessor lines and the contents of literals blanked."""
    def blank(match):
        token = match.group(0)
        blanked = re.sub(r'[^\n]', ' ', token)
        return blanked if token.startswith('/') else '"' + blanked[1:-1] + '"'
    text = _TOKEN.sub(blank, text)
    return _DIRECTIVE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text)


def functions(text):
    """Every outermost function body; lambdas and local classes count to the one around them."""
    code = code_only(text)
    found, stack, start, depth = [], [], 0, 0
    for match in re.finditer(r'[{};()]', code):
        at, char = match.start(), match.group(0)
        if char == '(':
            depth += 1
        elif char == ')':
            depth = max(0, depth - 1)
        elif char == '{':
            if depth == 0 and all(kind == 'scope' for kind, _ in stack):
                head = code[start:at]
                kind = _kind(head)
            else:
                head, kind = '', 'inner'
            stack.append((kind, start))
            if kind == 'scope':
                start = at + 1
        elif char == '}':
            if not stack:
                continue
            kind, opened = stack.pop()
            if kind == 'function':
                found.append(_measure(code, opened, at))
            if kind != 'inner' and kind != 'member':
                start = at + 1
        elif depth == 0 and all(kind == 'scope' for kind, _ in stack):
            start = at + 1
    return found


def _kind(head):
    head = _LABEL.sub('', head)
    if _SCOPE.search(head):
        return 'scope'
    if '(' not in _outside_angles(head):
        return 'scope' if _TYPE.search(head) else 'inner'
    if _TYPE.search(head) and not re.search(r'\)\s*(?:const|noexcept|->|$)', head):
        return 'scope'
    # `Type member{…}` in a constructor's initialiser list: the body is still to come.
    if re.search(r'\)\s*(?:noexcept\s*)?:\s', head) and not re.search(r'[)}]\s*$', head):
        return 'member'
    return 'function' if _BODY_MAY_FOLLOW.search(head) else 'inner'


def _outside_angles(head):
    previous = None
    while previous != head:
        previous, head = head, re.sub(r'<[^<>]*>', '', head)
    return head


def _measure(code, opened, closed):
    head = code[opened:code.index('{', opened)]
    first = opened + len(head) - len(_LABEL.sub('', head).lstrip())
    line = line_of(code, first)
    last = line_of(code, closed)
    match = re.search(r'(operator\s*\S+|[~\w:]+)\s*\(', _outside_angles(code[first:closed]))
    name = match.group(1) if match else '?'
    return Function(name, line, last - line + 1, _parameters(_outside_angles(code[first:closed])))


def _parameters(text):
    """Counts the commas of the first parenthesis; a brace or nested parenthesis does not count.
    A callback that a C library calls with its `void*` has the library's parameters: none of ours.
    """
    start = text.find('(')
    depth, commas, any_text, taken = 0, 0, False, ''
    for char in text[start:]:
        if char in '({[':
            depth += 1
        elif char in ')}]':
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and char == ',':
            commas += 1
        elif not char.isspace():
            any_text = True
        taken += char
    if re.search(r'\bvoid\s*\*', taken):
        return 0
    return commas + 1 if any_text else 0
