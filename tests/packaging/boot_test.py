#!/usr/bin/env python3
"""boot_test.py --debs DIR [--previous DIR] [--tree FILE] [--keep]

The packages on a Debian 12 that boots: install, enrol, kill, hang, reboot, upgrade, downgrade,
remove, purge. After each step a line that was just written to that system's own journal must be
found by search at the collector, and so must all lines before it.

--debs DIR      the packages, as packaging/build-deb made them
--previous DIR  packages of the version before; without it, nothing is upgraded
--tree FILE     archive of the bare system; made when absent (default build/boot/tree.tar)
--keep          leave the machine's files for a look
"""

import argparse
import json
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import machine
import needs

COLLECTOR_DATA = '/var/lib/yunjian/collector'
AGENT_STATE = '/var/lib/yunjian-agent'
SERVICES = ('yunjian-collector', 'yunjian-agent')
# A record waits for the minute at most, then for delivery and search.
FOUND_SECONDS = 150


class BootTest:
    def __init__(self, box, given):
        self.box = box
        self.given = given
        self.markers = []
        self.began = time.monotonic()
        self.vkey = ''

    def step(self, text):
        print(f'\n== {text}', flush=True)

    def tell(self, text):
        print(f'   [{time.monotonic() - self.began:5.0f} s] {text}', flush=True)

    # ---- what is asked after each step

    def search(self, query):
        # What is for people would come in the middle of the lines.
        code, said = self.box.run(
            'sh', '-c', 'exec "$@" 2>/dev/null', 'sh', 'yunjian-audit', 'search', '--json',
            '--collector', 'https://localhost:8444', '--ca', f'{COLLECTOR_DATA}/tls/ca.crt',
            '--token-file', '/root/token', '--q', query, code=None)
        if code != 0:
            return []
        return [json.loads(line) for line in said.split('\n') if line.startswith('{')]

    def found(self, marker):
        """In this system's journal; the searches themselves are records too, and hold the word."""
        items = self.search(f'source: journal and {marker}')
        records = [json.loads(item['line']) for item in items]
        return any(record.get('source') == 'journal' and record.get('message') == marker
                   for record in records)

    def write_marker(self, name):
        marker = f'marker{len(self.markers)}{name}'
        self.box.run('logger', '-t', 'boot-test', marker)
        self.markers.append(marker)
        return marker

    def expect_all(self, name=None):
        """A new line of this system's journal arrives; those before it are still there."""
        if name:
            self.write_marker(name)
        for marker in self.markers:
            machine.wait_until(f'{marker} to be found by search', FOUND_SECONDS,
                               lambda marker=marker: self.found(marker))
        self.tell(f'found by search: {" ".join(self.markers)}')

    def wait_state(self, unit, wanted, seconds=90):
        machine.wait_until(f'{unit} to be {wanted}', seconds,
                           lambda: self.box.show(unit, 'ActiveState') == wanted)

    def expect_restart(self, unit, before, seconds):
        machine.wait_until(f'{unit} to be started again', seconds, lambda: (
            int(self.box.show(unit, 'NRestarts')) > before
            and self.box.show(unit, 'ActiveState') == 'active'))
        self.tell(f'{unit}: NRestarts {before} -> {self.box.show(unit, "NRestarts")}, active')

    # ---- steps

    def install(self, directory):
        """All packages of a directory, by dpkg, which stops and starts the services itself."""
        target = self.box.root / 'root/debs'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for deb in Path(directory).glob('yunjian-*_amd64.deb'):
            if '-dbgsym' not in deb.name:
                shutil.copy(deb, target)
        said = self.box.say('dpkg', '-i', *(f'/root/debs/{deb.name}' for deb in
                                            sorted(target.iterdir())))
        for line in re.findall(r'^(?:Unpacking|Setting up) .*', said, re.MULTILINE):
            self.tell(line)

    def first_install(self):
        self.step('install: nothing starts before init and enrol')
        self.install(self.given.debs)
        for service in SERVICES:
            state = self.box.show(service, 'ActiveState')
            assert state == 'inactive', f'{service} is {state} after the installation'
            assert self.box.show(service, 'UnitFileState') == 'enabled', service
            self.tell(f'{service}: inactive, enabled')
        for timer, wanted in (('yunjian-scrub', 'enabled'), ('yunjian-witness', 'enabled'),
                              ('yunjian-collector-backup', 'disabled')):
            state = self.box.show(f'{timer}.timer', 'UnitFileState')
            assert state == wanted, f'{timer}.timer is {state}'
            self.tell(f'{timer}.timer: {state}')
        failed = self.box.say('systemctl', '--failed', '--plain', '--no-legend')
        assert 'yunjian' not in failed, failed

    def open_log(self):
        self.step('collector: init as root, start, unit, enrol token')
        said = self.box.say('yunjian-collector', 'init', '--data', COLLECTOR_DATA, '--origin',
                            'log.example.gov.cn/yunjian', '--anchor',
                            '/var/lib/yunjian-anchor/anchor')
        facts = dict(re.findall(r'^(\S+(?: \S+)?)  +(.*)$', said, re.MULTILINE))
        self.vkey = facts['vkey']
        first = facts['first token'].split()[0].lstrip('/')
        shutil.copy(self.box.root / first, self.box.root / 'root/token')
        owners = set(self.box.say('find', COLLECTOR_DATA, '-printf', '%u\\n').split())
        assert owners == {'yunjian-collector'}, f'init left files of {owners}'
        self.box.run('systemctl', 'start', 'yunjian-collector')
        self.wait_state('yunjian-collector', 'active')
        (self.box.root / 'root/units.csv').write_text('id,name,county\ntax,税务局,city\n',
                                                      encoding='utf-8')
        self.tell(self.box.say('yunjian-collector', 'unit', 'import', '/root/units.csv'))
        return facts['ca fingerprint'], self.enrol_token()

    def enrol_token(self):
        # The token stands alone on a line; what is for people comes with it here.
        said = self.box.say('sh', '-c', 'yunjian-collector enrol-token --unit tax 2>/dev/null')
        return said.splitlines()[-1]

    def enrol(self, fingerprint, token):
        self.step('agent: a failed enrolment starts nothing; a good one starts the service')
        arguments = ('yunjian-agent', 'enrol', '--collector', 'https://localhost:8444', '--state',
                     AGENT_STATE, '--ca-fingerprint', fingerprint)
        _, said = self.box.run(*arguments, '--token', 'not-a-token', code=1)
        self.tell(said.strip())
        assert self.box.show('yunjian-agent', 'ActiveState') == 'inactive'
        for line in self.box.say(*arguments, '--token', token).splitlines():
            self.tell(line)
        self.wait_state('yunjian-agent', 'active')
        owners = set(self.box.say('find', AGENT_STATE, '-printf', '%u\\n').split())
        assert owners == {'yunjian-agent'}, f'enrol left files of {owners}'
        self.tell(f'yunjian-agent: active, {self.box.show("yunjian-agent", "StatusText")}')
        self.expect_all('enrolled')

    def memory(self):
        self.step('agent: memory under its unit, once what starting needed was given back')
        machine.wait_until('the agent to have run for 60 s', 90, self.agent_runs_60_s)
        pid = self.box.show('yunjian-agent', 'MainPID')
        rollup = self.box.say('cat', f'/proc/{pid}/smaps_rollup')
        kib = {name: int(value) for name, value in re.findall(r'^(\w+): +(\d+) kB', rollup,
                                                              re.MULTILINE)}
        self.tell(f'resident {kib["Rss"] / 1024:.1f} MiB, private dirty '
                  f'{kib["Private_Dirty"] / 1024:.1f} MiB')
        assert kib['Rss'] <= 14 * 1024 and kib['Private_Dirty'] <= 4 * 1024, kib

    def agent_runs_60_s(self):
        began = int(self.box.show('yunjian-agent', 'ActiveEnterTimestampMonotonic'))
        return time.clock_gettime(time.CLOCK_MONOTONIC) - began / 1e6 >= 60

    def run_job(self, unit):
        self.box.run('systemctl', 'start', unit)
        assert self.box.show(unit, 'Result') == 'success', unit
        said = self.box.say('journalctl', '-u', unit, '-o', 'cat', '--no-pager')
        self.tell(f'{unit}: {[line for line in said.splitlines() if line][-2:]}')

    def jobs(self):
        self.step('jobs under their units: scrub, backup, one round of the witness')
        self.run_job('yunjian-scrub')
        self.run_job('yunjian-collector-backup')
        state = '/var/lib/yunjian-witness'
        key = self.box.say('runuser', '-u', 'yunjian-witness', '--', 'yunjian-audit', 'key',
                           '--out', f'{state}/witness.key', '--name', 'witness.example.gov.cn')
        config = self.box.root / 'etc/yunjian/collector.toml'
        config.write_text(config.read_text(encoding='utf-8').replace(
            '# keys = []', f'keys = ["{key.split()[-1]}"]', 1), encoding='utf-8')
        self.box.run('systemctl', 'restart', 'yunjian-collector')
        self.wait_state('yunjian-collector', 'active')
        for name, source in (('ca.crt', f'{COLLECTOR_DATA}/tls/ca.crt'), ('token', '/root/token')):
            self.box.run('install', '-o', 'yunjian-witness', '-m', '600', source,
                         f'{state}/{name}')
        (self.box.root / 'etc/yunjian/witness.logs').write_text(
            f'https://localhost:8444 {state}/ca.crt {state}/token {self.vkey}\n',
            encoding='utf-8')
        self.run_job('yunjian-witness')

    def kill(self):
        for service in SERVICES:
            self.step(f'{service}: kill -9')
            before = int(self.box.show(service, 'NRestarts'))
            self.box.run('kill', '-9', self.box.show(service, 'MainPID'))
            self.write_marker('killed')
            self.expect_restart(service, before, 120)
            self.expect_all()

    def hang(self):
        for service in SERVICES:
            self.step(f'{service}: hangs (SIGSTOP); the watchdog, 10 s here, starts it again')
            drop_in = self.box.root / f'etc/systemd/system/{service}.service.d/watchdog.conf'
            drop_in.parent.mkdir(parents=True, exist_ok=True)
            drop_in.write_text('[Service]\nWatchdogSec=10s\nRestartSec=2s\n', encoding='utf-8')
            self.box.run('systemctl', 'daemon-reload')
            self.box.run('systemctl', 'restart', service)
            self.wait_state(service, 'active')
            before = int(self.box.show(service, 'NRestarts'))
            self.box.run('kill', '-STOP', self.box.show(service, 'MainPID'))
            self.write_marker('hung')
            self.expect_restart(service, before, 180)
            said = self.box.say('journalctl', '-u', service, '-o', 'cat', '--no-pager')
            timeouts = re.findall(r'.*Watchdog timeout.*', said)
            assert timeouts, 'no watchdog timeout in the journal'
            self.tell(timeouts[-1])
            drop_in.unlink()
            self.box.run('systemctl', 'daemon-reload')
            self.expect_all()

    def reboot(self):
        self.step('reboot')
        self.write_marker('before-reboot')
        self.box.reboot()
        for service in SERVICES:
            self.wait_state(service, 'active')
            self.tell(f'{service}: active after the reboot')
        self.expect_all('rebooted')

    def change_version(self, what, directory):
        """With data in flight: what is written while the collector is away waits in the spool."""
        self.step(f'{what}, with records in the spool that no collector has')
        self.box.run('systemctl', 'stop', 'yunjian-collector')
        self.write_marker(f'before-{what}')
        machine.wait_until('the agent to notice', 90, lambda: 'last error    none' not in
                           self.box.say('yunjian-agent', 'status', '--config',
                                        '/etc/yunjian/agent.toml'))
        self.install(directory)
        self.box.run('systemctl', 'start', 'yunjian-collector')
        for service in SERVICES:
            self.wait_state(service, 'active')
        self.tell(self.box.say('yunjian-agent', '--version') + ', '
                  + self.box.say('yunjian-collector', '--version'))
        self.expect_all(what)

    def verify(self):
        self.step("the auditor's verdict")
        said = self.box.say(
            'yunjian-audit', 'verify', '--collector', 'https://localhost:8444', '--ca',
            f'{COLLECTOR_DATA}/tls/ca.crt', '--token-file', '/root/token', '--vkey', self.vkey,
            '--state', '/root/auditor')
        for line in said.splitlines():
            self.tell(line)

    def stopped_stays_stopped(self):
        self.step('an agent that was stopped by hand stays stopped')
        self.box.run('systemctl', 'stop', 'yunjian-agent')
        self.box.run('systemctl', 'restart', 'yunjian-agent.path')
        assert self.box.show('yunjian-agent', 'ActiveState') == 'inactive'
        self.box.run('systemctl', 'start', 'yunjian-agent')
        self.expect_all('started')

    def remove(self):
        self.step('remove: services gone, data kept; install again: it goes on')
        self.box.run('dpkg', '--remove', 'yunjian-agent', 'yunjian-collector')
        for service in SERVICES:
            assert self.box.show(service, 'ActiveState') == 'inactive', service
        self.expect_kept()
        self.install(self.given.debs)
        for service in SERVICES:
            self.wait_state(service, 'active')
        self.expect_all('reinstalled')

    def expect_kept(self):
        for path in (f'{COLLECTOR_DATA}/log.json', '/var/lib/yunjian-anchor/anchor',
                     f'{AGENT_STATE}/identity.json'):
            assert (self.box.root / path.lstrip('/')).exists(), f'{path} is gone'
        self.tell('log, anchor and agent state are there')

    def purge(self):
        self.step('purge: asks; evidence stays unless the answer is yes')
        for line in re.findall(r'^yunjian-\w+: .*', self.box.say(
                'dpkg', '--purge', 'yunjian-agent', 'yunjian-collector'), re.MULTILINE):
            self.tell(line)
        self.expect_kept()
        assert not (self.box.root / 'etc/yunjian/agent.toml').exists()
        self.install(self.given.debs)
        for service in SERVICES:
            self.wait_state(service, 'active')
        self.expect_all('purged-and-installed')
        for question in ('yunjian-agent/purge_state', 'yunjian-collector/purge_evidence'):
            package = question.split('/')[0]
            self.box.run('sh', '-c', f'echo {package} {question} boolean true | '
                                     'debconf-set-selections')
        self.box.run('dpkg', '--purge', 'yunjian-agent', 'yunjian-collector')
        for path in ('var/lib/yunjian/collector', 'var/lib/yunjian-anchor',
                     'var/lib/yunjian-agent'):
            assert not (self.box.root / path).exists(), f'{path} is still there'
        self.tell('answered with yes: nothing is left')

    def run(self):
        self.first_install()
        self.enrol(*self.open_log())
        self.memory()
        self.jobs()
        self.kill()
        self.hang()
        self.stopped_stays_stopped()
        self.reboot()
        if self.given.previous:
            self.change_version('downgrade', self.given.previous)
            self.change_version('upgrade', self.given.debs)
            self.change_version('downgrade-again', self.given.previous)
            self.change_version('upgrade-again', self.given.debs)
        self.verify()
        self.remove()
        self.purge()


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--debs', required=True)
    options.add_argument('--previous')
    options.add_argument('--tree', default=needs.PACKAGING.parent / 'build/boot/tree.tar')
    options.add_argument('--keep', action='store_true')
    given = options.parse_args()
    if reason := machine.why_not():
        print(f'SKIP: no machine can be booted here: {reason}', file=sys.stderr)
        sys.exit(needs.SKIPPED)
    # However this ends, the machine goes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine.make_tree(Path(given.tree))
    directory = Path(tempfile.mkdtemp(prefix='yunjian-boot-'))
    good = False
    with machine.Machine(directory / 'root') as box:
        box.unpack(given.tree)
        print(f'== boot: Debian 12, {directory}', flush=True)
        box.boot()
        try:
            BootTest(box, given).run()
            good = True
        except Exception as problem:  # whatever it was: the machine's journal tells more
            print(f'\nFAILED: {problem!r}', flush=True)
            print(box.run('journalctl', '-u', 'yunjian-*', '-n', '40', '--no-pager', code=None)[1],
                  flush=True)
    if not given.keep:
        shutil.rmtree(directory, ignore_errors=True)
    print('\nboot test passed' if good else '\nboot test failed')
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
