#!/usr/bin/env python3
"""The second implementation checks a whole exported day: 1440 minutes of one host."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def main():
    with tempfile.TemporaryDirectory() as directory:
        day = pathlib.Path(directory) / 'day'
        subprocess.run([f'{os.environ["YUNJIAN_BIN"]}/auditor_test', '-tc=*a whole day*'],
                       env=dict(os.environ, YUNJIAN_WRITE_DAY=str(day)), check=True,
                       stdout=subprocess.DEVNULL)
        vkey = day.with_suffix('.vkey').read_text(encoding='utf-8').strip()
        check = [sys.executable, str(HERE / 'check_export.py')]
        print(subprocess.run([*check, str(day), vkey], check=True, capture_output=True,
                             text=True).stdout.strip())
        subprocess.run([*check, f'{day}.open', vkey], check=True, capture_output=True)
        damaged = bytearray(day.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        day.write_bytes(damaged)
        assert subprocess.run([*check, str(day), vkey], check=False,
                              capture_output=True).returncode != 0


if __name__ == '__main__':
    sys.exit(main())
