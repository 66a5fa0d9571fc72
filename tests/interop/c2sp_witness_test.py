#!/usr/bin/env python3
"""A collector pushes to a witness that is written to the C2SP specification alone.

It is cosigned, finds its place again after a restart, and will not sign when the witness has seen
more of the log than a restored copy holds.
"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'scenarios'))

import lab  # noqa: E402  (found through the line above)

import c2sp_witness  # noqa: E402


def witnessed(bench):
    status, note = bench.get('/v1/log/witnessed')
    return int(note.split(b'\n')[1]) if status == 200 else 0


def size(bench):
    return int(bench.get('/checkpoint')[1].split(b'\n')[1])


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        witness = c2sp_witness.Witness(bench.vkey).start()
        with (bench.dir / 'collector.toml').open('a') as out:
            out.write(f'[witness]\nkeys = ["{witness.key.vkey()}"]\npush = ["{witness.url}"]\n')
        bench.start_collector()
        lab.wait_until('a witnessed checkpoint', 60, lambda: witnessed(bench) > 0)
        code, report = bench.audit_live('--witness-vkey', witness.key.vkey())
        assert code == 0 and report['levels'][0]['count'] == 2, report
        bench.collector.stop()
        shutil.copytree(bench.dir / 'collector', bench.dir / 'backup')
        anchor = (bench.dir / 'anchor').read_bytes()
        for _ in range(3):
            bench.collect('token', 'create', '--role', 'authority', '--name', 'someone')
        before = witness.size
        bench.start_collector()
        lab.wait_until('a larger witnessed checkpoint', 60, lambda: witnessed(bench) > before)
        assert 409 in witness.answers and 422 not in witness.answers, witness.answers
        bench.collector.stop()

        # Last week's backup: the witness has seen more. Nothing may be signed.
        shutil.rmtree(bench.dir / 'collector')
        shutil.copytree(bench.dir / 'backup', bench.dir / 'collector')
        (bench.dir / 'anchor').write_bytes(anchor)
        done = subprocess.run([str(part) for part in bench.collector.command],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0 and 'nothing is signed' in done.stderr, done
        assert (bench.dir / 'anchor').read_bytes() == anchor
        witness.stop()
        print(f'a C2SP witness cosigned {witness.size} leaves; answers {witness.answers}')


if __name__ == '__main__':
    sys.exit(main())
