"""What tests/tidy holds: who may include whom, who owns a library, sizes. Data only."""

import re

SOURCE_TOPS = ('ledger', 'rules', 'agent', 'collector', 'auditor', 'tests')

# The rooms and pages at the top; dot-files may stand beside them.
TOP = ('CMakeLists.txt', 'CMakePresets.json', 'CHANGELOG.md', 'LICENSE', 'README.md',
       'README.zh-CN.md', 'packaging') + SOURCE_TOPS

_LEDGER = ('ledger', 'ledger/base', 'ledger/archive')

# Folder -> folders it may include besides itself. A folder that is not listed follows its parent.
MAY_INCLUDE = {
    'ledger/base': (),
    'ledger': ('ledger/base',),
    'ledger/archive': ('ledger', 'ledger/base'),
    'ledger/posix': ('ledger/base',),
    'ledger/testing': _LEDGER + ('ledger/posix',),
    'rules': _LEDGER,
    'agent': _LEDGER + ('ledger/posix', 'agent/*'),
    'agent/mask': _LEDGER,
    'agent/sources': _LEDGER + ('agent/mask',),
    'agent/spool': _LEDGER,
    'agent/ship': _LEDGER,
    'agent/sealer': _LEDGER,
    'collector': _LEDGER + ('ledger/posix', 'rules', 'rules/*', 'collector/*'),
    'collector/http': ('ledger/base',),
    'collector/catalog': _LEDGER + ('rules', 'rules/*'),
    'collector/store': _LEDGER + ('rules', 'rules/*'),
    'collector/verify': _LEDGER + ('collector/store',),
    'collector/witness': _LEDGER + ('collector/store',),
    'collector/ingest': _LEDGER + ('collector/http', 'collector/verify', 'collector/store',
                                   'collector/catalog'),
    'collector/query': _LEDGER + ('rules', 'rules/*', 'collector/store'),
    'collector/report': _LEDGER + ('rules', 'rules/*', 'collector/store', 'collector/query',
                                   'collector/catalog'),
    'collector/api': _LEDGER + ('rules', 'rules/*', 'collector/http', 'collector/verify',
                                'collector/store', 'collector/query', 'collector/catalog',
                                'collector/report', 'collector/witness'),
    'auditor': _LEDGER + ('ledger/posix', 'rules', 'rules/*', 'auditor/*'),
    'tests': ('*',),
}

# Headers that any folder of their top may include: plain vocabulary without behaviour.
SHARED_HEADERS = ('collector/store/scope.h',)

# A test may include these besides what its folder may.
TEST_EXTRA = _LEDGER + ('ledger/posix', 'ledger/testing')

# First part of a <…> include -> prefixes of the files that may use the library.
LIBRARY_OWNERS = {
    'boost/asio': ('collector/http/',),
    'boost/beast': ('collector/http/',),
    'soci/': ('collector/catalog/',),
    'sqlite3.h': ('collector/catalog/',),
    'curl/': ('agent/ship/', 'auditor/', 'collector/witness/'),
    'openssl/': ('ledger/suite', 'collector/http/', 'agent/ship/'),
    're2/': ('agent/mask/', 'agent/sources/', 'collector/query/'),
    'libaudit.h': ('agent/sources/audit/',),
    'systemd/': ('agent/sources/',),
    'xlsxwriter': ('collector/report/',),
    'pango/': ('collector/report/',),
    'cairo': ('collector/report/',),
}

_WRITING = (r'\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)\b'
            r'|(?<![\w.>])(?:::)?(?:fsync|fdatasync|sync_file_range|ftruncate|renameat2?)\s*\('
            r'|(?<![\w>:.])::(?:rename|unlink|truncate|creat|mkstemp|pwrite)\s*\('
            r'|\bstd::(?:rename|remove|ofstream|fstream|fopen)\s*[({ ]'
            r'|(?<![\w.>:])fopen\s*\('
            r'|\bfilesystem::(?:rename|remove|remove_all|resize_file|copy|copy_file)\s*\(')
_READING = r'(?<![\w>:.])::(?:open|openat)\s*\(|\bO_RDONLY\b|\bstd::ifstream\b'

# Files are durable or they are not: one folder decides. Reading what the kernel shows is a source's
# work, so agent/sources may open for reading.
SYSCALLS = (
    (re.compile(_WRITING), ('ledger/posix/',)),
    (re.compile(_READING), ('ledger/posix/', 'agent/sources/')),
)

# What searches stand on is RecordStore: in the collector only its store knows that there are parts.
PARTS = re.compile(r'\bPart(?:Set|Ptr|Reader|Writer|Cursor|Row|Line|Leaf|Footer|Manifest)\b'
                   r'|\b(?:Lane|Header)Block\b|\bLaneEntry\b|\bSearchSources\b'
                   r'|\bledger/archive/(?:part|lane_block|header_block|bloom|column|salvage)'
                   r'|\bcollector/store/(?:part_|block_rows|search_sources|evidence_log_impl)')
MAY_KNOW_PARTS = ('collector/store/',)

# Library code returns errors; the top level logs.
LOGGING = re.compile(r'\bstd::(?:cout|cerr|clog)\b|\bf?printf\s*\(|\bfmt::print\s*\('
                     r'|::syslog\s*\(')
# A broken invariant ends the process with a line on stderr.
MAY_PRINT = ('ledger/base/result.cc',)
NO_LOGGING = re.compile(r'^(?:ledger|rules)/|^(?:agent|collector|auditor)/[a-z_]+/')

MAX_FUNCTION = 70
MAX_PARAMETERS = 4
MAX_SOURCE = 600
MAX_HEADER = 250
MAX_TEST = 800
MAX_COLUMNS = 100
MEASURED_COLUMNS = ('.cc', '.h', '.py', '.sh', '.cmake', '.txt', '.toml')

# In pieces, so that this file does not break its own rule.
BANNED_WORDS = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|X' r'XX)\b')
# Pages that do not ship with the project.
FOREIGN_PAGES = re.compile(r'(?<![\w/])sha' r'red/|\bDES' r'IGN(?:\.md|\s*§)'
                           r'|\bSTY' r'LE(?:\.md|\s*§)|(?<![\w.])/wo' r'rk/')
