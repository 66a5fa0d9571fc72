#!/usr/bin/env python3
"""What the agent says of a host is what the host's own tools say of the same seconds.

vmstat and iostat run beside the agent, and something writes to the disk all the time; free, df and
nproc are asked at the end. The two windows are not the
same to the second, so shares have a tolerance, and a window in which the load changed is measured
again.
"""
import json
import os
import pathlib
import subprocess
import threading
import time

import debian_tools
import lab

WINDOW_S = 8
CPU_POINTS = 12  # of 100, between vmstat's window and the agent's
MEMORY_POINTS = 5
ATTEMPTS = 4
WRITTEN_SHARE = 0.4  # of the rate, between iostat's window and the agent's
WRITTEN_BYTES = 300_000  # a second, which others may write in one of the windows only


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def vmstat_during(action):
    """Percent used by the CPUs while `action` runs, by vmstat's second report."""
    command = ['vmstat', '-n', str(WINDOW_S), '2']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tool:
        action()
        lines = tool.communicate(timeout=60)[0].splitlines()
    names, values = lines[1].split(), lines[-1].split()
    report = dict(zip(names, map(int, values)))
    return report['us'] + report['sy']


class Writer(threading.Thread):
    """Writes 4 MB a second and syncs, until it is told to end."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.ended = path, threading.Event()

    def run(self):
        with self.path.open('wb') as out:
            while not self.ended.wait(0.25):
                out.seek(0)
                out.write(os.urandom(1 << 20))
                out.flush()
                os.fsync(out.fileno())


class DiskRates:
    """iostat over the window: bytes written a second, by device."""

    def __init__(self, tool):
        self.program, environment, self.reason = tool
        self.process = None
        if not self.reason:
            self.process = subprocess.Popen(
                [self.program, '-d', '-k', '-y', str(WINDOW_S), '1'],
                stdout=subprocess.PIPE, text=True, env={**environment, 'LC_ALL': 'C'},
            )

    def by_device(self):
        if self.process is None:
            return None
        rows = [line.split() for line in self.process.communicate(timeout=60)[0].splitlines()]
        rows = [row for row in rows if row]
        at = next(number for number, row in enumerate(rows) if row[0].startswith('Device'))
        column = rows[at].index('kB_wrtn/s')
        return {row[0]: float(row[column]) * 1024 for row in rows[at + 1 :]}


def free_bytes():
    """total, used share in percent as the agent counts it (what is not available)."""
    lines = run('free', '-b').splitlines()
    report = dict(zip(lines[0].split(), map(int, lines[1].split()[1:])))
    return report['total'], 100 * (1 - report['available'] / report['total'])


def root_filesystem():
    lines = run('df', '-B1', '--output=size,pcent', '/').splitlines()
    size, share = lines[1].split()
    return int(size), int(share.rstrip('%'))


def measure(bench, agent, seen, iostat):
    """One run of the agent: its usage record that is new, and what the tools say beside it."""
    disks = DiskRates(iostat)

    def act():
        agent.start()
        end = time.monotonic() + WINDOW_S + 2
        lab.wait_until('the window', WINDOW_S + 30, lambda: time.monotonic() > end)

    used = vmstat_during(act)
    tools = used, free_bytes(), root_filesystem(), disks.by_device()
    assert agent.stop() == 0

    def fresh():
        lines = [item['line'] for item in bench.search('kind: usage')]
        return [line for line in lines if line not in seen]

    records = [json.loads(line) for line in lab.wait_until('the usage record', 60, fresh)]
    seen.update(fresh())
    # A clock minute may have ended in between: the longer part counts.
    return max(records, key=lambda record: record['n']), tools


def differences(record, tools):
    used, (total, memory_used), (fs_size, fs_used), written = tools
    assert record['cpu.count'] == os.cpu_count(), record
    assert record['memory.total'] == total, (record['memory.total'], total)
    found = []
    if '/' in {key[len('fs.total.'):] for key in record if key.startswith('fs.total.')}:
        assert record['fs.total./'] == fs_size, (record['fs.total./'], fs_size)
        found.append(('fs.used./', record['fs.used./'], fs_used, 1.5))
    found.append(('cpu.used', record['cpu.used.mean'], used, CPU_POINTS))
    found.append(('memory.used', record['memory.used.mean'], memory_used, MEMORY_POINTS))
    compared = disks_of(record, written)
    may_lack = written is None or not whole_disks()
    assert compared or may_lack, f'no disk is compared: {whole_disks()} {written} {record}'
    for device, (ours, theirs) in compared.items():
        found.append((f'write {device}', ours, theirs, theirs * WRITTEN_SHARE + WRITTEN_BYTES))
    return [row for row in found if abs(row[1] - row[2]) > row[3]]


def whole_disks():
    """Disks of this host with a size, as the kernel lists them; none of loop, RAM or zram."""
    found = []
    for place in pathlib.Path('/sys/block').iterdir():
        real = not place.name.startswith(('loop', 'ram', 'zram', 'sr', 'fd'))
        if real and int((place / 'size').read_text()) > 0:
            found.append(place.name)
    return sorted(found)


def disks_of(record, written):
    """Bytes written a second by the disks of this host that both name: (agent, iostat)."""
    ours = {name: record.get(f'disk.write_bytes.mean.{name}') for name in whole_disks()}
    return {
        name: (rate, written[name])
        for name, rate in ours.items()
        if rate is not None and name in (written or {})
    }


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        agent = bench.enrol('web-01', '[journal]\nenabled = false\n[audit]\nenabled = false\n'
                            '[usage]\ninterval_s = 1\n')
        seen = set()
        iostat = debian_tools.program('iostat', 'sysstat')
        if iostat[2]:
            print(f'SKIPPED: no iostat to compare with: {iostat[2]}')
        writer = Writer(bench.dir / 'written')
        writer.start()
        for attempt in range(ATTEMPTS):
            record, tools = measure(bench, agent, seen, iostat)
            wrong = differences(record, tools)
            if not wrong:
                break
            print(f'attempt {attempt + 1}: (figure, agent, tool, tolerance) {wrong}')
        writer.ended.set()
        writer.join()
        assert not wrong, wrong
    compared = disks_of(record, tools[3])
    for device, (ours, theirs) in compared.items():
        print(f'{device}: {ours / 1e6:.2f} MB/s written (iostat {theirs / 1e6:.2f})')
    if not compared:
        print('SKIPPED: no disk of this host that both the agent and iostat name')
    print(f'cpu {record["cpu.used.mean"]} % (vmstat {tools[0]}), '
          f'memory {record["memory.used.mean"]} % (free {tools[1][1]:.1f})')


if __name__ == '__main__':
    main()
