#!/usr/bin/env python3
"""packaging/audit/yunjian.rules, field by field: auditctl passes over a line that it does not
understand, and then the host is not watched as the file says.

Where the kernel's audit can be asked, has no rules yet and is switched off, auditctl loads them for
a moment.
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / 'packaging' / 'audit' / 'yunjian.rules'

CONTROL = [r'-c', r'-D', r'-b \d+', r'--backlog_wait_time \d+', r'-f [012]',
           r'--loginuid-immutable']
PERSON = [('auid', '>=', '1000'), ('auid', '!=', 'unset')]
ERRNO = ('-EACCES', '-EPERM')

# What a field may hold. -F path, dir, exe: absolute, without links' ".." and without globs.
FIELDS = {
    'arch': r'b64|b32', 'a0': r'\d+', 'auid': r'unset|\d+', 'dir': r'(/[\w.-]+)+',
    'euid': r'\d+', 'exe': r'(/[\w.-]+)+', 'exit': r'-E[A-Z]+', 'key': r'[a-z][a-z-]{0,30}',
    'path': r'(/[\w.-]+)+', 'perm': r'[rwxa]+',
}
ONLY_EQUAL = ('arch', 'dir', 'exe', 'key', 'path', 'perm', 'a0', 'exit', 'euid')

# Calls of the rules by the tables that have them: x86_64, aarch64, i386 (arm is like i386).
COMMON = '''adjtimex settimeofday clock_settime execve execveat fchmod fchmodat fchown fchownat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr truncate ftruncate openat
    openat2 open_by_handle_at mount umount2 move_mount init_module finit_module delete_module
    ptrace process_vm_writev sethostname setdomainname'''.split()
NOT_ON_ARM64 = 'chmod chown lchown open creat'.split()
ONLY_32 = 'stime clock_settime64 chown32 fchown32 lchown32'.split()
TABLES = {'x86_64': {*COMMON, *NOT_ON_ARM64}, 'aarch64': {*COMMON},
          'i386': {*COMMON, *NOT_ON_ARM64, *ONLY_32}}

# What the authority asks for; each key has at least one rule.
KEYS = {'login', 'identity', 'sudo-config', 'setuid-root', 'escalation', 'root-command',
        'permission', 'access-denied', 'mount', 'module', 'injection', 'time-change', 'service',
        'software', 'network', 'firewall', 'audit-config', 'log-tamper', 'log-read', 'yunjian'}


class Rule:
    """One -a line, every word of it understood."""

    def __init__(self, number, text):
        self.number, self.text = number, text
        self.calls, self.fields, self.compared = [], [], []
        words = shlex.split(text)
        assert words[:1] == ['-a'] and len(words) % 2 == 0, self
        assert words[1] in ('always,exit', 'never,exit'), self
        self.action = words[1].split(',')[0]
        for option, value in zip(words[2::2], words[3::2]):
            self._take(option, value)

    def _take(self, option, value):
        if option == '-S':
            assert self.get('arch'), f'{self}: arch comes before -S'
            self.calls += value.split(',')
        elif option == '-C':
            assert value == 'uid!=euid', self
            self.compared.append(value)
        else:
            assert option == '-F', f'{self}: unknown option {option}'
            match = re.fullmatch(r'(\w+)(=|!=|>=)(.+)', value)
            assert match and match.group(1) in FIELDS, f'{self}: unknown field {value}'
            name, operator, what = match.groups()
            assert re.fullmatch(FIELDS[name], what), f'{self}: {value}'
            assert operator == '=' or name not in ONLY_EQUAL, f'{self}: {value}'
            self.fields.append((name, operator, what))

    def get(self, name):
        return [what for field, _, what in self.fields if field == name]

    def without_abi(self):
        """What has to be the same in the twin for the other word size."""
        return (self.action, [field for field in self.fields if field[0] != 'arch'], self.compared)

    def __str__(self):
        return f'line {self.number}: {self.text}'


def lines():
    text = RULES.read_text(encoding='utf-8')
    return [(number, line) for number, line in enumerate(text.splitlines(), 1)
            if line and not line.startswith('#')]


def rules():
    return [Rule(number, line) for number, line in lines() if line.startswith('-a')]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


class AuditRulesTest(unittest.TestCase):
    def test_every_line_is_a_control_or_a_rule(self):
        controls = [line for _, line in lines() if not line.startswith('-a')]
        self.assertEqual(len(controls), len(CONTROL))
        for line, pattern in zip(controls, CONTROL):
            self.assertRegex(line, f'^{pattern}$')
        numbers = [number for number, line in lines() if not line.startswith('-a')]
        self.assertLess(max(numbers), min(rule.number for rule in rules()))

    def test_every_rule_has_one_key_one_arch_and_something_to_match(self):
        for rule in rules():
            self.assertEqual(len(rule.get('key')), 1, rule)
            self.assertEqual(len(rule.get('arch')), 1, rule)
            watched = rule.get('path') + rule.get('dir')
            self.assertEqual(bool(watched), not rule.calls, f'{rule}: a watch or calls')
            self.assertEqual(bool(watched), bool(rule.get('perm')), f'{rule}: a watch has perm')
            self.assertEqual(rule.fields[0][0], 'arch', rule)
            self.assertEqual(rule.fields[-1][0], 'key', rule)
            self.assertIn(rule.get('exit')[0] if rule.get('exit') else '-EPERM', ERRNO, rule)

    def test_every_key_of_the_authority_is_there_and_no_other(self):
        keys = {rule.get('key')[0] for rule in rules() if rule.action == 'always'}
        self.assertEqual(keys, KEYS)

    def test_each_64_bit_rule_has_its_32_bit_twin(self):
        all_rules = rules()
        self.assertEqual(len(all_rules) % 2, 0)
        for wide, narrow in zip(all_rules[::2], all_rules[1::2]):
            self.assertEqual((wide.get('arch'), narrow.get('arch')), (['b64'], ['b32']), wide)
            self.assertEqual(wide.without_abi(), narrow.without_abi(), wide)
            self.assertLessEqual(set(wide.calls), set(narrow.calls), wide)
            self.assertLessEqual(set(narrow.calls) - set(wide.calls), set(ONLY_32), narrow)

    def test_every_call_exists_and_those_that_arm64_lacks_stand_alone(self):
        for rule in rules():
            wide = rule.get('arch') == ['b64']
            self.assertLessEqual(set(rule.calls), TABLES['x86_64' if wide else 'i386'], rule)
            on_arm64 = set(rule.calls) & TABLES['aarch64']
            if wide and on_arm64:
                self.assertEqual(on_arm64, set(rule.calls), f'{rule}: would fail whole on arm64')

    def test_calls_that_people_make_often_are_recorded_for_people_only(self):
        often = {'execve', 'execveat', 'openat', 'open', 'fchmod', 'chmod', 'fchown', 'chown',
                 'setxattr', 'mount'}
        for rule in rules():
            if often & set(rule.calls) and not rule.compared:
                self.assertEqual([field for field in rule.fields if field[0] == 'auid'], PERSON,
                                 rule)

    def test_nothing_is_switched_off_for_people(self):
        for rule in rules():
            if rule.action == 'never':
                self.assertEqual(rule.calls, ['adjtimex'], rule)
                self.assertEqual(rule.get('auid'), ['unset'], rule)
                self.assertEqual(len(rule.get('exe')), 1, rule)

    def test_no_rule_stands_twice(self):
        texts = [rule.text for rule in rules()]
        self.assertEqual(len(texts), len(set(texts)))

    @unittest.skipUnless(shutil.which('ausyscall'), 'SKIPPED: ausyscall is missing')
    def test_the_tables_of_calls_are_those_of_audit(self):
        for machine, calls in TABLES.items():
            dump = run('ausyscall', machine, '--dump').stdout
            known = {line.split()[1] for line in dump.splitlines() if re.match(r'\d+\s', line)}
            if not known:
                continue  # a build of audit without this machine
            self.assertLessEqual(calls, known, machine)
            self.assertEqual(known & {*NOT_ON_ARM64, *ONLY_32}, calls - {*COMMON}, machine)

    def test_the_kernel_takes_every_rule(self):
        # The kernel has one list of rules, whoever runs this test beside us.
        with open(Path(tempfile.gettempdir()) / 'yunjian-audit-rules.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            reason = self.why_not_to_load()
            if reason:
                print(f'SKIPPED: {RULES.name} was not loaded into a kernel: {reason}')
                self.skipTest(reason)
            self.load()

    def load(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / 'rules'
            # Settings of the host are left alone; one of them would hold until its next boot.
            path.write_text('-c\n' + '\n'.join(rule.text for rule in rules()) + '\n')
            try:
                problems = run('auditctl', '-R', path).stderr
                loaded = [line for line in run('auditctl', '-l').stdout.splitlines()
                          if line.startswith('-')]
            finally:
                run('auditctl', '-D')
        missing = [rule for rule in rules() if not self.can_be_watched(rule)]
        self.assertEqual(len(loaded) + len(missing), len(rules()), problems)

    @staticmethod
    def why_not_to_load():
        if not shutil.which('auditctl'):
            return 'auditctl (package auditd) is missing'
        status = run('auditctl', '-s')
        if status.returncode != 0:
            return 'the kernel\'s audit cannot be asked here: ' + status.stderr.strip()
        if not re.search(r'^enabled 0$', status.stdout, re.MULTILINE):
            return 'the audit of this host is in use'
        if run('auditctl', '-l').stdout.strip() != 'No rules':
            return 'this host has audit rules of its own'
        return None

    @staticmethod
    def can_be_watched(rule):
        """A tree has to exist, a file's directory has to."""
        return all(os.path.isdir(path) for path in rule.get('dir')) and \
            all(os.path.isdir(os.path.dirname(path)) for path in rule.get('path') + rule.get('exe'))


if __name__ == '__main__':
    unittest.main()
