#!/usr/bin/env python3
"""README.md and README.zh-CN.md say the same: section by section the same rows and names."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def sections(name):
    """Of each section: its level, the rows of its tables, its code words, its commands."""
    found = []
    for part in re.split(r'^(?=#)', (ROOT / name).read_text(encoding='utf-8'), flags=re.M):
        if not part.strip():
            continue
        rows = len(re.findall(r'^\|', part, flags=re.M))
        words = set(re.findall(r'`([^`\n]+)`', re.sub(r'```.*?```', '', part, flags=re.S)))
        commands = re.findall(r'^(?:packaging|tests|apt-get|yunjian)\S* ?[^#\n]*', part, flags=re.M)
        found.append((len(part) - len(part.lstrip('#')), rows, words,
                      [command.strip() for command in commands]))
    return found


class ReadmeTest(unittest.TestCase):
    def test_both_have_the_same_sections(self):
        english, chinese = sections('README.md'), sections('README.zh-CN.md')
        self.assertEqual(len(english), len(chinese))
        for here, there in zip(english, chinese):
            self.assertEqual(here[:2], there[:2])
            self.assertEqual(here[3], there[3])
            self.assertEqual(here[2] ^ there[2], set())

    def test_what_is_named_is_there(self):
        for name in ('README.md', 'README.zh-CN.md'):
            for path in re.findall(r'\]\(([^)]+)\)', (ROOT / name).read_text(encoding='utf-8')):
                self.assertTrue((ROOT / path).exists(), f'{name}: {path}')


if __name__ == '__main__':
    unittest.main()
