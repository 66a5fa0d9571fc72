#!/usr/bin/env python3
"""The examples as Ansible's and cloud-init's own tools read them; part of `tests/run boot`.

cloud-init is unpacked below --work and not installed: it would act on this machine when it next
starts. The packages that its modules need are in group `examples` of packaging/debian-packages.
"""

import argparse
import os
import subprocess
import sys
import unittest
from pathlib import Path

import needs

EXAMPLES = needs.PACKAGING / 'examples'
SYSTEM_PYTHON = '/usr/bin/python3'  # the one that Debian's modules are for


def unpacked_cloud_init(work):
    """The directory of its Python modules."""
    root = work / 'cloud-init'
    if not (root / 'done').exists():
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(['apt-get', 'download', 'cloud-init'], cwd=root, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for package in root.glob('*.deb'):
            subprocess.run(['dpkg', '-x', package, root], check=True)
        (root / 'done').touch()
    return root / 'usr/lib/python3/dist-packages'


class ExampleToolsTest(unittest.TestCase):
    work = None

    def schema(self, path):
        modules = unpacked_cloud_init(self.work)
        return needs.run(SYSTEM_PYTHON, '-W', 'ignore', '-m', 'cloudinit.config.schema', '-c', path,
                         env=dict(os.environ, PYTHONPATH=str(modules)))

    def test_user_data_fits_the_schema_of_cloud_init(self):
        path = EXAMPLES / 'cloud-init/agent.yaml'
        code, text = self.schema(path)
        self.assertEqual((code, text.strip()), (0, f'Valid cloud-config: {path}'))
        bad = self.work / 'bad.yaml'
        bad.write_text(path.read_text(encoding='utf-8').replace('\nruncmd:', '\nruncmd: 5\nother:'),
                       encoding='utf-8')
        code, text = self.schema(bad)
        self.assertNotEqual(code, 0, text)
        self.assertIn('runcmd', text)

    def test_ansible_reads_the_playbooks(self):
        inventory = EXAMPLES / 'ansible/inventory.ini'
        command = ['ansible-playbook', '--syntax-check', '-i', inventory]
        for name in ('collector.yml', 'agents.yml'):
            playbook = EXAMPLES / 'ansible' / name
            code, text = needs.run(*command, playbook)
            self.assertEqual(code, 0, text)
            self.assertIn(f'playbook: {playbook}', text)
            bad = self.work / name
            text = playbook.read_text(encoding='utf-8').replace('ansible.builtin.', 'ansible.no.')
            bad.write_text(text, encoding='utf-8')
            self.assertNotEqual(needs.run(*command, bad)[0], 0, name)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, metavar='DIR', help='kept between runs')
    options, others = parser.parse_known_args()
    needs.need('ansible-playbook', 'ansible-core')
    options.work.mkdir(parents=True, exist_ok=True)
    ExampleToolsTest.work = options.work.resolve()
    unittest.main(argv=sys.argv[:1] + others)
