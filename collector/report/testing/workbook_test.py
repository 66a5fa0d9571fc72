"""Reads the sample workbook with nothing of ours and compares it, cell by cell, with the JSON.

workbook_test.py PROGRAM: PROGRAM writes utilization.json and utilization.xlsx into a directory.
"""

import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
import zipfile

PROGRAM = sys.argv.pop(1)
README = pathlib.Path(__file__).resolve().parents[3] / 'rules' / 'month' / 'README.md'
NS = {'m': 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'}
NO_INPUT = {'stream': '—', 'first': '—', 'last': '—', 'records': 0}
R_ID = '{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id'


def write_sample(directory):
    subprocess.run([PROGRAM, directory], check=True)
    return pathlib.Path(directory)


def column_number(reference):
    number = 0
    for letter in re.match(r'[A-Z]+', reference).group():
        number = number * 26 + ord(letter) - ord('A') + 1
    return number - 1


def text_of(cell):
    return ''.join(part.text or '' for part in cell.findall('.//m:t', NS))


class Workbook:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        book = ET.fromstring(self.zip.read('xl/workbook.xml'))
        relations = ET.fromstring(self.zip.read('xl/_rels/workbook.xml.rels'))
        targets = {one.get('Id'): one.get('Target') for one in relations}
        self.paths = {one.get('name'): 'xl/' + targets[one.get(R_ID)]
                      for one in book.find('m:sheets', NS)}
        self.names = book.find('m:definedNames', NS)

    def xml(self, sheet):
        return ET.fromstring(self.zip.read(self.paths[sheet]))

    def rows(self, sheet):
        """Every row as a list: text as str, numbers as float, None where there is no cell."""
        found = []
        for row in self.xml(sheet).find('m:sheetData', NS):
            cells = []
            for cell in row:
                column = column_number(cell.get('r'))
                cells += [None] * (column + 1 - len(cells))
                value = cell.find('m:v', NS)
                is_text = cell.get('t') == 'inlineStr'
                if cell.find('m:f', NS) is not None:
                    raise AssertionError('a formula in ' + cell.get('r'))
                cells[column] = text_of(cell) if is_text else float(value.text)
            found.append(cells)
        return found


def china_serial(text):
    time = datetime.datetime.strptime(text, '%Y-%m-%dT%H:%M:%S.%fZ')
    time = (time + datetime.timedelta(hours=8)).replace(second=0, microsecond=0)
    return (time - datetime.datetime(1899, 12, 30)) / datetime.timedelta(days=1)


def expected_row(row):
    """The figures of a JSON row in the order of the sheet, from vCPU to the network."""
    cpu, memory = row['cpu'], row['memory']
    size = row['vcpus'] or row['inventory_vcpus']
    bytes_ = row['memory_bytes'] or row['inventory_memory_bytes']
    share = lambda value: None if value is None else value / 100
    millions = lambda value, times=1: None if value is None else value * times / 1e6
    return [
        size, bytes_ / 2**30, 'state', row['expected_s'] / 3600, row['measured_s'] / 3600,
        share(row['coverage_percent']), row['longest_gap_s'] / 3600,
        share(cpu['mean_percent']), share(cpu['p95_percent']), share(cpu['p99_percent']),
        share(cpu['peak_percent']), cpu['peak_at'] and china_serial(cpu['peak_at']),
        share(cpu['busiest_hour_percent']), share(cpu['busiest_day_p95_percent']),
        share(memory['mean_percent']), share(memory['p95_percent']),
        share(memory['p99_percent']), share(memory['peak_percent']),
        millions(row['disk']['bytes_per_s_p95']), row['disk']['operations_per_s_p95'],
        millions(row['network']['in_bytes_per_s_p95'], 8),
        millions(row['network']['out_bytes_per_s_p95'], 8)]


class WorkbookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.directory = write_sample(cls.holder.name)
        cls.table = json.loads((cls.directory / 'utilization.json').read_text('utf-8'))
        cls.book = Workbook(cls.directory / 'utilization.xlsx')
        cls.rows = cls.book.rows('云资源利用情况表')

    @classmethod
    def tearDownClass(cls):
        cls.book.zip.close()
        cls.holder.cleanup()

    def test_the_archive_is_whole(self):
        self.assertIsNone(self.book.zip.testzip())
        self.assertEqual(list(self.book.paths)[:4],
                         ['云资源利用情况表', '判定说明', '记录来源', '口径说明'])
        self.assertTrue(all(re.match(r'图\d\.', name) for name in list(self.book.paths)[4:]))

    def test_the_charts_are_the_spreadsheets_own_over_the_numbers_beside_them(self):
        charts = [name for name in self.book.zip.namelist()
                  if re.fullmatch(r'xl/charts/chart\d+\.xml', name)]
        self.assertEqual(len(charts), 5)
        drawn = {re.search(r'<c:(bar|line|scatter)Chart>', self.book.zip.read(name).decode())[1]
                 for name in charts}
        self.assertEqual(drawn, {'bar', 'line', 'scatter'})
        self.assertEqual(len(self.book.paths), 4 + len(charts) + 1)
        scatter = next(name for name in self.book.paths if 'P95' in name and '×' in name)
        points = [cells[:2] for cells in self.book.rows(scatter)[1:] if cells[0] is not None]
        wanted = [[row['cpu']['p95_percent'], row['memory']['p95_percent']]
                  for row in self.table['rows'] if row['cpu']['p95_percent'] is not None]
        self.assertEqual(points, wanted)

    def test_the_heat_map_is_coloured_by_its_numbers(self):
        heat = next(name for name in self.book.paths if '24×7' in name)
        rows = self.book.rows(heat)
        self.assertEqual([len(row) for row in rows], [25] * 8)
        self.assertEqual([row[0] for row in rows[1:]], list('一二三四五六日'))
        scale = self.book.xml(heat).find('m:conditionalFormatting', NS)
        self.assertEqual(scale.get('sqref'), 'B2:Y8')
        self.assertIsNotNone(scale.find('.//m:colorScale', NS))

    def test_every_figure_equals_the_json(self):
        data = self.rows[5:]
        self.assertEqual(len(data), len(self.table['rows']))
        for cells, row in zip(data, self.table['rows']):
            self.assertEqual(cells[5], row['host'])
            self.assertEqual(cells[6], '%d/%d' % (row['part'], row['parts']))
            for column, wanted in enumerate(expected_row(row), start=7):
                if wanted == 'state':
                    continue
                if wanted is None:
                    self.assertEqual(cells[column], '—', (row['host'], column))
                else:
                    self.assertAlmostEqual(cells[column], wanted, 9, (row['host'], column))
            self.assertEqual(cells[30], row['judgement']['explanation']['zh'])

    def test_rates_are_shown_with_three_figures_and_kept_as_they_are(self):
        styles = ET.fromstring(self.book.zip.read('xl/styles.xml'))
        formats = {one.get('numFmtId'): one.get('formatCode')
                   for one in styles.findall('.//m:numFmt', NS)}
        looks = [formats.get(one.get('numFmtId')) for one in styles.find('m:cellXfs', NS)]
        sheet = self.book.xml('云资源利用情况表')
        for column, figure in (('Z', 'disk'), ('AB', 'in'), ('AC', 'out')):
            cell = sheet.find(f".//m:c[@r='{column}6']", NS)
            self.assertEqual(looks[int(cell.get('s'))], '[<1]0.000;[<100]0.00;#,##0.0', figure)
        for number, row in enumerate(self.table['rows'], start=6):
            bytes_ = row['network']['out_bytes_per_s_p95']
            if bytes_ is None:
                continue
            cell = sheet.find(f".//m:c[@r='AC{number}']/m:v", NS)
            self.assertEqual(cell.text, '%.16G' % (bytes_ * 8 / 1e6), row['host'])

    def test_a_host_without_data_shows_no_number_that_could_be_read_as_0(self):
        silent = [cells for cells in self.rows[5:] if cells[5] == 'ecs-0004']
        self.assertEqual(len(silent), 1)
        self.assertTrue(silent[0][9].startswith('无数据'))
        self.assertEqual(set(silent[0][14:29]), {'—'})
        idle = [cells for cells in self.rows[5:] if cells[5] == 'ecs-0009']
        self.assertEqual(idle[0][14], 0.0)

    def test_a_name_that_looks_like_a_formula_is_a_text(self):
        names = [cells[4] for cells in self.rows[5:]]
        self.assertIn('\'=HYPERLINK("http://x")', names)
        self.assertNotIn('xl/calcChain.xml', self.book.zip.namelist())
        self.assertIsNone(self.book.xml('云资源利用情况表').find('m:hyperlinks', NS))

    def test_headers_are_frozen_filtered_and_printed_on_every_page(self):
        sheet = self.book.xml('云资源利用情况表')
        pane = sheet.find('.//m:pane', NS)
        self.assertEqual((pane.get('state'), pane.get('ySplit'), pane.get('xSplit')),
                         ('frozen', '5', '5'))
        last = 5 + len(self.table['rows'])
        self.assertEqual(sheet.find('m:autoFilter', NS).get('ref'), 'A5:AE%d' % last)
        self.assertEqual(sheet.find('m:pageSetup', NS).get('orientation'), 'landscape')
        self.assertEqual(sheet.find('m:pageSetup', NS).get('fitToHeight'), '0')
        self.assertIn('$1:$5', ''.join(name.text for name in self.book.names))
        self.assertEqual(self.rows[3][4], '云主机名称')
        self.assertEqual(self.rows[4][4], 'Host')

    def test_the_sources_name_the_records_of_every_row(self):
        rows = self.book.rows('记录来源')[2:]
        listed = [(cells[2], cells[3], cells[6], cells[7], cells[8], cells[9]) for cells in rows]
        wanted = [(row['host'], '%d/%d' % (row['part'], row['parts']), one['stream'], one['first'],
                   one['last'], one['records'])
                  for row in self.table['rows'] for one in row['inputs'] or [NO_INPUT]]
        self.assertEqual(listed, wanted)

    def test_the_same_table_gives_the_same_bytes_on_another_day(self):
        with tempfile.TemporaryDirectory() as again:
            other = write_sample(again)
            for name in ('utilization.json', 'utilization.xlsx'):
                self.assertEqual((other / name).read_bytes(), (self.directory / name).read_bytes())
            self.assertEqual(sorted(path.name for path in other.iterdir()),
                             ['utilization.json', 'utilization.xlsx'])
        core = self.book.zip.read('docProps/core.xml').decode()
        self.assertEqual(set(re.findall(r'\d{4}-\d\d-\d\dT[^<]*', core)), {'2026-10-31T16:30:00Z'})
        self.assertEqual({one.date_time[:3] for one in self.book.zip.infolist()}, {(1980, 1, 1)})

    def test_the_readme_shows_a_real_row(self):
        shown = re.search(r'```json\n(.*?)```', README.read_text('utf-8'), re.S)
        self.assertIsNotNone(shown)
        wanted = [row for row in self.table['rows'] if row['host'] == 'ecs-0002'][0]
        self.assertEqual(json.loads(shown.group(1)), wanted)


if __name__ == '__main__':
    unittest.main()
