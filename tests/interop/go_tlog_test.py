#!/usr/bin/env python3
"""Go's golang.org/x/mod/sumdb reads a running collector: checkpoint, inclusion, consistency with
earlier checkpoints, also after growth and a restart."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'scenarios'))

import lab  # noqa: E402  (found through the line above)


def build(target):
    environment = dict(
        os.environ,
        GO111MODULE='off',
        GOPATH='/usr/share/gocode',
        GOFLAGS='',
        CGO_ENABLED='0',
        GOCACHE=str(target.parent / 'go-cache'),
    )
    subprocess.run(
        ['go', 'build', '-o', str(target), '.'],
        cwd=HERE / 'tlog_client',
        env=environment,
        check=True,
    )


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        client = bench.dir / 'tlog_client'
        build(client)
        bench.init()
        bench.start_collector()
        ask = [
            client,
            '-url',
            bench.url,
            '-ca',
            bench.ca,
            '-token-file',
            bench.dir / 'token',
            '-vkey',
            bench.vkey,
        ]
        print(bench.run(*ask).strip())
        earlier = bench.dir / 'earlier'
        earlier.write_bytes(bench.get('/checkpoint')[1])

        log = bench.dir / 'a.log'
        log.write_text('')
        agent = bench.enrol('web-01', f'[journal]\nenabled = false\n[[file]]\npaths = ["{log}"]\n')
        agent.start()
        # More than one tile of leaves: lines that come alone close a batch of their own while
        # tokens last, so many at once.
        with log.open('a') as out:
            for number in range(1200000):
                out.write(f'line {number} ' + 'x' * 180 + '\n')

        def leaves():
            return int(bench.get('/checkpoint')[1].split(b'\n')[1])

        lab.wait_until('two tiles of leaves', 120, lambda: leaves() > 280)
        print(bench.run(*ask, '-old', earlier).strip())
        # The same history after a restart, and what a restart adds to it.
        agent.stop()
        grown = bench.dir / 'grown'
        grown.write_bytes(bench.get('/checkpoint')[1])
        bench.collector.stop()
        bench.start_collector()
        bench.collect('token', 'create', '--role', 'authority', '--name', 'someone')
        for old in (earlier, grown):
            print(bench.run(*ask, '-old', old).strip())
        # A checkpoint that is not this log's must fail.
        earlier.write_bytes(earlier.read_bytes().replace(b'lab.example\n', b'lab.exampl3\n', 1))
        bench.run(*ask, '-old', earlier, code=1)


if __name__ == '__main__':
    sys.exit(main())
