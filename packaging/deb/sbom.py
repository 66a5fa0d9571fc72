#!/usr/bin/env python3
"""sbom.py PROGRAM: writes the package's software bill of materials, SPDX 2.3 JSON.

Run by `rules` in the build tree. It names the program with its hash, the shared libraries that it
asks the loader for and the header libraries that are compiled into it, each with the Debian package
and version it came from. The same inputs give the same bytes.
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

# Compiled in, by the directory below /usr/include that the dependency files name.
HEADERS = {'libboost1.81-dev': r'/boost/', 'libcli11-dev': r'/CLI/', 'libexpected-dev': r'/tl/',
           'libtoml11-dev': r'/toml(\.hpp|/|11)', 'rapidjson-dev': r'/rapidjson/'}


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def owner(path):
    """The Debian package that brought a file; /lib and /usr/lib are the same place."""
    for name in (path, path.removeprefix('/usr'), '/usr' + path, os.path.realpath(path)):
        found = subprocess.run(['dpkg-query', '-S', name], capture_output=True, text=True,
                               check=False)
        if found.returncode == 0:
            return found.stdout.split(':')[0]
    raise SystemExit(f'sbom.py: no package owns {path}')


def libraries(program):
    """Packages of the libraries that the program itself names, not of those behind them."""
    wanted = set(re.findall(r'\(NEEDED\).*\[(.*)\]', said('readelf', '-d', program)))
    where = dict(re.findall(r'^\s*(\S+) => (\S+)', said('ldd', program), re.MULTILINE))
    return sorted({owner(where[name]) for name in wanted if name in where})


def headers(program):
    """Packages of the header libraries among the dependencies of the program's sources."""
    folder = {'yunjian-audit': 'auditor'}.get(program, program.removeprefix('yunjian-'))
    sources = [path for part in ('ledger', 'rules', folder)
               for path in Path(part).rglob('*') if path.suffix in ('.cc', '.h')
               and not path.name.endswith('_test.cc') and 'testing' not in path.parts]
    text = '\n'.join(re.findall(r'^#include <(.*)>', '\n'.join(
        path.read_text(encoding='utf-8') for path in sources), re.MULTILINE))
    lines = ['/' + line for line in text.splitlines()]
    return sorted(package for package, pattern in HEADERS.items()
                  if any(re.match(pattern, line) for line in lines))


def package(name, how):
    version, source = said('dpkg-query', '-W', '-f', '${Version} ${source:Package}', name).split()
    return {'name': name, 'SPDXID': 'SPDXRef-' + re.sub(r'[^A-Za-z0-9.]', '-', name),
            'versionInfo': version, 'supplier': 'Organization: Debian',
            'downloadLocation': 'NOASSERTION', 'filesAnalyzed': False,
            'licenseConcluded': 'NOASSERTION', 'copyrightText': 'NOASSERTION', 'comment': how,
            'externalRefs': [{'referenceCategory': 'PACKAGE-MANAGER', 'referenceType': 'purl',
                              'referenceLocator': f'pkg:deb/debian/{name}@{version}?distro='
                                                  f'debian-12&upstream={source}'}]}


def bill(name, version, program):
    content = program.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    parts = [package(each, 'shared library') for each in libraries(str(program))]
    parts += [package(each, 'compiled in') for each in headers(name)]
    parts.append(package(f'g++-{said("g++", "-dumpversion").strip()}', 'compiler'))
    main = {'name': name, 'SPDXID': f'SPDXRef-{name}', 'versionInfo': version,
            'supplier': 'Organization: Yunjian maintainers', 'downloadLocation': 'NOASSERTION',
            'filesAnalyzed': False, 'licenseConcluded': 'Apache-2.0',
            'licenseDeclared': 'Apache-2.0', 'copyrightText': 'NOASSERTION',
            'primaryPackagePurpose': 'APPLICATION'}
    file = {'fileName': f'./usr/bin/{name}', 'SPDXID': 'SPDXRef-program',
            'checksums': [{'algorithm': 'SHA1',
                           'checksumValue': hashlib.sha1(content).hexdigest()},
                          {'algorithm': 'SHA256', 'checksumValue': digest}],
            'licenseConcluded': 'Apache-2.0', 'copyrightText': 'NOASSERTION'}
    kinds = {'shared library': 'DYNAMIC_LINK', 'compiled in': 'STATIC_LINK'}
    links = [{'spdxElementId': 'SPDXRef-DOCUMENT', 'relationshipType': 'DESCRIBES',
              'relatedSpdxElement': main['SPDXID']},
             {'spdxElementId': main['SPDXID'], 'relationshipType': 'CONTAINS',
              'relatedSpdxElement': file['SPDXID']}]
    for part in parts:
        if part['comment'] in kinds:
            links.append({'spdxElementId': main['SPDXID'],
                          'relationshipType': kinds[part['comment']],
                          'relatedSpdxElement': part['SPDXID']})
        else:
            links.append({'spdxElementId': part['SPDXID'], 'relationshipType': 'BUILD_TOOL_OF',
                          'relatedSpdxElement': main['SPDXID']})
    made = datetime.datetime.fromtimestamp(int(os.environ['SOURCE_DATE_EPOCH']),
                                           datetime.timezone.utc)
    return {'spdxVersion': 'SPDX-2.3', 'dataLicense': 'CC0-1.0', 'SPDXID': 'SPDXRef-DOCUMENT',
            'name': f'{name}-{version}',
            'documentNamespace': f'https://spdx.invalid/{name}-{version}-{digest}',
            'creationInfo': {'created': made.strftime('%Y-%m-%dT%H:%M:%SZ'),
                             'creators': ['Tool: yunjian packaging/deb/sbom.py']},
            'packages': [main] + parts, 'files': [file], 'relationships': links}


def main():
    name = sys.argv[1]
    version = said('dpkg-parsechangelog', '-S', 'Version').strip()
    root = Path('debian') / name
    out = root / 'usr/share/doc' / name / f'{name}.spdx.json'
    text = json.dumps(bill(name, version, root / 'usr/bin' / name), indent=1, sort_keys=True)
    out.write_text(text + '\n', encoding='utf-8')
    out.chmod(0o644)


if __name__ == '__main__':
    main()
