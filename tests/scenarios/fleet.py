"""A made-up fleet in the log of a laboratory's collector: hosts of every kind, months of hours."""
import csv
import datetime
import io
import json
import subprocess

# In the order in which they refer to each other.
KINDS = (
    *('county', 'system', 'spec', 'host_terms', 'power', 'agreement', 'exemption'),
    *('resource', 'resource_usage', 'incident', 'change'),
    *('drill', 'backup', 'duty', 'security_event', 'vulnerability', 'rectification'),
)


def months_before_now(count):
    """The last `count` months that are over, oldest first, by the clock of China."""
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    last = now.year * 12 + now.month - 2
    return [f'{n // 12}-{n % 12 + 1:02}' for n in range(last - count + 1, last + 1)]


def seed(bench, hosts, months, suite='ed25519-sha256'):
    """Makes the log, which begins before the months do, seals the fleet's months and imports its
    lists, all before the collector runs.

    Gives back what each host was planted as, and what the seeder says of the hours.
    """
    lists = bench.dir / 'lists'
    said = []

    def make(suite, origin):
        command = (
            *(bench.bin / 'fleet_seed', '--config', bench.dir / 'collector.toml', '--hosts', hosts),
            *('--last', months[-1], '--months', len(months), '--lists', lists),
            *('--init', origin, '--suite', suite),
        )
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True)
        said.append(json.loads(done.stdout))

    bench.init(suite, make=make)
    bench.collect('unit', 'import', lists / 'units.csv')
    bench.collect('host', 'import', lists / 'hosts.csv')
    for kind in KINDS:
        bench.collect('inventory', 'import', '--kind', kind, lists / f'{kind}.csv')
    planted = list(csv.DictReader(io.StringIO((lists / 'planted.csv').read_text())))
    return planted, said[0]
