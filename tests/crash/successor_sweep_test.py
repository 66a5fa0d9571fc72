#!/usr/bin/env python3
"""tests/crash/successor_sweep_test.py [--points N] [--stride N]

The collector's log is dead and another one goes on for it. The agent is killed at the entry of the
first system call of each kind that changes something, then of the second …, while it changes over:
end of the old stream, enrolment as the next incarnation, headers shown, all that is held shipped
anew. Each time from the same beginning; then it runs undisturbed, and in the new log is each line
once: those that the dead log had receipts for and those that were sealed while nobody listened. The
auditor says good.
"""
import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'scenarios')]

import lab  # noqa: E402

CALLS = ['write', 'fdatasync', 'fsync', 'rename', 'unlink', 'ftruncate', 'mkdir', 'sendto']
HOST = 'web-01'
STUCK_S = 90


class Change:
    """A laboratory at the moment when the successor is opened; put back for each point."""

    def __init__(self, bench):
        self.bench = bench
        self.log = bench.dir / 'lines'
        self.log.write_text('')
        bench.init()
        bench.start_collector()
        self.agent = bench.enrol(HOST, lab.one_file(self.log) + '[audit]\nenabled = false\n')
        self.lines = []
        self.add('the dead log has it')
        self.run()
        assert bench.collector.stop() == 0
        self.add('sealed while nobody listened')
        self.run_without_collector()
        self.open_successor()
        self.kept = bench.dir / 'kept'
        self.kept.mkdir()
        for place in self.places():
            subprocess.run(['cp', '-a', place, self.kept / place.name], check=True)

    def places(self):
        return [self.bench.dir / name for name in (HOST, 'successor', 'anchor-2')]

    def put_back(self):
        for place in self.places():
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
            subprocess.run(['cp', '-a', self.kept / place.name, place], check=True)

    def add(self, words, count=30):
        new = [f'{words} {number}' for number in range(count)]
        with self.log.open('a') as out:
            out.writelines(line + '\n' for line in new)
        self.lines += new

    def open_successor(self):
        bench = self.bench
        bench.run(
            *(bench.bin / 'yunjian-collector', 'init', '--data', bench.dir / 'successor'),
            *('--origin', 'lab.example/2', '--anchor', bench.dir / 'anchor-2'),
            *('--name', 'localhost', '--name', '127.0.0.1'),
            *('--successor-of', bench.dir / 'anchor', '--ca-from', bench.dir / 'collector'),
        )
        config = bench.dir / 'collector.toml'
        text = config.read_text().replace(f'{bench.dir}/collector', f'{bench.dir}/successor')
        config.write_text(text.replace(f'{bench.dir}/anchor', f'{bench.dir}/anchor-2'))
        data = bench.dir / 'successor'
        bench.vkey = json.loads((data / 'log.json').read_text())['vkey']
        bench.ca = data / 'tls' / 'ca.crt'
        bench.token = (data / 'token').read_text().strip()
        lab.write_secret(bench.dir / 'token', bench.token + '\n')

    def run(self, call=None, nth=0, incarnation=1):
        """Until it follows its sources as that incarnation and has shipped, or is killed; its exit
        code."""
        command = self.agent.command
        if call:
            inject = f'inject={call}:signal=SIGKILL:when={nth}'
            head = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', f'trace={call}']
            command = [*head, '-e', inject, *command]
        with self.agent.log.open('ab') as out:
            seen = out.tell()
            self.agent.process = subprocess.Popen(command, stdout=out, stderr=out)
        end = time.monotonic() + STUCK_S
        asked = False
        while self.agent.alive():
            assert time.monotonic() < end, f'{call} {nth}: it hangs: {self.agent.tail()}'
            said = self.agent.log.read_bytes()[seen:]
            if not asked and f'.{incarnation} for host'.encode() in said:
                asked = True
                self.agent.process.send_signal(signal.SIGTERM)
            time.sleep(0.005)
        return self.agent.process.returncode

    def run_without_collector(self):
        path = self.bench.dir / HOST / 'status.json'
        before = json.loads(path.read_text())['records']
        self.agent.start()
        lab.wait_until(
            'the seal', 60, lambda: json.loads(path.read_text())['records'] >= before + 30
        )
        self.agent.kill()

    def point(self, call, nth):
        """True: the call came in the change."""
        self.put_back()
        self.bench.start_collector()
        code = self.run(call, nth, 2)
        assert code in (0, -signal.SIGKILL), f'{call} {nth}: {code}: {self.agent.tail()}'
        assert self.run(incarnation=2) == 0, f'{call} {nth}: {self.agent.tail()}'
        items = self.bench.search('source: file')
        found = sorted(json.loads(item['line'])['message'] for item in items)
        assert found == sorted(self.lines), f'{call} {nth}: {len(found)} of {len(self.lines)} lines'
        report_code, report = self.bench.audit_live()
        assert report_code == 0, f'{call} {nth}: {report}'
        assert self.bench.collector.stop() == 0, self.bench.collector.tail()
        return code != 0


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument('--points', type=int, default=9)
    arguments.add_argument('--stride', type=int, default=7)
    options = arguments.parse_args()
    if not shutil.which('strace'):
        print('SKIPPED: strace is not installed')
        return
    with lab.Lab(lab.bin_directory()) as bench:
        change = Change(bench)
        kinds, nth, points = list(CALLS), 1, 0
        while kinds and points < options.points:
            for call in list(kinds):
                if points == options.points:
                    break
                if change.point(call, nth):
                    points += 1
                else:
                    kinds.remove(call)
            nth += options.stride
        assert points > 0, 'no call was hit'
        print(f'{points} kills in the change to a successor: {len(change.lines)} lines, each once')


if __name__ == '__main__':
    main()
