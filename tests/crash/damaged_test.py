#!/usr/bin/env python3
"""What an agent does with damaged files of its state directory.

Identity and sealing state: it does not start and says that the host must be enrolled again; that
works from there, and what was there is kept. Status, checkpoint, reserve: it goes on without them.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'scenarios'))

import lab  # noqa: E402


def add_line(log, number):
    with log.open('a') as out:
        out.write(f'line {number}\n')


def ship(bench, agent, log, number):
    """One more line goes through the agent to the collector."""
    add_line(log, number)
    agent.start()
    lab.wait_until(
        f'line {number}', 60, lambda: bench.search(f'log: "{log}" and message: "line {number}"')
    )
    assert agent.stop() == 0, agent.tail()


def damage(path):
    bytes_there = bytearray(path.read_bytes())
    bytes_there[len(bytes_there) // 2] ^= 0x20
    path.write_bytes(bytes_there)


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        log = bench.dir / 'lines'
        log.write_text('')
        config = f'[journal]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'
        bench.init()
        bench.start_collector()
        agent = bench.enrol('web-01', config)
        state = bench.dir / 'web-01'
        ship(bench, agent, log, 1)

        for number, name in enumerate(['status.json', 'spool/reserve', 'checkpoint'], 2):
            path = state / name
            path.write_bytes(b'\0' * 100)
            ship(bench, agent, log, number)

        for number, name in enumerate(['stream.state', 'identity.json'], 10):
            damage(state / name)
            agent.start()
            lab.wait_until('the end of the agent', 30, lambda: not agent.alive())
            assert agent.process.returncode == 1, agent.tail()
            assert name in agent.tail() and 'enrol' in agent.tail(), agent.tail()
            bench.enrol('web-01', config)
            ship(bench, agent, log, number)
            kept = [path for path in (state / 'old').iterdir() if (path / name).exists()]
            assert kept, f'{name} is gone'
        print('damaged files: refused with what to do, or done without')


if __name__ == '__main__':
    main()
