#!/usr/bin/env python3
"""What a service manager hears from the agent over a real socket: READY=1 when it follows its
sources and not before, WATCHDOG=1 as long as its loop turns, also while nobody answers it, and no
more when it hangs; a STATUS that says what was sealed and receipted and why nothing is shipped;
STOPPING=1 when it was asked to end. A hang that nobody hears of would be a host without evidence.
"""
import os
import re
import signal
import socket
import sys
import time

import lab

WATCHDOG_S = 9


class Manager:
    """The other end of NOTIFY_SOCKET: (time, text) of each datagram."""

    def __init__(self, path):
        self.path, self.heard = str(path), []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def listen(self, seconds):
        """Takes what comes within so many seconds; the first datagram ends the wait."""
        self.socket.settimeout(seconds)
        try:
            self.heard.append((time.monotonic(), self.socket.recv(65536).decode()))
        except TimeoutError:
            pass

    def await_text(self, pattern, seconds, since=0.0):
        """Time and text of the first datagram behind `since` that matches."""
        end = time.monotonic() + seconds
        while True:
            for at, text in self.heard:
                if at > since and re.search(pattern, text):
                    return at, text
            assert time.monotonic() < end, f'{pattern} in vain: {self.heard[-5:]}'
            self.listen(0.1)

    def beats(self, since):
        return [at for at, text in self.heard if text == 'WATCHDOG=1' and at > since]


def starts(manager, agent):
    agent.start(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=str(WATCHDOG_S * 1_000_000))
    at, _ = manager.await_text('^READY=1$', 30)
    assert b'runs as' in agent.log.read_bytes(), agent.tail()
    before = [text for when, text in manager.heard if when < at and not text.startswith('STATUS=')]
    assert before in ([], ['WATCHDOG=1']), before
    manager.await_text(r'^STATUS=\d+ batches sealed, [1-9]\d* receipted$', 60)
    return at


def beats_while_nobody_answers(bench, manager, log):
    assert bench.collector.stop() == 0
    gone = time.monotonic()
    with log.open('a') as out:
        out.write('nobody takes this\n')
    manager.await_text(r'^STATUS=\d+ batches sealed, \d+ receipted; .*nobody answers', 60, gone)
    end = time.monotonic() + 2 * WATCHDOG_S
    while time.monotonic() < end:
        manager.listen(end - time.monotonic())
    beats = [gone, *manager.beats(gone), end]
    longest = max(later - earlier for earlier, later in zip(beats, beats[1:]))
    assert longest < WATCHDOG_S, f'{longest:.1f} s without a sign, {WATCHDOG_S} are allowed'
    bench.start_collector()
    return len(beats) - 2


def falls_silent_when_it_hangs(manager, agent):
    os.kill(agent.process.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    end = stopped + 1.5 * WATCHDOG_S
    while time.monotonic() < end:
        manager.listen(end - time.monotonic())
    late = [text for at, text in manager.heard if at > stopped + 0.5]
    assert not late, f'it hangs and still says {late}'
    os.kill(agent.process.pid, signal.SIGCONT)
    manager.await_text('^WATCHDOG=1$', 30, end)


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'lines'
        log.write_text('one\n')
        agent = bench.enrol('web-01', lab.one_file(log))
        manager = Manager(bench.dir / 'notify')
        starts(manager, agent)
        beats = beats_while_nobody_answers(bench, manager, log)
        falls_silent_when_it_hangs(manager, agent)
        asked = time.monotonic()
        assert agent.stop() == 0, agent.tail()
        manager.await_text('^STOPPING=1$', 10, asked - 0.1)
        print(f'ready, {beats} signs of life while nobody answered, silent in a hang, stopping')


if __name__ == '__main__':
    sys.exit(main())
