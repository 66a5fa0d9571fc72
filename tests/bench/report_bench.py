"""The monthly report of a fleet: the authority's pack, those of counties and units, the check."""
import json
import os
import re
import subprocess

import fleet


# Different CPU values in an hour, on average: hours that are all alike would cost nothing.
CPU_BINS_MIN = 60


def run(*command):
    """(standard output, peak MiB) of a program that ends well."""
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    out = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert process.returncode == 0, f'{command} ended with {process.returncode}: {out[-2000:]}'
    return out, usage.ru_maxrss / 1024


def report(bench, size):
    month = fleet.months_before_now(1)
    _, hours = fleet.seed(bench, size, month)
    assert hours['mean_cpu_bins'] >= CPU_BINS_MIN, hours
    collector = bench.bin / 'yunjian-collector', '--config', bench.dir / 'collector.toml'
    build = (
        *(collector[0], 'report', 'build', *collector[1:], '--month', month[0], '--all'),
        *('--out', bench.dir / 'pack'),
    )
    # With no day folded, as after an outage of a month; then as on the 1st, when the collector has
    # folded each day behind its end.
    times, peaks = zip(*(run(*build) for _ in range(2)))
    took = r'; ([0-9.]+) s, counties and units ([0-9.]+) s'
    (cold_city, _), (city, narrow) = (re.search(took, told).groups() for told in times)
    check = (
        *(bench.bin / 'yunjian-audit', 'report-check', '--json', '--vkey', bench.vkey),
        *('--data', bench.dir / 'collector', '--month', month[0], '--state', bench.dir / 'state'),
    )
    cold, cold_peak = (lambda out, mib: (json.loads(out), mib))(*run(*check))
    warm, _ = (lambda out, mib: (json.loads(out), mib))(*run(*check))
    assert cold['hosts'] == size and warm['resumed_at'] > 0, (cold, warm)
    return {
        'pack_s': (float(city), 's'),
        'pack_cold_s': (float(cold_city), 's'),
        'narrow_packs_s': (float(narrow), 's'),
        'peak_mib': (max(peaks), 'MiB'),
        'check_s': (warm['log_seconds'] + warm['report_seconds'], 's'),
        'check_cold_s': (cold['log_seconds'] + cold['report_seconds'], 's'),
        'check_peak_mib': (cold_peak, 'MiB'),
        'mean_hour_bytes': (hours['mean_hour_bytes'], 'B'),
        'hours': (hours['hours'], '1'),
    }
