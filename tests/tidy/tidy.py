#!/usr/bin/env python3
"""Holds the house rules that a compiler does not see. `tidy.py [ROOT]` prints each breach as
`path:line: [rule] what` and ends with 1 when there is one. Rules as data: rules.py."""

import os
import subprocess
import sys
from pathlib import Path

import cpp_text
import rules

EXCEPTIONS = 'tests/tidy/exceptions'


class Tree:
    """The project's files (tracked or new, not the ignored ones) and their text."""

    def __init__(self, root):
        self.root = Path(root)
        self.paths = sorted(self._list())
        self._texts = {}

    def _list(self):
        git = subprocess.run(
            ['git', '-C', str(self.root), 'ls-files', '--cached', '--others', '--exclude-standard'],
            capture_output=True, text=True, check=False)
        if git.returncode == 0 and (self.root / '.git').exists():
            names = set(git.stdout.splitlines())
            return [name for name in names if (self.root / name).is_file()]
        return [str(path.relative_to(self.root)) for path in self.root.rglob('*')
                if path.is_file() and path.relative_to(self.root).parts[0] not in ('build', 'var')]

    def text(self, path):
        if path not in self._texts:
            data = (self.root / path).read_bytes()
            self._texts[path] = '' if b'\0' in data else data.decode('utf-8', 'replace')
        return self._texts[path]

    def cpp(self):
        return [path for path in self.paths if path.endswith(('.cc', '.h'))]


def is_test(path):
    return path.startswith('tests/') or path.endswith('_test.cc') or '/testing/' in path


def folder_of(path):
    """The folder whose rule holds: the nearest listed one."""
    folder = os.path.dirname(path)
    while folder and folder not in rules.MAY_INCLUDE:
        folder = os.path.dirname(folder)
    return folder


def allows(patterns, folder):
    return any(pattern in ('*', folder) or
               (pattern.endswith('/*') and folder.startswith(pattern[:-1]))
               for pattern in patterns)


def check_includes(tree):
    for path in tree.cpp():
        for line, quoted, target in cpp_text.includes(cpp_text.without_comments(tree.text(path))):
            problem = (_forbidden_project_include if quoted else _forbidden_library)(
                tree, path, target)
            if problem:
                yield path, line, 'include', problem


def _forbidden_project_include(tree, path, target):
    if target not in tree.paths:
        return f'"{target}" is not a file; includes are rooted at the repository'
    if target in rules.SHARED_HEADERS and target.split('/')[0] == path.split('/')[0]:
        return None
    source, used = folder_of(path), folder_of(target)
    if target.endswith('_test.cc') or (used == 'ledger/testing' and not is_test(path)):
        return f'"{target}" is for tests only'
    allowed = rules.MAY_INCLUDE.get(source, ()) + (rules.TEST_EXTRA if is_test(path) else ())
    if os.path.dirname(target) == os.path.dirname(path) or used == source or allows(allowed, used):
        return None
    return f'{source} may not include {used} ("{target}")'


def _forbidden_library(_tree, path, target):
    if path.startswith('tests/'):
        return None
    for library, owners in rules.LIBRARY_OWNERS.items():
        if target.startswith(library) and not path.startswith(owners):
            return f'<{target}>: only {", ".join(owners)} may use this library'
    return None


def check_calls(tree):
    for path in tree.cpp():
        if is_test(path):
            continue
        code = cpp_text.code_only(tree.text(path))
        for pattern, owners in rules.SYSCALLS:
            if not path.startswith(owners):
                for match in pattern.finditer(code):
                    yield (path, cpp_text.line_of(code, match.start()), 'syscall',
                           f'"{match.group(0).strip()}" belongs to {", ".join(owners)}')
        if rules.NO_LOGGING.search(path) and path not in rules.MAY_PRINT:
            for match in rules.LOGGING.finditer(code):
                yield (path, cpp_text.line_of(code, match.start()), 'logging',
                       f'"{match.group(0).strip()}": library code returns errors and never logs')


def check_parts(tree):
    for path in tree.cpp():
        if not path.startswith('collector/') or path.startswith(rules.MAY_KNOW_PARTS):
            continue
        code = cpp_text.without_comments(tree.text(path))
        for match in rules.PARTS.finditer(code):
            yield (path, cpp_text.line_of(code, match.start()), 'parts',
                   f'"{match.group(0)}": only {", ".join(rules.MAY_KNOW_PARTS)} knows parts; '
                   'ask RecordStore or EvidenceLog')


