"""Programs of Debian packages that a test compares with: installed, or else unpacked and not
installed, so that nothing of theirs runs as a service here.
"""
import os
import pathlib
import shutil
import subprocess


def program(name, *packages):
    """(path, environment, reason): without a reason the program can be run so."""
    if found := shutil.which(name):
        return found, dict(os.environ), ''
    place = pathlib.Path(os.environ.get('TMPDIR', '/tmp')) / f'yunjian-tool-{name}'
    root = place / 'root'
    if not (root / 'done').exists():
        root.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(
            ['apt-get', 'download', *packages], cwd=place, capture_output=True, text=True
        )
        if got.returncode != 0:
            return '', {}, (got.stderr.strip().splitlines() or ['apt-get download failed'])[-1]
        for package in place.glob('*.deb'):
            subprocess.run(['dpkg', '-x', package, root], check=True)
        (root / 'done').touch()
    libraries = ':'.join(sorted({str(path.parent) for path in root.rglob('lib*.so.*')}))
    found = next(path for path in root.rglob(name) if os.access(path, os.X_OK) and path.is_file())
    return str(found), {**os.environ, 'LD_LIBRARY_PATH': libraries}, ''
