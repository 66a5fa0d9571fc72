#!/usr/bin/env python3
"""A real journal arrives byte for byte: each MESSAGE of one that systemd-journal-remote writes here
(bytes that are no text, blanks at both ends, lines, NUL, 100 KiB), put together again from what
`search` returns, is what journalctl says it is.
"""
import json
import pathlib
import subprocess
import sys

import lab
import real_logs_test

WRITER = '/lib/systemd/systemd-journal-remote'
MESSAGES = [
    b'Accepted publickey for \xe4\xba\x91',
    b'  blanks at both ends  ',
    b'two\nlines\n',
    b'nul\0and \xff\xfe bytes that are no text',
    b'back\\slash and "quotes"\ttab\r',
    b'long ' + b'\xe9\x95\xbf' * 34000,
]


def write_journal(path):
    """MESSAGES and some more as a journal file."""
    text = b''
    for number, message in enumerate(MESSAGES + [b'number %d' % n for n in range(200)]):
        time_us = 1_795_341_600_000_000 + number * 1_000_000
        text += b'__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n' % (time_us, number + 1)
        text += b'_BOOT_ID=0c3f1b627a7b4c0e9a67000000000001\nSYSLOG_IDENTIFIER=app\nPRIORITY=6\n'
        text += b'MESSAGE\n' + len(message).to_bytes(8, 'little') + message + b'\n\n'
    source = path.with_suffix('.export')
    source.write_bytes(text)
    subprocess.run([WRITER, f'--output={path}', str(source)], check=True, capture_output=True)


def by_journalctl(directory):
    """What journalctl says of the same files: the messages in their order."""
    command = ['journalctl', f'--directory={directory}', '--output=json', '--all', '--no-pager']
    done = subprocess.run(command, capture_output=True, check=True)
    messages = []
    for line in done.stdout.splitlines():
        message = json.loads(line).get('MESSAGE')
        if message is not None:
            messages.append(bytes(message) if isinstance(message, list) else message.encode())
    return messages


def arrived(bench):
    items = sorted(bench.search('source: journal', 1000), key=lambda item: item['number'])
    records = [json.loads(item['line']) for item in items]
    records = [record for record in records if record['kind'] == 'event']
    messages, open_message = [], b''
    for record in records:
        open_message += real_logs_test.message_bytes(record)
        part, whole = record.get('part', '1/1').split('/')
        if part == whole:
            messages.append(open_message)
            open_message = b''
    return messages


def check(bench, name, directory, wanted):
    config = f'[journal]\ndirectory = "{directory}"\n[audit]\nenabled = false\n'
    config += '[usage]\nenabled = false\n[mask]\nenabled = false\n'
    agent = bench.enrol(name, config)
    agent.start()
    lab.wait_until('all messages', 120, lambda: len(arrived(bench)) >= len(wanted))
    assert agent.stop() == 0, agent.tail()
    found = arrived(bench)
    wrong = [pair for pair in zip(wanted, found) if pair[0] != pair[1]]
    assert not wrong and len(found) == len(wanted), f'{len(found)} of {len(wanted)}: {wrong[:1]}'
    gaps = [json.loads(item['line']) for item in bench.search('what: gap')]
    assert not gaps, gaps


def main():
    if not pathlib.Path(WRITER).exists():
        print('SKIPPED: systemd-journal-remote is not installed')
        return
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        directory = bench.dir / 'journal'
        directory.mkdir()
        write_journal(directory / 'system.journal')
        wanted = by_journalctl(directory)
        assert wanted[: len(MESSAGES)] == MESSAGES, 'journalctl says something else'
        check(bench, 'web-01', directory, wanted)
        sizes = sum(map(len, wanted))
        print(f'{len(wanted)} messages, {sizes} bytes: byte for byte')


if __name__ == '__main__':
    sys.exit(main())
