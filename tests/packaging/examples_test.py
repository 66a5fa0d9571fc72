#!/usr/bin/env python3
"""The examples are what cloud-init and Ansible can read, and name only what there is."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

import needs

try:
    import yaml
except ImportError:
    print('SKIP: the module yaml is not there; apt-get install python3-yaml', file=sys.stderr)
    sys.exit(needs.SKIPPED)

EXAMPLES = needs.PACKAGING / 'examples'
PLAYBOOKS = ('collector.yml', 'agents.yml')
# What a task may hold besides its module.
TASK_KEYS = {'name', 'when', 'loop', 'notify', 'register', 'changed_when', 'no_log', 'become_user',
             'delegate_to', 'args'}


def plays():
    return [(name, play) for name in PLAYBOOKS
            for play in yaml.safe_load((EXAMPLES / 'ansible' / name).read_text(encoding='utf-8'))]


def tasks():
    return [(name, task) for name, play in plays()
            for task in play['tasks'] + play.get('handlers', [])]


def cloud_config():
    return yaml.safe_load((EXAMPLES / 'cloud-init/agent.yaml').read_text(encoding='utf-8'))


def enrol_script():
    return next(file['content'] for file in cloud_config()['write_files']
                if file['path'] == '/run/yunjian-enrol')


def commands():
    """Every command line of ours in the examples, as words."""
    for _, task in tasks():
        command = task.get('ansible.builtin.command')
        words = command.get('argv') if isinstance(command, dict) else (command or '').split()
        if words and words[0] in needs.PROGRAMS:
            yield words
    script = enrol_script().replace('\\\n', ' ')
    for line in re.findall(r'^ *(yunjian-\w+ .*?)(?:&&|$)', script, re.MULTILINE):
        yield line.split()


class ExamplesTest(unittest.TestCase):
    def test_playbooks_hold_plays_of_one_module_a_task(self):
        for name, play in plays():
            self.assertIn(play['hosts'], ('collector', 'agents'), name)
        for name, task in tasks():
            modules = set(task) - TASK_KEYS
            self.assertEqual(len(modules), 1, f'{name}: {task["name"]}')
            self.assertRegex(modules.pop(), r'^ansible\.builtin\.[a-z]+$', name)

    def test_what_is_notified_is_there(self):
        for name, play in plays():
            handlers = {handler['name'] for handler in play.get('handlers', [])}
            notified = {task['notify'] for task in play['tasks'] if 'notify' in task}
            self.assertEqual(notified, handlers, name)

    def test_what_is_registered_is_there(self):
        for name in PLAYBOOKS:
            text = (EXAMPLES / 'ansible' / name).read_text(encoding='utf-8')
            used = set(re.findall(r'\b(yunjian_\w+)', text))
            registered = set(re.findall(r'register: (\w+)', text))
            inventory = (EXAMPLES / 'ansible/inventory.ini').read_text(encoding='utf-8')
            given = set(re.findall(r'^(yunjian_\w+)=', inventory, re.MULTILINE))
            self.assertEqual(used - registered - given, set(), name)

    def test_user_data_is_a_cloud_config(self):
        path = EXAMPLES / 'cloud-init/agent.yaml'
        self.assertTrue(path.read_text(encoding='utf-8').startswith('#cloud-config\n'))
        self.assertEqual(set(cloud_config()),
                         {'package_update', 'packages', 'write_files', 'runcmd'})
        code, said = needs.run('bash', '-n', '-c', enrol_script())
        self.assertEqual((code, said), (0, ''))

    def test_commands_are_given_options_that_they_take(self):
        seen = 0
        for words in commands():
            options = {word for word in words if word.startswith('--')}
            tree = needs.command_tree(words[0])
            command = max((known for known in tree if tuple(words[1:1 + len(known)]) == known),
                          key=len)
            self.assertLessEqual(options, tree[command], ' '.join(words))
            seen += 1
        self.assertGreaterEqual(seen, 6)

    def test_packages_are_named_as_they_are_built(self):
        names = [item for _, task in tasks() for item in task.get('loop', [])
                 if str(item).startswith('yunjian-')]
        self.assertLessEqual(set(names), set(needs.PROGRAMS))
        control = (needs.PACKAGING / 'deb/control').read_text(encoding='utf-8')
        self.assertEqual(set(re.findall(r'^Package: (.*)$', control, re.MULTILINE)),
                         set(needs.PROGRAMS))
        version = re.search(r'^project\(yunjian VERSION ([0-9.]+)', (
            needs.PACKAGING.parent / 'CMakeLists.txt').read_text(encoding='utf-8'), re.MULTILINE)
        inventory = (EXAMPLES / 'ansible/inventory.ini').read_text(encoding='utf-8')
        self.assertIn(f'yunjian_version={version.group(1)}\n', inventory)
        self.assertIn(f'yunjian-agent_{version.group(1)}_amd64.deb', enrol_script())

    def test_the_packages_are_built_with_what_the_tree_is_built_with(self):
        control = (needs.PACKAGING / 'deb/control').read_text(encoding='utf-8')
        wanted = re.search(r'^Build-Depends: ((?:.*\n )*.*)$', control, re.MULTILINE).group(1)
        names = {re.match(r'[a-z0-9.+-]+', part.strip()).group() for part in wanted.split(',')}
        listed = (needs.PACKAGING / 'debian-packages').read_text(encoding='utf-8')
        section = re.search(r'^\[build\]\n(.*?)(?:^\[|\Z)', listed,
                            re.MULTILINE | re.DOTALL).group(1)
        build = {line for line in section.splitlines() if line and not line.startswith('#')}
        self.assertEqual(names - {'debhelper-compat', 'dh-sequence-installsysusers', 'python3'},
                         build)

    def test_install_files_puts_everything_where_debian_has_it(self):
        with tempfile.TemporaryDirectory() as tree:
            programs = Path(tree) / 'bin'
            programs.mkdir()
            for program in needs.PROGRAMS:
                (programs / program).write_text('#!/bin/sh\n', encoding='utf-8')
                (programs / program).chmod(0o755)
            code, said = needs.run(EXAMPLES / 'install-files', '--bin', programs, '--destdir',
                                   f'{tree}/root', 'agent', 'collector', 'audit')
            self.assertEqual((code, said), (0, ''))
            self.check_tree(Path(tree) / 'root')

    def check_tree(self, root):
        for path in ('bin/yunjian-agent', 'lib/systemd/system/yunjian-agent.service',
                     'lib/systemd/system/yunjian-agent.path',
                     'lib/systemd/system/yunjian-collector.service',
                     'lib/systemd/system/yunjian-collector-backup.service',
                     'lib/systemd/system/yunjian-collector-backup.timer',
                     'lib/systemd/system/yunjian-scrub.timer',
                     'lib/systemd/system/yunjian-witness.service',
                     'lib/sysusers.d/yunjian-audit.conf',
                     'lib/sysusers.d/yunjian-agent.conf',
                     'lib/tmpfiles.d/yunjian-collector.conf'):
            self.assertTrue((root / 'usr' / path).is_file(), path)
        for page in ('man1/yunjian-audit.1', 'man5/yunjian-agent.toml.5',
                     'man5/yunjian-collector.toml.5', 'man8/yunjian-agent.8',
                     'man8/yunjian-collector.8'):
            self.assertTrue((root / 'usr/share/man' / page).is_file(), page)

    def test_a_configuration_is_never_overwritten(self):
        with tempfile.TemporaryDirectory() as tree:
            config = Path(tree) / 'etc/yunjian/agent.toml'
            config.parent.mkdir(parents=True)
            config.write_text('mine', encoding='utf-8')
            program = Path(tree) / 'yunjian-agent'
            program.write_text('#!/bin/sh\n', encoding='utf-8')
            program.chmod(0o755)
            needs.run(EXAMPLES / 'install-files', '--bin', tree, '--destdir', tree, 'agent')
            self.assertEqual(config.read_text(encoding='utf-8'), 'mine')
            self.assertTrue((Path(tree) / 'usr/bin/yunjian-agent').is_file())


if __name__ == '__main__':
    unittest.main()
