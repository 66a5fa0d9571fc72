#!/usr/bin/env python3
"""Units, users and directories of the services: known to systemd, confined, without root."""

import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import needs

SYSTEMD = needs.PACKAGING / 'systemd'
SERVICES = ('yunjian-agent', 'yunjian-collector')
# Run by timers and done again; the program and the user of each.
JOBS = {'yunjian-witness': ('yunjian-audit', 'yunjian-witness'),
        'yunjian-scrub': ('yunjian-collector', 'yunjian-collector')}
USERS = ('yunjian-agent', 'yunjian-audit', 'yunjian-collector')  # files sysusers and tmpfiles
# systemd's own figure, 0 (closed) to 10 (open).
EXPOSURE_MAX = {'yunjian-agent': 1.5, 'yunjian-collector': 1.3, 'yunjian-witness': 1.0,
                'yunjian-scrub': 1.0}


def setting(service, key):
    """All values of a key of a unit."""
    text = (SYSTEMD / f'{service}.service').read_text(encoding='utf-8')
    return re.findall(rf'^{key}=(.*)$', text, re.MULTILINE)


class UnitsTest(unittest.TestCase):
    def test_systemd_knows_every_line(self):
        with tempfile.TemporaryDirectory() as root:
            names = [f'{name}.service' for name in (*SERVICES, *JOBS)]
            names += [f'{name}.timer' for name in JOBS]
            for name in names:
                text = (SYSTEMD / name).read_text(encoding='utf-8')
                # Not installed here: the program, and the pages that man would be asked for.
                text = re.sub(r'^ExecStart=/usr/bin/yunjian-[a-z]+', 'ExecStart=/bin/true', text,
                              flags=re.MULTILINE)
                text = re.sub(r'^Documentation=.*\n', '', text, flags=re.MULTILINE)
                (Path(root) / name).write_text(text, encoding='utf-8')
            for name in names:
                code, said = needs.run('systemd-analyze', 'verify', '--man=no', Path(root) / name)
                self.assertEqual((code, said), (0, ''), name)

    def test_a_service_is_confined(self):
        for service in (*SERVICES, *JOBS):
            code, said = needs.run('systemd-analyze', 'security', '--offline=true',
                                   SYSTEMD / f'{service}.service')
            found = re.search(r'exposure level for .*: ([0-9.]+)', said)
            self.assertIsNotNone(found, f'{code} {said}')
            self.assertLessEqual(float(found.group(1)), EXPOSURE_MAX[service], said)

    def test_the_witness_with_its_addresses_named_is_closed_further(self):
        text = (SYSTEMD / 'yunjian-witness.service').read_text(encoding='utf-8')
        with tempfile.TemporaryDirectory() as root:
            unit = Path(root) / 'yunjian-witness.service'
            unit.write_text(text + 'IPAddressDeny=any\nIPAddressAllow=192.0.2.7\n',
                            encoding='utf-8')
            said = needs.run('systemd-analyze', 'security', '--offline=true', unit)[1]
            found = re.search(r'exposure level for .*: ([0-9.]+)', said)
            self.assertLessEqual(float(found.group(1)), 1.0, said)

    def test_a_service_is_never_root_and_leaves_no_core(self):
        for service in (*SERVICES, *JOBS):
            user = JOBS[service][1] if service in JOBS else service
            self.assertEqual(setting(service, 'User'), [user])
            self.assertEqual(setting(service, 'CapabilityBoundingSet'), [''])
            self.assertEqual(setting(service, 'AmbientCapabilities'), [''])
            self.assertEqual(setting(service, 'LimitCORE'), ['0'])
            self.assertEqual(setting(service, 'UMask'), ['0077'])

    def test_a_service_has_limits_and_directories_of_its_own(self):
        for service, key, wanted in (
                ('yunjian-agent', 'MemoryMax', '256M'), ('yunjian-agent', 'TasksMax', '32'),
                ('yunjian-agent', 'LimitNOFILE', '65536'), ('yunjian-agent', 'CPUWeight', '20'),
                ('yunjian-agent', 'StateDirectory', 'yunjian-agent'),
                ('yunjian-agent', 'RuntimeDirectory', 'yunjian-agent'),
                ('yunjian-collector', 'TasksMax', '256'),
                ('yunjian-collector', 'LimitNOFILE', '65536'),
                ('yunjian-collector', 'StateDirectory', 'yunjian/collector yunjian-anchor')):
            self.assertEqual(setting(service, key), [wanted], f'{service} {key}')
        for service in SERVICES:
            self.assertEqual(setting(service, 'StateDirectoryMode'), ['0700'])

    def test_nothing_starts_before_the_host_is_enrolled_or_the_log_is_made(self):
        for service, path in (('yunjian-agent', '/var/lib/yunjian-agent/identity.json'),
                              ('yunjian-collector', '/var/lib/yunjian/collector/log.json')):
            self.assertEqual(setting(service, 'ConditionPathExists'), [path])
        path_unit = (SYSTEMD / 'yunjian-agent.path').read_text(encoding='utf-8')
        self.assertIn('PathChanged=/var/lib/yunjian-agent/identity.json', path_unit)

    def test_a_copy_is_made_daily_confined_and_behind_everything_else(self):
        name = 'yunjian-collector-backup'
        with tempfile.TemporaryDirectory() as root:
            for kind in ('service', 'timer'):
                text = (SYSTEMD / f'{name}.{kind}').read_text(encoding='utf-8')
                text = text.replace('/usr/bin/yunjian-collector', '/bin/true')
                text = re.sub(r'^Documentation=.*\n', '', text, flags=re.MULTILINE)
                (Path(root) / f'{name}.{kind}').write_text(text, encoding='utf-8')
            code, said = needs.run('systemd-analyze', 'verify', '--man=no',
                                   Path(root) / f'{name}.timer', Path(root) / f'{name}.service')
            self.assertEqual((code, said), (0, ''))
        _, said = needs.run('systemd-analyze', 'security', '--offline=true',
                            SYSTEMD / f'{name}.service')
        found = re.search(r'exposure level for .*: ([0-9.]+)', said)
        self.assertLessEqual(float(found.group(1)), EXPOSURE_MAX['yunjian-collector'], said)
        self.assertEqual(setting(name, 'User'), ['yunjian-collector'])
        self.assertEqual(setting(name, 'IOSchedulingClass'), ['idle'])
        self.assertEqual(setting(name, 'ConditionPathExists'),
                         ['/var/lib/yunjian/collector/log.json'])
        sample = (needs.PACKAGING / 'collector.toml').read_text(encoding='utf-8')
        place = re.search(r'^directory = "/var/lib/(.*)"', sample, re.MULTILINE).group(1)
        self.assertIn(place, setting(name, 'StateDirectory')[0].split())

    def test_the_agent_sees_what_it_reports(self):
        # /proc/stat, the processes of others, and /home as it is: without them figures are wrong.
        self.assertEqual(setting('yunjian-agent', 'ProcSubset'), ['all'])
        self.assertEqual(setting('yunjian-agent', 'ProtectProc'), ['noaccess'])
        self.assertEqual(setting('yunjian-agent', 'ProtectHome'), ['read-only'])

    def test_a_service_that_hangs_is_started_again_and_one_that_ends_too(self):
        for service in SERVICES:
            self.assertEqual(setting(service, 'Type'), ['notify'])
            self.assertEqual(setting(service, 'NotifyAccess'), ['main'])
            self.assertEqual(setting(service, 'WatchdogSec'), ['60s'])
            self.assertEqual(setting(service, 'Restart'), ['always'])
            self.assertEqual(setting(service, 'RestartPreventExitStatus'), ['64'])
            pause = setting(service, 'RestartSec')[0]
            self.assertGreaterEqual(int(pause.removesuffix('s')), 5, pause)

    def test_a_job_runs_once_for_its_timer_and_says_by_its_end_how_it_went(self):
        for job, (program, _) in JOBS.items():
            self.assertEqual(setting(job, 'Type'), ['oneshot'])
            self.assertFalse(setting(job, 'Restart') + setting(job, 'SuccessExitStatus'))
            self.assertTrue(setting(job, 'ExecStart')[0].startswith(f'/usr/bin/{program} '), job)
            timer = (SYSTEMD / f'{job}.timer').read_text(encoding='utf-8')
            self.assertIn('WantedBy=timers.target', timer)
            self.assertRegex(timer, r'(?m)^On(Calendar|UnitInactiveSec)=', job)
        self.assertEqual(setting('yunjian-scrub', 'PrivateNetwork'), ['yes'])
        self.assertEqual(setting('yunjian-witness', 'StateDirectory'), ['yunjian-witness'])

    def test_users_and_directories_are_made(self):
        if os.geteuid() != 0:
            self.skipTest('another root directory needs root')
        with tempfile.TemporaryDirectory() as root:
            for part in ('etc', 'usr/lib/sysusers.d', 'usr/lib/tmpfiles.d', 'var/lib'):
                (Path(root) / part).mkdir(parents=True)
            for kind in ('sysusers', 'tmpfiles'):
                for service in USERS:
                    shutil.copy(SYSTEMD / f'{service}.{kind}',
                                Path(root) / f'usr/lib/{kind}.d/{service}.conf')
            # Users first: the directories belong to them.
            code, said = needs.run('systemd-sysusers', f'--root={root}')
            self.assertEqual(code, 0, said)
            code, said = needs.run('systemd-tmpfiles', f'--root={root}', '--create')
            self.assertEqual(code, 0, said)
            self.check_made(Path(root))

    def check_made(self, root):
        groups = {line.split(':')[0]: line.split(':')[3].split(',')
                  for line in (root / 'etc/group').read_text(encoding='utf-8').splitlines()}
        self.assertIn('yunjian-agent', groups['adm'])
        self.assertIn('yunjian-agent', groups['systemd-journal'])
        self.assertFalse([name for name, members in groups.items()
                          if 'yunjian-collector' in members])
        users = {line.split(':')[0]: int(line.split(':')[2])
                 for line in (root / 'etc/passwd').read_text(encoding='utf-8').splitlines()}
        for path, user in (('yunjian-agent', 'yunjian-agent'),
                           ('yunjian/collector', 'yunjian-collector'),
                           ('yunjian-anchor', 'yunjian-collector'),
                           ('yunjian-witness', 'yunjian-witness')):
            status = (root / 'var/lib' / path).stat()
            self.assertEqual((status.st_uid, status.st_mode & 0o777), (users[user], 0o700), path)

    def test_the_samples_use_the_directories_of_the_units(self):
        for service, sample, pattern in (
                ('yunjian-agent', 'agent.toml', r'^state = "/var/lib/(.*)"'),
                ('yunjian-collector', 'collector.toml', r'^data = "/var/lib/(.*)"'),
                ('yunjian-collector', 'collector.toml', r'^anchor = "/var/lib/(.*)/anchor"')):
            text = (needs.PACKAGING / sample).read_text(encoding='utf-8')
            place = re.search(pattern, text, re.MULTILINE).group(1)
            self.assertIn(place, setting(service, 'StateDirectory')[0].split())


if __name__ == '__main__':
    needs.need('systemd-analyze', 'systemd')
    needs.need('systemd-sysusers', 'systemd')
    unittest.main()