def check_sizes(tree):
    for path in tree.cpp():
        text = tree.text(path)
        limit = (rules.MAX_HEADER if path.endswith('.h') else
                 rules.MAX_TEST if is_test(path) else rules.MAX_SOURCE)
        lines = text.count('\n')
        if lines > limit:
            yield path, 1, 'file', f'{lines} lines, at most {limit}'
        for function in cpp_text.functions(text):
            if function.lines > rules.MAX_FUNCTION:
                yield (path, function.line, 'function',
                       f'{function.name} has {function.lines} lines, at most {rules.MAX_FUNCTION}')
            if function.parameters > rules.MAX_PARAMETERS:
                yield (path, function.line, 'parameters',
                       f'{function.name} takes {function.parameters} parameters, at most '
                       f'{rules.MAX_PARAMETERS}: use a struct')


def check_text(tree):
    for path in tree.paths:
        if path == 'LICENSE':
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if path.endswith(rules.MEASURED_COLUMNS) and cpp_text.columns(line) > rules.MAX_COLUMNS:
                yield (path, number, 'columns',
                       f'{cpp_text.columns(line)} columns, at most {rules.MAX_COLUMNS}')
            for pattern in (rules.BANNED_WORDS, rules.FOREIGN_PAGES):
                match = pattern.search(line)
                if match:
                    yield path, number, 'words', f'"{match.group(0)}" does not belong here'


def check_folders(tree):
    """Each folder with sources explains itself, and each source is built by its folder's list."""
    known = set(tree.paths)
    for top in sorted({path.split('/')[0] for path in tree.paths}):
        if top not in rules.TOP and not top.startswith('.'):
            yield top, 1, 'top', 'the top level holds the rooms named in rules.py and nothing else'
    for folder in sorted({os.path.dirname(path) for path in tree.paths
                          if path.endswith(('.cc', '.h', '.py', '.cmake'))}):
        if folder and f'{folder}/README.md' not in known:
            yield folder, 1, 'readme', 'a folder with sources has a README.md'
    for path in tree.cpp():
        if path.endswith('.cc') and path.startswith(tuple(f'{top}/' for top in rules.SOURCE_TOPS)):
            if not _is_listed(tree, path):
                yield path, 1, 'unbuilt', 'no CMakeLists.txt of its folders names this file'


def _is_listed(tree, path):
    folder = os.path.dirname(path)
    while folder:
        lists = f'{folder}/CMakeLists.txt'
        if lists in tree.paths and os.path.relpath(path, folder) in tree.text(lists):
            return True
        folder = os.path.dirname(folder)
    return False


CHECKS = (check_includes, check_calls, check_parts, check_sizes, check_text, check_folders)


def read_exceptions(tree):
    """Lines `rule path why`; the first line is `at most N`, which is only ever lowered."""
    if EXCEPTIONS not in tree.paths:
        return 0, set()
    lines = [line for line in tree.text(EXCEPTIONS).splitlines()
             if line.strip() and not line.startswith('#')]
    entries = {tuple(line.split(None, 2)[:2]) for line in lines[1:]}
    return int(lines[0].removeprefix('at most')), entries


def breaches(tree):
    """All breaches that no exception covers, and exceptions that cover nothing any more."""
    at_most, excepted = read_exceptions(tree)
    used = set()
    for check in CHECKS:
        for path, line, rule, what in check(tree):
            if (rule, path) in excepted:
                used.add((rule, path))
            else:
                yield path, line, rule, what
    for rule, path in sorted(excepted - used):
        yield EXCEPTIONS, 1, 'exceptions', f'"{rule} {path}" is no longer needed: remove it'
    if len(excepted) != at_most:
        yield (EXCEPTIONS, 1, 'exceptions',
               f'{len(excepted)} entries but "at most {at_most}": the list only shrinks')


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    tree = Tree(root)
    if not tree.paths:
        sys.exit(f'tidy: no files under {root}')
    found = list(breaches(tree))
    for path, line, rule, what in found:
        print(f'{path}:{line}: [{rule}] {what}')
    print(f'tidy: {len(tree.paths)} files, {len(found)} breaches')
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
