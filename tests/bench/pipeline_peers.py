"""The same file moved by rsyslog and syslog-ng, each with a queue on disk and mutual TLS.

Their Debian packages are unpacked, not installed: nothing is started but what this starts on
loopback, and nothing of the machine's own logging is touched.
"""
import os
import pathlib
import socket
import subprocess
import time

PACKAGES = """rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5 librelp0
syslog-ng-core libivykis0 libnet1 libwrap0""".split()
LIBRARIES = 'usr/lib/x86_64-linux-gnu'


def unpacked(packages=tuple(PACKAGES), name='yunjian-peers'):
    """The directory below which the peers' files lie, made at the first call."""
    place = pathlib.Path(os.environ.get('TMPDIR', '/tmp')) / name
    root = place / 'root'
    if not (root / 'done').exists():
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(['apt-get', 'download', *packages], cwd=place, check=True,
                       stdout=subprocess.DEVNULL)
        for package in place.glob('*.deb'):
            subprocess.run(['dpkg', '-x', package, root], check=True)
        (root / 'done').touch()
    return root


def certificates(place):
    """A CA and one certificate for each end."""
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    days = ['-days', 30]

    def openssl(*arguments):
        command = ['openssl', *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd=place)

    files = ['-keyout', 'ca.key', '-out', 'ca.pem']
    openssl('req', '-x509', *key, *files, *days, '-subj', '/CN=ca')
    for end in ('server', 'client'):
        openssl('req', *key, '-keyout', f'{end}.key', '-out', f'{end}.csr', '-subj', f'/CN={end}')
        (place / f'{end}.ext').write_text(f'subjectAltName=DNS:{end},DNS:localhost,IP:127.0.0.1\n')
        signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', *days]
        files = ['-in', f'{end}.csr', '-extfile', f'{end}.ext', '-out', f'{end}.pem']
        openssl('x509', '-req', *files, *signed)


class Rsyslog:
    """imfile -> disk-assisted queue -> TCP with TLS -> file."""

    name = 'rsyslog'

    def __init__(self, root, place, log, port):
        self.root, self.place, self.log, self.port = root, place, log, port
        self.version = '8.2302.0'

    def configure(self):
        place = self.place

        def common(end):
            own = 'client' if end == 'sender' else 'server'
            return (
                f'global(workDirectory="{place}/{end}" maxMessageSize="64k"\n'
                f'  defaultNetstreamDriverCAFile="{place}/ca.pem"\n'
                f'  defaultNetstreamDriverCertFile="{place}/{own}.pem"\n'
                f'  defaultNetstreamDriverKeyFile="{place}/{own}.key")\n'
            )

        (place / 'sender.conf').write_text(
            common('sender')
            + f"""module(load="imfile")
template(name="line" type="string" string="%msg%")
input(type="imfile" File="{self.log}" Tag="bench" ruleset="ship")
ruleset(name="ship") {{ action(type="omfwd" target="127.0.0.1" port="{self.port}" protocol="tcp"
  TCP_Framing="octet-counted" template="line" StreamDriver="ossl" StreamDriverMode="1"
  StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server"
  action.resumeRetryCount="-1" queue.type="LinkedList" queue.filename="ship" queue.size="100000"
  queue.maxDiskSpace="4g" queue.saveOnShutdown="on" queue.dequeueBatchSize="1024") }}
"""
        )
        (place / 'receiver.conf').write_text(
            common('receiver')
            + f"""module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1"
  StreamDriver.AuthMode="x509/name" PermittedPeer=["client"])
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="store")
ruleset(name="store") {{ action(type="omfile" file="{place}/out" template="raw") }}
"""
        )

    def command(self, end):
        modules = self.root / LIBRARIES / 'rsyslog'
        program = self.root / 'usr/sbin/rsyslogd'
        files = ['-i', self.place / f'{end}.pid', '-f', self.place / f'{end}.conf']
        return [program, '-n', *files, '-M', modules]


class SyslogNg:
    """file -> reliable disk buffer -> TCP with TLS -> file."""

    name = 'syslog-ng'

    def __init__(self, root, place, log, port):
        self.root, self.place, self.log, self.port = root, place, log, port
        self.version = '3.38.1'

    def configure(self):
        place = self.place
        head = '@version: 3.38\noptions { log-msg-size(65536); stats-freq(0); };\n'

        def tls(own):
            return (
                f'transport(tls) tls(ca-file("{place}/ca.pem") cert-file("{place}/{own}.pem") '
                f'key-file("{place}/{own}.key") peer-verify(required-trusted))'
            )

        (place / 'sender.conf').write_text(
            head
            + f"""source in {{ file("{self.log}" flags(no-parse) follow-freq(0.1)
  log-fetch-limit(1000) log-iw-size(100000)); }};
destination out {{ network("127.0.0.1" port({self.port}) {tls('client')}
  template("${{MESSAGE}}\\n") flush-lines(1000) log-fifo-size(200000)
  disk-buffer(reliable(yes) disk-buf-size(4294967296) mem-buf-size(67108864)
              dir("{place}/sender"))); }};
log {{ source(in); destination(out); flags(flow-control); }};
"""
        )
        (place / 'receiver.conf').write_text(
            head
            + f"""source in {{ network(ip("127.0.0.1") port({self.port}) {tls('server')}
  flags(no-parse) log-fetch-limit(1000) log-iw-size(100000) max-connections(10)); }};
destination out {{ file("{place}/out" template("${{MESSAGE}}\\n") flush-lines(1000)
  log-fifo-size(200000)); }};
log {{ source(in); destination(out); flags(flow-control); }};
"""
        )

    def command(self, end):
        place, modules = self.place, self.root / 'usr/lib/syslog-ng/3.38'
        program = [self.root / 'usr/sbin/syslog-ng', '-F', '--no-caps', f'--module-path={modules}']
        files = ['-f', place / f'{end}.conf', '-R', place / end / 'persist']
        return program + files + ['-p', place / f'{end}.pid', '-c', place / f'{end}.ctl']


PEERS = [Rsyslog, SyslogNg]


def environment(root):
    paths = [root / LIBRARIES, root / 'lib/x86_64-linux-gnu', root / 'usr/lib/syslog-ng']
    return dict(os.environ, LD_LIBRARY_PATH=':'.join(map(str, paths)))


def start(peer, end):
    with (peer.place / f'{end}.log').open('ab') as out:
        command = [str(part) for part in peer.command(end)]
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment(peer.root))


def wait_arrived(peer, programs, seconds=600, quiet=15):
    """(lines in the receiver's file, when the last byte came); ends when nothing more comes."""
    out, end = peer.place / 'out', time.monotonic() + seconds
    size, changed = -1, time.monotonic()
    while time.monotonic() < end:
        for program in programs:
            assert program.poll() is None, f'{peer.name} ended: see {peer.place}'
        now = out.stat().st_size if out.exists() else 0
        if now != size:
            size, changed = now, time.monotonic()
        elif now >= peer.log.stat().st_size or (now and time.monotonic() - changed > quiet):
            break
        time.sleep(0.02)
    with out.open('rb') as text:
        return sum(chunk.count(b'\n') for chunk in iter(lambda: text.read(1 << 20), b'')), changed


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def stop(programs):
    for program in programs:
        if program.poll() is None:
            program.terminate()
    for program in programs:
        try:
            program.wait(20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
