"""The same lines in what an administrator has at hand: one zstd -3 file per host and day searched
with ripgrep, and SQLite with FTS5 (clickhouse_peer.py: ClickHouse). Lines go to hosts and days as
store_main.cc deals them out.
"""
import hashlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

HOSTS, DAYS, RUN = 50, 30, 20
RARE = 'needle4711'


def dealt(corpus, size):
    """(host, day, line) of each."""
    with open(corpus, encoding='utf-8') as lines:
        for number, line in zip(range(size), lines):
            text = line.rstrip('\n')
            if number % (size // 20 + 1) == 7:
                text += ' ' + RARE
            yield number // RUN % HOSTS, number * DAYS // size, text


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def timed(question, runs):
    found = []
    for _ in range(runs):
        begun = time.perf_counter()
        question()
        found.append(time.perf_counter() - begun)
    return sorted(found)[runs // 2]


def check(who, lines, expected):
    """Nothing is timed that answers something else: `expected` is the hash of the sorted lines."""
    joined = ''.join(line + '\n' for line in sorted(lines, key=str.encode))
    found = hashlib.sha256(joined.encode()).hexdigest()
    assert found == expected, f'{who} answers something else'


def dropped_caches():
    try:
        pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')
    except OSError:
        return False
    return True


def asked(who, name, question, runs=5):
    question()
    rows = {(who, f'{name}/warm_s'): (timed(question, runs), 's')}
    if dropped_caches():
        rows[who, f'{name}/cold_s'] = (timed(question, 1), 's')
    return rows


def files_zstd3(directory, corpus, size, answers):
    folder = pathlib.Path(directory) / 'files'
    folder.mkdir()
    plain = 0
    opened = {}
    for host, day, line in dealt(corpus, size):
        if (host, day) not in opened:
            opened[host, day] = open(folder / f'{host:03}-{day:02}.log', 'w', encoding='utf-8')
        plain += opened[host, day].write(line + '\n')
    for file in opened.values():
        file.close()
    plain = sum(path.stat().st_size for path in folder.iterdir())
    before = children_cpu()
    names = sorted(str(path) for path in folder.iterdir())
    subprocess.run(['zstd', '-q', '-3', '--rm', *names], check=True)
    cpu = children_cpu() - before
    bytes_kept = sum(path.stat().st_size for path in folder.iterdir())
    rows = {
        ('files-zstd3', 'load/records_per_cpu_s'): (size / cpu, '1/s'),
        ('files-zstd3', 'disk/ratio'): (plain / bytes_kept, '1'),
    }
    search = 'rg' if shutil.which('rg') else 'grep'
    command = f"zstdcat {folder}/*.zst | {search} -w {RARE}"

    def question():
        return subprocess.run(command, shell=True, capture_output=True, check=True).stdout

    check('files-zstd3', question().decode().splitlines(), answers['rare'])
    rows.update(asked(f'files-zstd3 {search}', 'rare', question))
    return rows


def sqlite_fts5(directory, corpus, size, answers):
    path = pathlib.Path(directory) / 'peer.sqlite'
    begun = os.times()
    database = sqlite3.connect(path)
    database.execute('PRAGMA journal_mode = wal')
    database.execute('CREATE TABLE logs (host INT, day INT, message TEXT)')
    database.execute('CREATE INDEX by_host ON logs (host, day)')
    database.execute("CREATE VIRTUAL TABLE words USING fts5(message, content='logs', detail=none)")
    with database:
        database.executemany('INSERT INTO logs VALUES (?, ?, ?)', dealt(corpus, size))
        database.execute('INSERT INTO words (rowid, message) SELECT rowid, message FROM logs')
    database.execute('PRAGMA wal_checkpoint(truncate)')
    ended = os.times()
    cpu = ended.user + ended.system - begun.user - begun.system
    plain = sum(len(line.encode()) + 1 for _, _, line in dealt(corpus, size))
    who = 'sqlite ' + sqlite3.sqlite_version
    rows = {
        (who, 'load/records_per_cpu_s'): (size / cpu, '1/s'),
        (who, 'disk/ratio'): (plain / path.stat().st_size, '1'),
    }

    def question():
        asked_for = (
            'SELECT message FROM logs WHERE rowid IN '
            '(SELECT rowid FROM words WHERE words MATCH ?)'
        )
        return database.execute(asked_for, (RARE,)).fetchall()

    check(who, [row[0] for row in question()], answers['rare'])
    rows.update(asked(who, 'rare', question))
    return rows
