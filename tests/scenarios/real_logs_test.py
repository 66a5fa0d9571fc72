#!/usr/bin/env python3
"""The real logs of this machine arrive byte for byte: what `search` returns, put together again, is
what the files hold.
"""
import json
import pathlib
import re
import sys

import lab

BYTES_MAX = 8 << 20  # in all; more is left out, so that the test stays short


def real_logs():
    """Text files below /var/log, the small ones first, until there is enough."""
    chosen, total = [], 0
    candidates = [path for path in pathlib.Path('/var/log').rglob('*.log') if path.is_file()]
    for path in sorted(candidates, key=lambda one: one.stat().st_size):
        total += path.stat().st_size
        if total > BYTES_MAX:
            break
        chosen.append(path)
    return [path for path in chosen if path.stat().st_size > 0]


def message_bytes(record):
    text = record['message']
    if record.get('encoding') != 'escaped':
        return text.encode()
    pieces = re.split(r'(\\x[0-9A-F]{2}|\\\\)', text)
    return b''.join(
        bytes.fromhex(piece[2:])
        if piece.startswith('\\x')
        else b'\\' if piece == '\\\\' else piece.encode()
        for piece in pieces
    )


def put_together(records):
    """The text of a file from its records."""
    text = b''
    for record in records:
        text += message_bytes(record)
        part = record.get('part', '1/1')
        if part != '+' and part.split('/')[0] == part.split('/')[1]:
            text += b'\n'
    return text


def main():
    paths = real_logs()
    if not paths:
        print('SKIPPED: no log below /var/log')
        return
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        listed = ', '.join(json.dumps(str(path)) for path in paths)
        agent = bench.enrol(
            'web-01',
            '[journal]\nenabled = false\n[audit]\nenabled = false\n[mask]\nenabled = false\n'
            f'[[file]]\npaths = [{listed}]\n',
        )
        before = {path: path.read_bytes() for path in paths}
        agent.start()

        def text_of(path):
            items = sorted(bench.search(f'log: "{path}"'), key=lambda item: item['number'])
            records = [json.loads(item['line']) for item in items]
            return put_together([record for record in records if record['kind'] == 'event'])

        for path, content in before.items():
            lab.wait_until(f'all of {path}', 120, lambda: len(text_of(path)) >= len(content))
            # Its program may write on meanwhile.
            assert path.read_bytes().startswith(text_of(path).rstrip(b'\n')), path
            assert text_of(path).startswith(content.rstrip(b'\n')), path
        assert agent.stop() == 0, agent.tail()
        print(f'{len(paths)} logs, {sum(map(len, before.values()))} bytes: byte for byte')


if __name__ == '__main__':
    sys.exit(main())
