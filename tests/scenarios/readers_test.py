#!/usr/bin/env python3
"""The monthly pack opens in other people's programs and says there what it says here.

The pack of a fleet is read by LibreOffice (each sheet as CSV, the whole workbook as a page) and by
poppler (texts and fonts of the PDF), and compared with the pack's own JSON: every host's verdict,
size and figures, titles, no letter without a glyph, no text cut off by its column. 77, with the
reason, where one of the programs is not installed.
"""
import argparse
import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys

import fleet
import lab

PROGRAMS = ('soffice', 'pdftotext', 'pdffonts')
REPORTS = {
    'utilization': '云资源利用情况表',
    'advice': '优化建议',
    'operations': '运行维护报告',
    'security': '安全报告',
}
# Every sheet to a file of its own: comma, quote, UTF-8, from line 1, as shown, all sheets.
EVERY_SHEET = 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1'
SKIPPED = 77


def office(bench, form, file, out):
    """What LibreOffice makes of the file: the new files, by name."""
    out.mkdir(parents=True, exist_ok=True)
    profile = bench.dir / 'office'
    subprocess.run(
        ['soffice', f'-env:UserInstallation=file://{profile}', '--headless', '--convert-to', form,
         '--outdir', str(out), str(file)],
        check=True, capture_output=True, timeout=300)
    made = {path.name: path for path in out.iterdir()}
    assert made, f'LibreOffice made nothing of {file}'
    return made


def sheet(made, name):
    found = [path for file, path in made.items() if file.endswith(f'-{name}.csv')]
    assert len(found) == 1, (name, sorted(made))
    with found[0].open(encoding='utf-8', newline='') as rows:
        return list(csv.reader(rows))


def column(header, *names):
    """Number of the only column whose head, Chinese above English, holds all the names."""
    found = [i for i, head in enumerate(header) if all(name in head for name in names)]
    assert len(found) == 1, (names, header)
    return found[0]


def table_as_shown(made, pack):
    """The table's rows in the spreadsheet are those of the JSON."""
    table = json.loads((pack / 'utilization.json').read_text())
    rows = sheet(made, REPORTS['utilization'])
    assert rows[0][0] == REPORTS['utilization'], rows[0]
    assert table['month'] in rows[1][0], rows[1]
    head = next(i for i, row in enumerate(rows) if row[0] == '序号')
    header = [f'{zh} {en}' for zh, en in zip(rows[head], rows[head + 1])]
    of_host = column(header, '资源ID')
    body = [row for row in rows[head + 2:] if row[0].isdigit()]
    assert len(body) == len(table['rows']), (len(body), len(table['rows']))
    for shown, row in zip(body, table['rows']):
        assert shown[of_host] == row['host'], (shown, row['host'])
        for figure in (row['cpu']['p95_percent'], row['memory']['p95_percent'],
                       row['coverage_percent']):
            if figure is None:
                assert '—' in shown, shown
            else:
                assert f'{figure:g}%' in shown, (figure, shown)
        if row['unit_name']:
            assert row['unit_name'] in shown, shown
    no_errors(rows)
    return table


def no_errors(rows):
    """No cell that a spreadsheet could not compute or show."""
    for row in rows:
        for cell in row:
            assert not cell.startswith(('#', 'Err:')), cell


def verdicts_as_shown(made, table):
    rows = sheet(made, '判定说明')
    texts = {}
    for row in rows:
        for cell in row:
            texts.setdefault(cell, row)
    for row in table['rows']:
        said = row['judgement']['explanation']['zh']
        assert said in texts, said
        assert row['host'] in texts[said] or any(row['host'] in r for r in rows), row['host']


def fonts_are_whole(pdf):
    out = subprocess.run(['pdffonts', str(pdf)], check=True, capture_output=True, text=True).stdout
    fonts = out.splitlines()[2:]
    assert fonts, f'{pdf.name} has no fonts'
    for font in fonts:
        # … type, encoding, embedded, subset, unicode, object
        embedded, _, unicode, *_ = font.split()[-5:]
        assert embedded == 'yes' and unicode == 'yes', font


