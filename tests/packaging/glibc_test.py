#!/usr/bin/env python3
"""The programs run with the C library of Debian 12: prints the highest symbol version they need."""

import os
import re
import unittest
from pathlib import Path

import needs

DEBIAN_12 = (2, 36)


def versions(program):
    code, said = needs.run('objdump', '-T', Path(os.environ['YUNJIAN_BIN']) / program)
    if code != 0:
        raise AssertionError(said)
    return {tuple(map(int, found.split('.'))): name for found, name in
            re.findall(r'\(?GLIBC_([0-9.]+)\)? +(\S+)$', said, re.MULTILINE)}


class GlibcTest(unittest.TestCase):
    def test_no_symbol_is_newer_than_debian_12(self):
        for program in needs.PROGRAMS:
            found = versions(program)
            highest = max(found)
            print(f'{program}: GLIBC_{".".join(map(str, highest))} ({found[highest]})')
            self.assertLessEqual(highest, DEBIAN_12, found[highest])


if __name__ == '__main__':
    needs.need('objdump', 'binutils')
    unittest.main()
