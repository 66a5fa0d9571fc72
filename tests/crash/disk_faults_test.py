#!/usr/bin/env python3
"""An agent whose state lies on a disk that fails, on real file systems: no inodes left (tmpfs), no
room left (tmpfs), read-only (ext4), gone in the middle of the work (ext4 shut down: every write and
sync gives EIO), and single writes, renames and syncs that fail with EIO (strace).

Out of room it holds and goes on by itself. What cannot be trusted ends it with a sentence that says
what failed; the next start goes on. Afterwards every line is at the collector once, in order.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'scenarios')]

import disk  # noqa: E402
import lab  # noqa: E402


class Host:
    """One agent, its log, its state below `place`."""

    def __init__(self, bench, name, place):
        self.bench, self.name, self.place = bench, name, place
        self.log = bench.dir / f'lines-of-{name}'
        self.log.write_text('')
        self.count = 0
        config = lab.one_file(self.log) + '[audit]\nenabled = false\n'
        self.agent = bench.enrol(name, config)
        subprocess.run(['cp', '-a', bench.dir / name, place / name], check=True)
        subprocess.run(['sync', '-f', place], check=True)  # what was enrolled must outlast a cut
        path = bench.dir / f'{name}.toml'
        path.write_text(path.read_text().replace(str(bench.dir / name), str(place / name)))

    def add(self, lines=5):
        with self.log.open('a') as out:
            for _ in range(lines):
                out.write(f'{self.name} {self.count:05d}\n')
                self.count += 1

    def arrives(self):
        last = f'log: "{self.log}" and "{self.name} {self.count - 1:05d}"'
        lab.wait_until('the last line', 90, lambda: self.bench.search(last))

    def said(self, words, since, seconds=60):
        def told():
            text = self.agent.log.read_text(errors='replace')[since:]
            return any(word in text for word in words)

        lab.wait_until(f'{words}: {self.agent.tail()}', seconds, told)

    def seen(self):
        return len(self.agent.log.read_text(errors='replace')) if self.agent.log.exists() else 0

    def ends(self, seconds=60):
        """Its exit code; it must end by itself, and not with success."""
        lab.wait_until(f'its end: {self.agent.tail()}', seconds, lambda: not self.agent.alive())
        assert self.agent.process.returncode == 1, self.agent.tail()

    def check(self):
        items = sorted(self.bench.search(f'log: "{self.log}"'), key=lambda i: i['number'])
        found = [json.loads(item['line']).get('message') for item in items]
        found = [message for message in found if message]
        wanted = self.log.read_text().splitlines()
        assert found == wanted, f'{len(found)} of {len(wanted)}: {found[:3]} {wanted[:3]}'


def mounted_tmpfs(directory, options):
    directory.mkdir()
    disk.run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', directory)
    return directory


def fill_inodes(place):
    """Takes every inode; returns the files."""
    taken = []
    while True:
        path = place / f'filler-{len(taken)}'
        try:
            path.touch()
        except OSError:
            return taken
        taken.append(path)


def fill_room(place):
    path = place / 'filler'
    with path.open('wb', buffering=0) as out:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    out.write(b'\0' * size)
            except OSError:
                pass
    return [path]


def out_of_room(bench, name, options, fill):
    place = mounted_tmpfs(bench.dir / f'{name}-disk', options)
    try:
        host = Host(bench, name, place)
        host.add()
        host.agent.start()
        host.arrives()
        seen = host.seen()
        fillers = fill(place)
        host.add()
        host.said(['full disk', 'no room', 'No space', 'disk is full', 'hold'], seen)
        assert host.agent.alive(), host.agent.tail()
        for path in fillers:
            path.unlink()
        host.arrives()
        assert host.agent.stop() == 0, host.agent.tail()
        host.check()
    finally:
        disk.run('umount', '-l', place)
    print(f'{name}: held, then went on; {host.count} lines once')


def read_only(bench, power):
    host = Host(bench, 'readonly', power.point)
    host.add()
    host.agent.start()
    host.arrives()
    assert host.agent.stop() == 0, host.agent.tail()
    disk.run('mount', '-o', 'remount,ro', power.point)
    seen = host.seen()
    host.add()
    host.agent.start()
    host.ends()
    host.said(['Read-only file system'], seen, 1)
    disk.run('mount', '-o', 'remount,rw', power.point)
    host.agent.start()
    host.arrives()
    assert host.agent.stop() == 0, host.agent.tail()
    host.check()
    print(f'readonly: ended and said so, then went on; {host.count} lines once')


def gone(bench, power):
    host = Host(bench, 'gone', power.point)
    host.add()
    host.agent.start()
    host.arrives()
    seen = host.seen()
    power.cut_under()
    host.add()
    host.ends()
    host.said(['Input/output error'], seen, 1)
    power.come_back()
    host.agent.start()
    host.arrives()
    assert host.agent.stop() == 0, host.agent.tail()
    host.check()
    print(f'gone: ended with EIO, then went on; {host.count} lines once')


def failing_call(host, call, nth, path=None):
    """The nth such call of a run (on `path`) gives EIO. The agent ends, tries no failed sync again,
    and its next run goes on."""
    host.add(3)
    trace = host.bench.dir / f'trace-{call}-{nth}'
    trace.touch()
    seen = host.seen()
    inject = ['strace', '-f', '-qq', '-o', trace, *(('-P', path) if path else ())]
    inject += ['-e', f'trace={call}', '-e', f'inject={call}:error=EIO:when={nth}']
    with host.agent.log.open('ab') as out:
        host.agent.process = subprocess.Popen(
            [str(part) for part in inject + host.agent.command], stdout=out, stderr=out
        )
    end = time.monotonic() + 60
    while host.agent.alive() and 'EIO' not in trace.read_text(errors='replace'):
        assert time.monotonic() < end, f'no {nth}th {call} came: {host.agent.tail()}'
        time.sleep(0.02)
    host.ends()
    host.said(['Input/output error'], seen, 1)
    if call in ('fsync', 'fdatasync'):
        not_again(trace, call)
    host.agent.start()
    host.arrives()
    assert host.agent.stop() == 0, host.agent.tail()


def not_again(trace, call):
    lines = trace.read_text(errors='replace').splitlines()
    calls = [line for line in lines if f'{call}(' in line]
    failed = next(at for at, line in enumerate(calls) if 'INJECTED' in line)
    descriptor = re.search(call + r'\((\d+)\)', calls[failed])[0]
    again = [line for line in calls[failed + 1 :] if descriptor in line]
    assert not again, f'the sync was tried again: {again}'


def failing_calls(bench):
    place = bench.dir / 'calls-disk'
    place.mkdir()
    host = Host(bench, 'calls', place)
    host.add()
    host.agent.start()
    host.arrives()
    assert host.agent.stop() == 0, host.agent.tail()
    state = place / 'calls'
    tried = [('fdatasync', nth, None) for nth in range(1, 7)]
    tried += [('fsync', nth, None) for nth in range(1, 5)]
    # Both states of a seal, and the newest segments of bodies and of headers.
    tried += [('write', nth, state / 'stream.state.new') for nth in (1, 2)]
    tried += [('rename', nth, state / 'stream.state.new') for nth in (1, 2)]
    for call, nth, path in tried:
        failing_call(host, call, nth, path)
    for folder in ('body', 'head'):
        newest = max((state / 'spool' / folder).glob('*.seg'))
        failing_call(host, 'write', 1, newest)
    host.check()
    print(f'EIO: {len(tried) + 2} calls failed once, no sync again; {host.count} lines once')


def why_not():
    with tempfile.TemporaryDirectory(prefix='yunjian-disk-') as place:
        return disk.why_not(place)


def main():
    reason = why_not()
    if reason:
        print(f'SKIPPED: no disks can be made on this machine: {reason}')
        return
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        out_of_room(bench, 'inodes', 'size=16m,nr_inodes=64', fill_inodes)
        out_of_room(bench, 'room', 'size=16m', fill_room)
        place = bench.dir / 'power'
        place.mkdir()
        power = disk.PowerDisk(place)
        try:
            read_only(bench, power)
            gone(bench, power)
        finally:
            power.close()
        if shutil.which('strace'):
            failing_calls(bench)
        else:
            print('SKIPPED: single calls that fail: strace is not installed')
        code, report = bench.audit_live()
        assert code == 0, report


if __name__ == '__main__':
    main()
