#!/usr/bin/env python3
"""The sample configurations name every key of the programs, and only keys that there are.

sample_config_test.py: YUNJIAN_BIN tells where the programs are.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READ_KEY = re.compile(r'(?:read|tables?|read_\w+|check_keys)\(\s*\{?((?:"\w+"(?:,\s*)?)+)')


def keys_in_code(folder):
    """The names that config.cc and config_*.cc of a folder hand to their readers."""
    code = ''.join(path.read_text(encoding='utf-8')
                   for path in sorted((ROOT / folder).glob('config*.cc')))
    return {key for match in READ_KEY.finditer(code)
            for key in re.findall(r'"(\w+)"', match.group(1))}


def sample(name):
    """The sample with its defaults uncommented: every key is then given."""
    text = (ROOT / 'packaging' / name).read_text(encoding='utf-8')
    return re.sub(r'^# (?=\w+ = )', '', text, flags=re.MULTILINE)


class SampleConfigTest(unittest.TestCase):
    def assert_names_all(self, name, folder):
        text = sample(name)
        keys = keys_in_code(folder)
        self.assertGreater(len(keys), 5, f'no keys found in {folder}')
        missing = [key for key in sorted(keys)
                   if not re.search(rf'^(?:{key} = |\[+{key}\]+$)', text, re.MULTILINE)]
        self.assertEqual(missing, [], f'{name} does not explain these keys of {folder}')

    def test_every_key_is_explained(self):
        self.assert_names_all('collector.toml', 'collector')
        self.assert_names_all('agent.toml', 'agent')

    def check(self, program, text):
        """What `check` says of a configuration; its directories do not exist."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / 'sample.toml'
            path.write_text(text, encoding='utf-8')
            done = subprocess.run(
                [f'{os.environ["YUNJIAN_BIN"]}/{program}', 'check', '--config', path],
                capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr

    def test_the_programs_know_every_key(self):
        for program, name in (('yunjian-collector', 'collector.toml'),
                              ('yunjian-agent', 'agent.toml')):
            text = re.sub(r'/var/lib/yunjian', '/nonexistent', sample(name))
            self.assertNotIn('sample.toml', self.check(program, text), name)
            self.assertIn('sample.toml', self.check(program, text + 'no_such_key = 1\n'), name)


if __name__ == '__main__':
    unittest.main()
