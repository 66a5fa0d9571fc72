#!/usr/bin/env python3
"""deb_test.py DIR [--twice]: the Debian packages in DIR are what an operator may expect.

--twice builds them again, from scratch and in another directory, and compares every byte with DIR,
which must hold what `packaging/build-deb` made of the same commit.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import needs

PACKAGES = ('yunjian-agent', 'yunjian-audit', 'yunjian-collector')
AGENT_BYTES_MAX = 2 * 1024 * 1024
# Everything that the programs may need of Debian 12, besides its C and C++ runtime.
RUNTIME = {'libc6', 'libgcc-s1', 'libstdc++6'}
DEPENDS = {
    'yunjian-agent': {'debconf', 'systemd', 'libaudit1', 'libcurl4', 'libfmt9', 'libre2-9',
                      'libssl3', 'libsystemd0', 'libxxhash0', 'libzstd1'},
    'yunjian-audit': {'systemd', 'libcurl4', 'libfmt9', 'libssl3', 'libxxhash0', 'libzstd1'},
    'yunjian-collector': {'debconf', 'systemd', 'libcairo2', 'libcurl4', 'libfmt9', 'libglib2.0-0',
                          'libpango-1.0-0', 'libpangocairo-1.0-0', 'libre2-9', 'libsoci-core4.0',
                          'libsoci-sqlite3-4.0', 'libssl3', 'libxlsxwriter4', 'libxxhash0',
                          'libzstd1'},
}
PAGES = {'yunjian-agent': {'man5/yunjian-agent.toml.5.gz', 'man8/yunjian-agent.8.gz'},
         'yunjian-audit': {'man1/yunjian-audit.1.gz'},
         'yunjian-collector': {'man5/yunjian-collector.toml.5.gz', 'man8/yunjian-collector.8.gz'}}
given = argparse.Namespace()


def said(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True,
                          text=True).stdout


def deb(package):
    found = sorted(given.directory.glob(f'{package}_*_amd64.deb'))
    if len(found) != 1:
        raise AssertionError(f'{len(found)} packages {package} in {given.directory}')
    return found[0]


def files(package):
    return {line.split(None, 5)[5] for line in said('dpkg-deb', '-c', deb(package)).splitlines()}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class DebTest(unittest.TestCase):
    def test_lintian_has_nothing_to_say(self):
        code, text = needs.run('lintian', '--fail-on', 'error,warning', *map(deb, PACKAGES))
        self.assertEqual(code, 0, text)

    def test_dependencies_are_those_that_are_meant(self):
        for package in PACKAGES:
            line = said('dpkg-deb', '-f', deb(package), 'Depends')
            names = {part.split()[0] for part in line.split(',')}
            self.assertEqual(names - RUNTIME, DEPENDS[package], package)

    def test_the_agents_package_is_light(self):
        size = deb('yunjian-agent').stat().st_size
        print(f'yunjian-agent: {size / 1024:.0f} KiB')
        self.assertLessEqual(size, AGENT_BYTES_MAX)

    def test_every_program_comes_with_symbols_pages_completion_and_changes(self):
        for package in PACKAGES:
            there = files(package)
            for path in {f'usr/share/man/{page}' for page in PAGES[package]} | {
                    f'usr/bin/{package}', f'usr/share/bash-completion/completions/{package}',
                    f'usr/share/doc/{package}/NEWS.md.gz', f'usr/share/doc/{package}/copyright'}:
                self.assertIn(f'./{path}', there)
            self.assertTrue(deb(f'{package}-dbgsym').exists())

    def test_services_come_with_unit_user_directory_and_configuration(self):
        for package in ('yunjian-agent', 'yunjian-collector'):
            there = files(package)
            for path in (f'lib/systemd/system/{package}.service',
                         f'usr/lib/sysusers.d/{package}.conf', f'usr/lib/tmpfiles.d/{package}.conf',
                         f'etc/yunjian/{package.removeprefix("yunjian-")}.toml'):
                self.assertIn(f'./{path}', there)
            self.assertFalse([path for path in there if path.startswith('./var/')], package)

    def test_witness_and_scrub_come_with_their_timers(self):
        for package, job in (('yunjian-audit', 'witness'), ('yunjian-collector', 'scrub')):
            for kind in ('service', 'timer'):
                self.assertIn(f'./lib/systemd/system/yunjian-{job}.{kind}', files(package))
        for folder in ('sysusers.d', 'tmpfiles.d'):
            self.assertIn(f'./usr/lib/{folder}/yunjian-audit.conf', files('yunjian-audit'))

    def test_the_bill_of_materials_is_about_the_program_in_the_package(self):
        for package in PACKAGES:
            with tempfile.TemporaryDirectory() as root:
                said('dpkg-deb', '-x', deb(package), root)
                bill = json.loads((Path(root) / f'usr/share/doc/{package}/{package}.spdx.json')
                                  .read_text(encoding='utf-8'))
                digest = sha256(Path(root) / 'usr/bin' / package)
            self.check_bill(package, bill, digest)

    def check_bill(self, package, bill, digest):
        self.assertEqual(bill['spdxVersion'], 'SPDX-2.3')
        sums = {each['algorithm']: each['checksumValue'] for each in bill['files'][0]['checksums']}
        self.assertEqual(sums['SHA256'], digest, package)
        names = {part['name'] for part in bill['packages']}
        libraries = {name for name in DEPENDS[package] if name.startswith('lib')}
        self.assertLessEqual(libraries | {'libc6', 'rapidjson-dev'}, names)
        ids = {part['SPDXID'] for part in bill['packages'] + bill['files']} | {'SPDXRef-DOCUMENT'}
        for link in bill['relationships']:
            self.assertIn(link['spdxElementId'], ids)
            self.assertIn(link['relatedSpdxElement'], ids)
        for part in bill['packages']:
            self.assertTrue(part['versionInfo'] and part['name'] and part['downloadLocation'])

    def test_programs_are_hardened(self):
        for package in PACKAGES:
            with tempfile.TemporaryDirectory() as root:
                said('dpkg-deb', '-x', deb(package), root)
                program = Path(root) / 'usr/bin' / package
                self.assertRegex(said('readelf', '-h', program), r'Type: +DYN')
                self.assertRegex(said('readelf', '-d', program), r'BIND_NOW|FLAGS.*NOW')
                self.assertIn('GNU_RELRO', said('readelf', '-lW', program))
                self.assertNotRegex(said('readelf', '-lW', program), r'GNU_STACK.*E')
                self.assertNotIn(str(needs.PACKAGING.parent), said('strings', program))

    def test_built_twice_they_are_the_same_bytes(self):
        if not given.twice:
            self.skipTest('compiles everything; --twice')
        with tempfile.TemporaryDirectory(prefix='yunjian-twice-') as other:
            version = re.search(r'_(.*)_', deb('yunjian-agent').name).group(1)
            subprocess.run([needs.PACKAGING / 'build-deb', '--out', other, '--version', version],
                           check=True, stdout=sys.stderr)
            for package in sorted(given.directory.glob(f'*_{version}_amd64.deb')):
                print(f'{sha256(package)}  {package.name}')
                self.assertEqual(sha256(Path(other) / package.name), sha256(package), package.name)


if __name__ == '__main__':
    needs.need('lintian', 'lintian')
    options = argparse.ArgumentParser()
    options.add_argument('directory', type=Path)
    options.add_argument('--twice', action='store_true')
    options.parse_args(namespace=given)
    unittest.main(argv=sys.argv[:1])
