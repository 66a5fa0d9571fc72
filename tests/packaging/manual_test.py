#!/usr/bin/env python3
"""The manual pages say what the programs say, and are well-formed."""

import re
import unittest

import needs

MAN = needs.PACKAGING / 'man'
PAGES = {'yunjian-agent': 'yunjian-agent.8', 'yunjian-audit': 'yunjian-audit.1',
         'yunjian-collector': 'yunjian-collector.8'}


def page(name):
    return (MAN / name).read_text(encoding='utf-8')


def section(text, name):
    return re.search(rf'^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)', text, re.MULTILINE | re.DOTALL).group(1)


def keys_of(sample):
    """Tables and keys of a sample configuration, those that are commented out too."""
    text = (needs.PACKAGING / sample).read_text(encoding='utf-8')
    keys, table = set(), ''
    for line in text.splitlines():
        if head := re.match(r'\[+(\w+)\]+$', line):
            table = head.group(1)
        elif key := re.match(r'(?:# )?(\w+) = ', line):
            keys.add((table, key.group(1)))
    return keys


def keys_in(name):
    """Tables and keys that a page of section 5 explains."""
    keys, table = set(), ''
    for line in section(page(name), 'DESCRIPTION').splitlines():
        if head := re.match(r'\.Bq (?:Bq )?(\w+) [:,]', line):
            table = head.group(1)
        elif key := re.match(r'\.It Ic (\w+)$', line):
            keys.add((table, key.group(1)))
    return keys


def explanations(sample):
    """The comments of a sample configuration, each as one text; keys that are left out are none."""
    text = (needs.PACKAGING / sample).read_text(encoding='utf-8')
    block = []
    for line in text.splitlines() + ['']:
        if line.startswith('# ') and not re.match(r'# \w+ = ', line):
            block.append(line[2:])
        elif block:
            yield ' '.join(block)
            block = []


class ManualTest(unittest.TestCase):
    def test_pages_are_well_formed(self):
        pages = sorted(MAN.glob('*.[158]'))
        self.assertEqual(len(pages), 5)
        for path in pages:
            code, said = needs.run('mandoc', '-T', 'lint', '-W', 'warning', path)
            self.assertEqual((code, said), (0, ''), path.name)

    def test_options_are_those_of_the_programs(self):
        for program, name in PAGES.items():
            explained = set(re.findall(r'^\.It (?:Fl h , )?Fl (-[\w-]+)',
                                       section(page(name), 'OPTIONS'), re.MULTILINE))
            known = set().union(*needs.command_tree(program).values())
            self.assertEqual({'-' + option for option in explained}, known, name)

    def test_commands_are_those_of_the_programs(self):
        for program, name in PAGES.items():
            synopsis = section(page(name), 'SYNOPSIS')
            described = section(page(name), 'DESCRIPTION')
            shown = {command.strip() for line in re.findall(r'^\.Cm (.*)$', synopsis, re.MULTILINE)
                     for command in line.split('|')}
            tree = needs.command_tree(program)
            # A command with others behind it is one itself when these may be left out.
            leaves = {' '.join(command) for command in tree if command and (
                '[SUBCOMMAND]' in needs.help_of(program, *command) or not any(
                    other[:len(command)] == command and other != command for other in tree))}
            self.assertEqual(shown, leaves, name)
            for command in leaves:
                self.assertRegex(described, rf'(?m)^\.(It )?Cm {command}$', name)

    def test_the_synopsis_gives_each_command_its_options(self):
        for program, name in PAGES.items():
            forms = re.split(r'^\.Nm$', section(page(name), 'SYNOPSIS'), flags=re.MULTILINE)
            shown = {}
            for form in forms:
                for line in re.findall(r'^\.Cm (.*)$', form, re.MULTILINE):
                    for command in line.split('|'):
                        shown.setdefault(command.strip(), set()).update(
                            '-' + option for option in re.findall(r'Fl (-[\w-]+)', form))
            for command, options in needs.command_tree(program).items():
                if ' '.join(command) in shown:
                    self.assertEqual(shown[' '.join(command)], options - {'--help'},
                                     f'{name}: {" ".join(command)}')

    def test_the_samples_explain_everything_in_chinese_and_english(self):
        for sample in ('agent.toml', 'collector.toml'):
            for text in explanations(sample):
                self.assertRegex(text, r'[\u4e00-\u9fff]{2}', f'{sample}: no Chinese: {text}')
                self.assertRegex(text, r'[A-Za-z]{3,} [a-z]+ ', f'{sample}: no English: {text}')

    def test_keys_are_those_of_the_samples(self):
        for name, sample in (('yunjian-agent.toml.5', 'agent.toml'),
                             ('yunjian-collector.toml.5', 'collector.toml')):
            self.assertEqual(keys_in(name), keys_of(sample), name)


if __name__ == '__main__':
    needs.need('mandoc', 'mandoc')
    unittest.main()
