#!/usr/bin/env python3
"""count.py [--checks FILE] [RESULTS.xml]: the count that ends tests/run.

A ctest test that is a doctest binary counts with its test cases, any other test as one. What a test
says it left out (a line with `SKIPPED: why`) is counted and printed too. FILE holds further
results, one `passed|failed|skipped NAME` a line. Ends with 1 when something failed or
nothing ran.
"""

import argparse
import os
import re
import sys
import xml.etree.ElementTree as xml

CASES = re.compile(r'\[doctest\] test cases:\s+\d+ \|\s+(\d+) passed \|\s+(\d+) failed'
                   r'(?: \|\s+(\d+) skipped)?')


LEFT_OUT = re.compile(r'\bSKIPPED: .*')


def left_out(case):
    """What a test says it did not do, and why; each once."""
    return list(dict.fromkeys(LEFT_OUT.findall(case.findtext('system-out') or '')))


def count_case(case):
    """(passed, failed, skipped) of one ctest test."""
    ok = case.get('status') == 'run' and case.find('failure') is None
    if not ok and case.find('skipped') is not None and case.get('status') == 'notrun':
        return (0, 0, 1)
    output = case.findtext('system-out') or ''
    passed = failed = 0
    summaries = list(CASES.finditer(re.sub(r'\x1b\[[0-9;]*m', '', output)))
    skipped = len(left_out(case))
    if not summaries:
        return (1, 0, skipped) if ok else (0, 1, skipped)
    for match in summaries:
        passed += int(match.group(1))
        failed += int(match.group(2))
        skipped += int(match.group(3) or 0)
    # A binary that crashed, timed out or held no case fails, whatever passed so far.
    bad = not ok or not any(int(part or 0) for match in summaries for part in match.groups())
    return (passed, failed + (bad and failed == 0), skipped)


def count_results(path):
    totals = [0, 0, 0]
    failures = []
    for case in xml.parse(path).getroot().iter('testcase'):
        counted = count_case(case)
        for line in left_out(case):
            print(f'{case.get("name")}: {line}')
        totals = [a + b for a, b in zip(totals, counted)]
        if counted[1]:
            failures.append(case.get('name'))
    return totals, failures


def count_checks(path):
    totals, failures = [0, 0, 0], []
    with open(path, encoding='utf-8') as lines:
        for verdict, name in (line.split(None, 1) for line in lines):
            totals[('passed', 'failed', 'skipped').index(verdict)] += 1
            if verdict == 'failed':
                failures.append(name.strip())
    return totals, failures


def summary(parts):
    """The text and the exit code."""
    passed, failed, skipped = (sum(column) for column in zip(*(totals for totals, _ in parts)))
    text = ''.join(f'failed: {name}\n' for _, failures in parts for name in failures)
    text += f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else '')
    return text, 1 if failed or passed == 0 else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--checks')
    arguments.add_argument('results', nargs='?')
    given = arguments.parse_args()
    parts = [([0, 0, 0], [])]
    if given.checks:
        parts.append(count_checks(given.checks))
    if given.results:
        parts.append(count_results(given.results) if os.path.exists(given.results)
                     else ([0, 1, 0], ['ctest gave no results']))
    text, code = summary(parts)
    print(text)
    sys.exit(code)


if __name__ == '__main__':
    main()