def text_of(pdf):
    """In the order in which it was drawn: a cell that is wrapped stays together."""
    text = subprocess.run(['pdftotext', '-raw', str(pdf), '-'], check=True,
                          capture_output=True).stdout.decode()
    bad = re.findall('[\ufffd\ufffe\uffff□\ue000-\uf8ff]', text)
    assert not bad, f'{pdf.name}: letters without a glyph: {bad[:5]}'
    return text


def headings_stay(text, names):
    """No heading is the last thing of its page, in front of the page's foot."""
    for page in text.split('\f'):
        lines = [line.strip() for line in page.splitlines() if line.strip()]
        body = [line for line in lines if not re.match(r'\S+ \d{4}-\d{2}( \d+)?$', line)]
        assert not body or body[-1] not in names, (body[-1], lines[-3:])


def joined(text):
    """Without blanks and line ends: a cell that is wrapped reads as one text."""
    return re.sub(r'\s+', '', text)


def printed_as_told(pack, table):
    text = text_of(pack / 'utilization.pdf')
    assert REPORTS['utilization'] in text and table['month'] in text
    for line in ('编制', '审核', '签发', '数据完整率', '判定规则'):
        assert line in text, line
    flat = joined(text)
    for row in table['rows']:
        assert joined(row['name']) in flat and joined(row['unit_name']) in flat, row['host']
        if row['cpu']['p95_percent'] is not None:
            assert f"{row['cpu']['p95_percent']:.1f}%" in flat, row['host']
    headings_stay(text, ['总览', '云主机明细'])
    for report, title in REPORTS.items():
        pdf = pack / f'{report}.pdf'
        fonts_are_whole(pdf)
        assert title in text_of(pdf), title


def other_reports(bench, pack):
    """Each row of the other reports' tables stands in a sheet and on a page, whole."""
    for report in ('advice', 'operations', 'security'):
        made = office(bench, EVERY_SHEET, pack / f'{report}.xlsx', bench.dir / 'sheets' / report)
        cells = set()
        for path in made.values():
            with path.open(encoding='utf-8', newline='') as rows:
                for row in csv.reader(rows):
                    no_errors([row])
                    cells.update(row)
        text = text_of(pack / f'{report}.pdf')
        printed = joined(text)
        sections = json.loads((pack / f'{report}.json').read_text())['sections']
        headings_stay(text, [each['name']['zh'] for each in sections + [
            table for section in sections for table in section['tables']]])
        for section in sections:
            for table in section['tables']:
                for row in table['rows']:
                    for value in row.values():
                        if not isinstance(value, str) or not value or '-' in value[4:5]:
                            continue  # times and dates are shown on the clock of China
                        assert value in cells, (report, value)
                        assert joined(value) in printed, (report, value)


def pages_of_the_workbook(bench, pack):
    """LibreOffice prints the workbook: the title is there, and so is every column."""
    made = office(bench, 'pdf', pack / 'utilization.xlsx', bench.dir / 'printed')
    text = text_of(made['utilization.pdf'])
    assert REPORTS['utilization'] in text
    assert '###' not in text, 'a column is too narrow for its numbers'


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--bin', default=lab.bin_directory())
    arguments.add_argument('--hosts', type=int, default=30)
    options = arguments.parse_args()
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        print(f'skipped: {", ".join(absent)} not installed (libreoffice-calc, poppler-utils)')
        return SKIPPED
    month = fleet.months_before_now(1)
    with lab.Lab(options.bin) as bench:
        fleet.seed(bench, options.hosts, month)
        pack = bench.dir / 'pack'
        bench.collect('report', 'build', '--month', month[0], '--out', pack)
        made = office(bench, EVERY_SHEET, pack / 'utilization.xlsx', bench.dir / 'sheets' / 'table')
        table = table_as_shown(made, pack)
        verdicts_as_shown(made, table)
        printed_as_told(pack, table)
        other_reports(bench, pack)
        pages_of_the_workbook(bench, pack)
    print(f'{len(table["rows"])} rows read alike by LibreOffice, poppler and JSON')
    return 0


if __name__ == '__main__':
    sys.exit(main())
