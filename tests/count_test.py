#!/usr/bin/env python3
"""The count must not be able to hide a failure."""

import tempfile
import unittest
import xml.etree.ElementTree as xml

import count


def case(status, output='', extra=''):
    return xml.fromstring(f'<testcase name="t" status="{status}">{extra}'
                          f'<system-out>{output}</system-out></testcase>')


DOCTEST = '[doctest] test cases:  12 |  {} passed | {} failed | {} skipped'


class CountTest(unittest.TestCase):
    def test_doctest_cases_are_counted(self):
        self.assertEqual(count.count_case(case('run', DOCTEST.format(12, 0, 1))), (12, 0, 1))
        self.assertEqual(count.count_case(case('fail', DOCTEST.format(10, 2, 0))), (10, 2, 0))

    def test_a_binary_that_crashes_after_its_cases_fails(self):
        self.assertEqual(count.count_case(case('fail', DOCTEST.format(12, 0, 0))), (12, 1, 0))
        self.assertEqual(count.count_case(case('fail', 'Segmentation fault')), (0, 1, 0))

    def test_a_binary_without_cases_fails(self):
        self.assertEqual(count.count_case(case('run', DOCTEST.format(0, 0, 0))), (0, 1, 0))

    def test_a_script_is_one_test(self):
        self.assertEqual(count.count_case(case('run', 'ok')), (1, 0, 0))

    def test_what_a_script_left_out_is_counted_once(self):
        output = 'ok\nSKIPPED: no disk\nSKIPPED: no disk\nSKIPPED: no clock\n'
        self.assertEqual(count.count_case(case('run', output)), (1, 0, 2))

    def test_skipped_and_not_run_differ(self):
        self.assertEqual(count.count_case(case('notrun', extra='<skipped/>')), (0, 0, 1))
        self.assertEqual(count.count_case(case('fail', extra='<failure/>')), (0, 1, 0))

    def test_checks_are_counted_by_their_verdict_and_no_other_word_passes(self):
        with tempfile.NamedTemporaryFile('w', suffix='.checks') as checks:
            checks.write('passed a\nfailed b c\nskipped d\n')
            checks.flush()
            self.assertEqual(count.count_checks(checks.name), ([1, 1, 1], ['b c']))
            checks.write('perhaps e\n')
            checks.flush()
            self.assertRaises(ValueError, count.count_checks, checks.name)

    def test_nothing_run_is_a_failure(self):
        self.assertEqual(count.summary([([0, 0, 0], [])]), ('0 passed, 0 failed', 1))
        self.assertEqual(count.summary([([3, 0, 1], [])]), ('3 passed, 0 failed, 1 skipped', 0))
        self.assertEqual(count.summary([([3, 1, 0], ['x'])]), ('failed: x\n3 passed, 1 failed', 1))


if __name__ == '__main__':
    unittest.main()
