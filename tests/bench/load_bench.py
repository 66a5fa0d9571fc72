"""A real collector under yunjian-load: a quiet fleet, and batches as fast as they are taken."""
import json
import os
import pathlib
import subprocess
import threading
import time

import lab

TICK = os.sysconf('SC_CLK_TCK')
AGENTS_OF_INGEST = 4


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mib(pid):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 1024
    raise KeyError('VmHWM')


class Load:
    """yunjian-load with a token for `agents` hosts; it begins each step when it is told to."""

    def __init__(self, bench, kind, agents, *more):
        token = bench.collect('enrol-token', '--unit', lab.UNIT, '--uses', agents)
        lab.write_secret(bench.dir / 'load.token', token.strip().splitlines()[-1] + '\n')
        place = bench.dir / 'load'
        place.mkdir()
        command = (
            *(bench.bin / 'yunjian-load', kind, '--collector', bench.url, '--ca', bench.ca),
            *('--token-file', bench.dir / 'load.token', '--dir', place, '--agents', agents),
            *('--wait', *more),
        )
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*map(str, command)], stdin=pipe, stdout=pipe, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def rows(self, step=None):
        """Metrics up to the end of `step`, or of the program."""
        found = {}
        for line in self.process.stdout:
            row = json.loads(line)
            if 'step' in row:
                assert row['step'] == step, row
                return found
            found[row['metric']] = row['value']
        assert step is None and self.process.wait() == 0, 'yunjian-load ended early'
        return found

    def go_on(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()


def ingest(bench, size, corpus):
    """`size` event records in batches of 1000, until the last receipt is verified."""
    bench.init()
    bench.start_collector()
    with Load(bench, 'ingest', AGENTS_OF_INGEST, '--corpus', corpus, '--lines', size) as load:
        load.rows('sealed')
        server = bench.collector.process.pid
        before = cpu_seconds(server)
        load.go_on()
        wall = load.rows('receipted')['wall_s']
        cpu = cpu_seconds(server) - before
        peak = peak_mib(server)
        load.go_on()
        load.rows()
    return {
        'records_per_cpu_s': (size / cpu, '1/s'),
        'records_per_s': (size / wall, '1/s'),
        'collector_cpu_s': (cpu, 's'),
        'collector_peak_mib': (peak, 'MiB'),
    }


class Restarter(threading.Thread):
    """Stops the collector in the middle of the run and starts it again; adds both lives up."""

    def __init__(self, bench, seconds):
        super().__init__(daemon=True)
        self.bench, self.seconds = bench, seconds
        self.cpu, self.peaks, self.down = -self.now(), [], None

    def now(self):
        return cpu_seconds(self.bench.collector.process.pid)

    def note_peak(self):
        self.peaks.append(peak_mib(self.bench.collector.process.pid))

    def run(self):
        time.sleep(self.seconds)  # the middle of the measured time, not a condition
        self.cpu += self.now()
        self.note_peak()
        begun = time.monotonic()
        assert self.bench.collector.stop() == 0
        self.bench.start_collector()
        self.down = time.monotonic() - begun

    def end(self):
        self.join(120)
        assert self.down is not None, 'the collector was not restarted'
        self.cpu += self.now()
        self.note_peak()


def fleet(bench, size, minutes):
    """`size` agents for so many minutes, one restart of the collector in the middle."""
    bench.init()
    bench.start_collector()
    with Load(bench, 'fleet', size, '--minutes', minutes) as load:
        begun = time.monotonic()
        load.rows('enrolled')
        enrolled = time.monotonic() - begun
        restarter = Restarter(bench, minutes * 30)
        begun = time.monotonic()
        restarter.start()
        load.go_on()
        found = load.rows()
        took = time.monotonic() - begun
        restarter.end()
    assert found['receipts'] == found['batches'] >= size * minutes, found
    units = {'_s': 's', 'batches': '1', 'posts': '1', 'receipts': '1'}
    rows = {
        name: (value, next(unit for end, unit in units.items() if name.endswith(end)))
        for name, value in found.items()
    }
    rows['collector_cpu_percent'] = (restarter.cpu / took * 100, '%')
    rows['collector_rss_mib'] = (max(restarter.peaks), 'MiB')
    rows['restart_s'] = (restarter.down, 's')
    rows['enrol_per_s'] = (size / enrolled, '1/s')
    return rows
