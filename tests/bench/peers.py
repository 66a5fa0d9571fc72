"""Debian's own programs for the same work, started on loopback and stopped by their id.

Each is asked for what the agent measures too: CPU, memory, disks, file systems, network, load,
every ten seconds.
"""
import pathlib
import subprocess
import threading
import urllib.request

import lab

COLLECTD = """\
BaseDir "{directory}"
PIDFile "{directory}/collectd.pid"
Interval 10
LoadPlugin cpu
LoadPlugin memory
LoadPlugin swap
LoadPlugin disk
LoadPlugin df
LoadPlugin interface
LoadPlugin load
LoadPlugin processes
LoadPlugin csv
<Plugin csv>
  DataDir "{directory}/csv"
</Plugin>
"""


def version(package):
    asked = ['dpkg-query', '-W', '-f', '${Version}', package]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


class Scraper(threading.Thread):
    """Asks an exporter as Prometheus would."""

    def __init__(self, url, seconds):
        super().__init__(daemon=True)
        self.url, self.seconds, self.ended = url, seconds, threading.Event()

    def run(self):
        while not self.ended.wait(self.seconds):
            with urllib.request.urlopen(self.url, timeout=10) as answer:
                answer.read()


class Peers:
    """collectd and node_exporter, as many as are installed; `found` is their name and process."""

    def __init__(self, bench):
        self.found, self.scrapers = {}, []
        self.start_collectd(bench)
        self.start_node_exporter(bench)

    def start_collectd(self, bench):
        program = pathlib.Path('/usr/sbin/collectd')
        if not program.exists():
            return
        directory = bench.dir / 'collectd'
        directory.mkdir()
        config = directory / 'collectd.conf'
        config.write_text(COLLECTD.format(directory=directory))
        peer = bench.add('collectd', [program, '-f', '-C', config])
        peer.start()
        self.found[f'collectd {version("collectd-core")}'] = peer

    def start_node_exporter(self, bench):
        program = pathlib.Path('/usr/bin/prometheus-node-exporter')
        if not program.exists():
            return
        address = f'127.0.0.1:{lab.free_port()}'
        url = f'http://{address}/metrics'
        peer = bench.add('node_exporter', [program, f'--web.listen-address={address}'])
        peer.start()

        def answers():
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    return answer.status == 200
            except OSError:
                return False

        lab.wait_until('node_exporter', 30, answers)
        self.scrapers.append(Scraper(url, 10))
        self.scrapers[-1].start()
        self.found[f'node_exporter {version("prometheus-node-exporter")}'] = peer

    def stop(self):
        for scraper in self.scrapers:
            scraper.ended.set()
            scraper.join(20)
        for peer in self.found.values():
            peer.stop()
