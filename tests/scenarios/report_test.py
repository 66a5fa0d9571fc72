#!/usr/bin/env python3
"""A fleet's months become packs that say what each host is, and that anybody can check.

Thirty hosts of every kind live through three months in the real log (fleet_seed). Each month is
built; of the last one every host must be judged and flagged as it was planted, and none else. A
month built again is the same bytes. Then the provider lies in every way that the files allow, and
report-check tells which cell it was.
"""
import argparse
import json
import pathlib
import shutil
import sqlite3
import subprocess

import fleet
import lab


def build(bench, month, out, *more):
    return bench.collect('report', 'build', '--month', month, '--out', out, *more)


def rows_of(pack):
    """The last part of each host in the table."""
    rows = json.loads((pack / 'utilization.json').read_text())['rows']
    return {row['host']: row for row in rows if row['part'] == row['parts']}


def check(bench, *arguments, where=None):
    """(exit code, JSON) of report-check on the data directory."""
    data = '--data', bench.dir / 'collector'

    done = subprocess.run(
        [
            str(part)
            for part in (
                *(bench.bin / 'yunjian-audit', 'report-check', '--json', '--vkey', bench.vkey),
                *(data if where is None else where),
                *arguments,
            )
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {'error': done.stderr}


def told(report, words):
    return any(words in f"{f['place']}: {f['en']}" for f in report.get('findings', []))


def judged_as_planted(bench, planted, pack):
    rows = rows_of(pack)
    assert len(rows) == len(planted), (len(rows), len(planted))
    wrong = [
        (host['host'], host['role'], rows[host['host']]['judgement']['explanation']['en'])
        for host in planted
        if rows[host['host']]['judgement']['verdict'] != host['verdict']
    ]
    assert not wrong, wrong
    advice = json.loads((pack / 'advice.json').read_text())
    tables = [table for section in advice['sections'] for table in section['tables']]
    found = {
        (row['host'], row['verdict']['en'])
        for table in tables
        for row in table['rows']
        if 'finding' in row and row['state']['en'] == 'flagged'
    }
    names = {'faked_load': 'load looks faked', 'wrong_shape': 'wrong shape', 'off': 'powered off'}
    wanted = {(h['host'], names.get(h['flag'], h['flag'])) for h in planted if h['flag']}
    assert found == wanted, (found - wanted, wanted - found)


def narrow_packs_are_right(pack):
    """What is done for the whole cloud stands in the packs of counties and units too."""
    city = (pack / 'operations.csv').read_text()
    drills = next(line for line in city.splitlines() if line.startswith('D-1,'))
    places = sorted(pack.glob('unit/*')) + sorted(pack.glob('county/*'))
    assert len(places) > 5, places
    for place in places:
        text = (place / 'operations.csv').read_text()
        assert drills in text and '核心交换机升级' in text, place
        assert '统一认证无法登录' not in text, place  # names no unit
        assert '见全市报告' in (place / 'operations.html').read_text(), place
    assert '政务外网区' in city and '互联网区' in city


def same_again(bench, month, pack):
    again = bench.dir / 'again'
    said = build(bench, month, again, '--all')
    assert 'revision 1 as it was' in said, said
    files = sorted(p.relative_to(pack) for p in pack.rglob('*') if p.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob('*') if p.is_file())
    assert len(files) > 100, files
    for name in files:
        assert (pack / name).read_bytes() == (again / name).read_bytes(), name


def equal(bench, month, pack, planted):
    code, report = check(bench, '--month', month, '--state', bench.dir / 'auditor')
    assert code == 0, report
    assert report['hosts'] == len(planted) and report['tables'] > 5, report
    assert report['files_absent'] == 0, report
    assert report['csv_tables'] == report['tables'], report
    assert report['advices'] == report['tables'], report
    # Computed again: each table as JSON and CSV, each advice, operations and security.json,
    # inputs.list, standings.list and findings.list.
    assert report['registers'] == 2 * report['tables'], report
    assert report['files_hash_only'] == report['files'] - 5 * report['tables'] - 3, report
    code, warm = check(bench, '--pack', pack, '--state', bench.dir / 'auditor')
    assert code == 0 and warm['resumed_at'] > 0, warm


def english_is_signed(bench, month, pack):
    """What was made in English is checked with the rest, its table of hosts cell by cell."""
    assert (pack / 'en' / 'advice.pdf').exists() and not (pack / 'advice.pdf').exists()
    code, report = check(bench, '--month', month)
    assert code == 0 and report['tables'] == 1 and report['csv_tables'] == 2, report
    table = bench.dir / 'collector' / 'reports' / month / 'r1' / 'en' / 'utilization.csv'
    right = table.read_text()
    cells = next(line for line in right.splitlines() if ',low,' in line)
    table.write_text(right.replace(cells, cells.replace(',low,', ',normal,')))
    code, report = check(bench, '--month', month)
    assert code == 1 and told(report, 'en/utilization.csv: it is not what'), report
    assert told(report, 'verdict: normal -> low'), report
    table.write_text(right)


def equal_live(bench, month):
    """The same over the network, files of counties with Chinese names included."""
    bench.start_collector()
    status, body = bench.get('/v1/reports')
    assert status == 200 and json.loads(body)['items'][0]['month'] == month, body
    live = '--collector', bench.url, '--ca', bench.ca, '--token-file', bench.dir / 'token'
    code, report = check(bench, *live, '--month', month, where=())
    assert code == 0 and report['files_absent'] == 0 and report['tables'] > 5, report
    assert bench.collector.stop() == 0


def changed_by_hand(bench, pack):
    """Files of what was handed out, changed: the manifest tells."""
    for name, old, new in (
        ('utilization.json', '"p95_percent":', '"p95_percent":1'),
        ('utilization.csv', 'ecs-', 'ecs_'),
        ('advice.html', '</td>', ' </td>'),
    ):
        copy = bench.dir / 'copy'
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(pack, copy)
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace(old, new, 1))
        code, report = check(bench, '--pack', copy)
        assert code == 1 and told(report, f'{name}: it is not what the manifest says'), report
    note = (copy / 'manifest').read_text()
    (copy / 'manifest').write_text(note.replace('revision 1', 'revision 2'))
    code, report = check(bench, '--pack', copy)
    assert code == 1 and told(report, "not signed by the log's key"), report


def changed_behind_the_log(bench, month, planted):
    """The provider changes its catalog by hand and has its own program sign the result."""
    host = next(h['host'] for h in planted if h['role'] == 'low')
    idle = next(h['host'] for h in planted if h['role'] == 'idle')
    with sqlite3.connect(bench.dir / 'collector' / 'catalog.sqlite') as catalog:
        catalog.execute('UPDATE host SET purpose = ?, name = ? WHERE id = ?', ('dr', 'x', host))
        catalog.execute('UPDATE month_outcome SET verdict = ? WHERE host = ?', ('normal', idle))
        smaller = "UPDATE entry SET fields = replace(fields, '统一认证', '小') WHERE id = 'I-1'"
        catalog.execute(smaller)
    said = build(bench, month, bench.dir / 'forged')
    assert 'revision 2, leaf' in said and f'{host} name: ' in said, said
    code, report = check(bench, '--month', month)
    assert code == 1, report
    assert told(report, 'the inventory (units, hosts'), report
    assert told(report, f'{host} name: "x" ->'), report
    assert told(report, 'incident I-1 title: '), report
    # The months before are those that were sealed when they were judged.
    assert told(report, f'standings.list {idle}: outcome and flag must be'), report


def left_out(bench, month, planted):
    """A host that the table leaves out does not vanish from the log."""
    host = next(h['host'] for h in planted if h['role'] == 'idle')
    pack = bench.dir / 'collector' / 'reports' / month / 'r2'
    table = (pack / 'utilization.json').read_text().splitlines(keepends=True)
    kept = [line for line in table if f'{{"host":"{host}"' not in line]
    assert len(kept) < len(table)
    (pack / 'utilization.json').write_text(''.join(kept))
    code, report = check(bench, '--month', month)
    assert code == 1 and told(report, f'{host} row: - -> there'), report


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--hosts', type=int, default=30)
    options.add_argument('--suite', default='ed25519-sha256')
    arguments = options.parse_args()
    with lab.Lab(lab.bin_directory()) as bench:
        months = fleet.months_before_now(3)
        planted, _ = fleet.seed(bench, arguments.hosts, months, arguments.suite)
        packs = {month: bench.dir / 'packs' / month for month in months}
        (bench.dir / 'packs').mkdir()
        for month in months:
            more = {months[0]: ('--lang', 'en'), months[-1]: ('--all',)}.get(month, ())
            build(bench, month, packs[month], *more)
        last = packs[months[-1]]
        judged_as_planted(bench, planted, last)
        same_again(bench, months[-1], last)
        narrow_packs_are_right(last)
        equal(bench, months[-1], last, planted)
        english_is_signed(bench, months[0], packs[months[0]])
        equal_live(bench, months[-1])
        changed_by_hand(bench, last)
        changed_behind_the_log(bench, months[-1], planted)
        left_out(bench, months[-1], planted)


if __name__ == '__main__':
    main()
    print(pathlib.Path(__file__).stem, 'good')
