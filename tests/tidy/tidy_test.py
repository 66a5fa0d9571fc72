#!/usr/bin/env python3
"""Every rule must be able to fail: each test writes a bad sample and expects it named."""

import tempfile
import unittest
from pathlib import Path

import cpp_text
import tidy

GOOD = {
    'ledger/README.md': 'ledger\n',
    'ledger/base/README.md': 'base\n',
    'ledger/CMakeLists.txt': 'yunjian_library(yunjian_ledger SOURCES note.cc base/result.cc)\n',
    'ledger/note.cc': '#include "ledger/base/result.h"\n\nint note() { return 1; }\n',
    'ledger/base/result.cc': '#include "ledger/base/result.h"\n',
    'ledger/base/result.h': 'int note();\n',
}


def found(files):
    """The rules and paths of the breaches in a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = Path(root) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding='utf-8')
        return {(rule, path) for path, _, rule, _ in tidy.breaches(tidy.Tree(root))}


def sample(path, text):
    """The breaches that one more file adds to the good tree; its folder is listed and explained."""
    folder = str(Path(path).parent)
    files = dict(GOOD)
    files.setdefault(f'{folder}/README.md', 'why\n')
    files[f'{folder}/CMakeLists.txt'] = files.get(f'{folder}/CMakeLists.txt', '') + Path(path).name
    files[path] = text
    return found(files)


class TidyTest(unittest.TestCase):
    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(found(GOOD), set())

    def assert_breach(self, rule, path, text):
        self.assertEqual(sample(path, text), {(rule, path)}, text)

    def assert_clean(self, path, text):
        self.assertEqual(sample(path, text), set(), text)

    def test_forbidden_directions_are_named(self):
        for path, target in (
                ('ledger/base/clock.cc', 'ledger/note.h'),
                ('ledger/tree.cc', 'agent/spool/spool.h'),
                ('agent/spool/spool.cc', 'agent/ship/shipper.h'),
                ('agent/sources/file.cc', 'agent/spool/spool.h'),
                ('agent/main.cc', 'collector/store/log.h'),
                ('auditor/verify.cc', 'collector/store/log.h'),
                ('collector/store/log.cc', 'collector/query/search.h'),
                ('collector/http/server.cc', 'collector/ingest/ingest.h'),
                ('collector/verify/verify.cc', 'collector/ingest/ingest.h'),
                ('rules/classify/classify.cc', 'collector/store/log.h')):
            folder = str(Path(target).parent)
            files = dict(GOOD, **{target: 'int x;\n', f'{folder}/README.md': 'x\n', path: '',
                                  f'{Path(path).parent}/README.md': 'x\n'})
            files[f'{Path(path).parent}/CMakeLists.txt'] = 'note.cc base/result.cc ' + path + \
                ' ' + Path(path).name
            files[path] = f'#include "{target}"\n'
            self.assertEqual(found(files), {('include', path)}, path)

    def test_includes_are_rooted_and_exist(self):
        self.assert_breach('include', 'ledger/tree.cc', '#include "base/result.h"\n')

    def test_a_commented_include_is_none(self):
        self.assert_clean('ledger/tree.cc', '// #include "nowhere.h"\n')

    def test_fakes_are_for_tests(self):
        fake = {'ledger/testing/fake.h': 'int f;\n', 'ledger/testing/README.md': 'x\n'}
        use = '#include "ledger/testing/fake.h"\n'
        lists = 'note.cc base/result.cc a.cc a_test.cc'
        files = dict(GOOD, **fake, **{'ledger/a.cc': use, 'ledger/a_test.cc': use})
        files['ledger/CMakeLists.txt'] = lists
        self.assertEqual(found(files), {('include', 'ledger/a.cc')})

    def test_each_library_has_one_owner(self):
        for path, header in (('collector/api/api.cc', 'boost/asio.hpp'),
                             ('collector/api/api.cc', 'soci/soci.h'),
                             ('agent/sources/a.cc', 'curl/curl.h'),
                             ('ledger/merkle.cc', 'openssl/evp.h')):
            self.assert_breach('include', path, f'#include <{header}>\n')
        self.assert_clean('ledger/suite_ed25519.cc', '#include <openssl/evp.h>\n')

    def test_only_posix_writes_files(self):
        for call in ('int f(int d) { return ::fsync(d); }', 'int f(int d) { return fdatasync(d); }',
                     'int f() { return ::open("a", O_RDONLY); }',
                     'void f() { std::ofstream out("a"); }',
                     'void f() { std::filesystem::rename("a", "b"); }'):
            self.assert_breach('syscall', 'agent/spool/spool.cc', call + '\n')
        self.assert_clean('ledger/posix/files.cc', 'int f(int d) { return ::fsync(d); }\n')
        self.assert_clean('agent/sources/proc.cc', 'int f() { return ::open("a", O_RDONLY); }\n')
        self.assert_breach('syscall', 'agent/sources/proc.cc',
                           'int f() { return ::open("a", O_WRONLY); }\n')
        self.assert_clean('agent/spool/spool.cc', '// ::fsync( is the seam\'s work\n')

    def test_only_the_store_knows_parts(self):
        for code in ('void f(const PartReader& part);', 'void f(ledger::LaneBlock& block);',
                     'void f(const SearchSources& sources);'):
            self.assert_breach('parts', 'collector/query/plan.cc', code + '\n')
            self.assert_clean('collector/store/plan.cc', code + '\n')
        self.assert_clean('collector/query/plan.cc', '// of a PartReader\nint f();\n')
        archive = {'ledger/archive/part_reader.h': 'int x;\n', 'ledger/archive/README.md': 'x\n'}
        for path, rule in (('collector/query/plan.cc', {('parts', 'collector/query/plan.cc')}),
                           ('collector/store/plan.cc', set())):
            folder = str(Path(path).parent)
            files = dict(GOOD, **archive, **{f'{folder}/README.md': 'x\n'})
            files[f'{folder}/CMakeLists.txt'] = 'plan.cc'
            files[path] = '#include "ledger/archive/part_reader.h"\n'
            self.assertEqual(found(files), rule, path)

    def test_library_code_does_not_log(self):
        self.assert_breach('logging', 'agent/ship/ship.cc', 'void f() { std::cerr << 1; }\n')
        self.assert_clean('agent/agent_main.cc', 'void f() { std::cerr << 1; }\n')

    def test_long_functions_files_and_lines_are_named(self):
        body = 'int a = 0;\n' * 69
        self.assert_breach('function', 'ledger/long.cc', f'void f() {{\n{body}}}\n')
        self.assert_clean('ledger/long.cc', f'void f() {{\n{body[11:]}}}\n')
        self.assert_breach('parameters', 'ledger/wide.cc',
                           'int f(int a, int b, int c, int d, int e) { return a; }\n')
        self.assert_breach('file', 'ledger/long.cc', '\n' * 601)
        self.assert_breach('file', 'ledger/long.h', '\n' * 251)
        self.assert_breach('file', 'ledger/long_test.cc', '\n' * 801)
        self.assert_clean('ledger/long_test.cc', '\n' * 601)
        self.assert_breach('columns', 'ledger/wide.cc', '// ' + 'x' * 98 + '\n')
        self.assert_breach('columns', 'ledger/wide.cc', '// ' + '云' * 49 + '\n')

    def test_words_that_do_not_belong_are_named(self):
        for word in ('TO' 'DO', 'FIX' 'ME', 'X' 'XX', 'see sha' 'red/a', 'DES' 'IGN.md',
                     'STY' 'LE.md', '/wo' 'rk/main'):
            self.assert_breach('words', 'ledger/a.cc', f'// {word}\n')
        self.assert_clean('ledger/a.cc', '// std::shared_mutex, /var/work/, XXXXXX\n')

    def test_every_folder_explains_itself_and_every_source_is_built(self):
        files = dict(GOOD)
        del files['ledger/base/README.md']
        self.assertEqual(found(files), {('readme', 'ledger/base')})
        files = dict(GOOD, **{'ledger/lost_test.cc': '\n'})
        self.assertEqual(found(files), {('unbuilt', 'ledger/lost_test.cc')})

    def test_the_top_level_holds_its_rooms_only(self):
        self.assertEqual(found(dict(GOOD, **{'scripts/go': 'x\n'})), {('top', 'scripts')})

    def test_exceptions_only_shrink(self):
        path = 'tests/tidy/exceptions'
        long = {'ledger/base/long.h': '\n' * 251}
        excepted = 'at most 1\nfile ledger/base/long.h generated\n'
        self.assertEqual(found(dict(GOOD, **long, **{path: excepted})), set())
        self.assertEqual(found(dict(GOOD, **{path: excepted})), {('exceptions', path)})
        self.assertEqual(found(dict(GOOD, **{path: 'at most 1\n'})), {('exceptions', path)})


class FunctionsTest(unittest.TestCase):
    def names(self, text):
        return [(f.name, f.line, f.lines, f.parameters) for f in cpp_text.functions(text)]

    def test_functions_are_found_in_scopes(self):
        text = ('namespace a {\n'
                'class B final : public C<int> {\n'
                ' public:\n'
                '  explicit B(int x) : x_{x}, y_(x) {\n    x_ = "}{";\n  }\n'
                '  int x_{0};\n'
                '  static constexpr int kTable[] = {1, 2};\n'
                '};\n'
                'template <class T>\nResult<T> B::go(std::map<int, T> m, int n) const {\n'
                '  auto f = [&](int) { return 1; };\n  return f(n);\n}\n'
                '}  // namespace a\n')
        self.assertEqual(self.names(text), [('B', 4, 3, 1), ('B::go', 10, 5, 2)])

    def test_a_test_case_is_a_function(self):
        self.assertEqual(self.names('TEST_CASE("a {") {\n  go();\n}\n'), [('TEST_CASE', 1, 3, 1)])

    def test_the_parameters_of_a_callback_are_the_library_s(self):
        text = 'int called(void* self, int a, int b, int c, int d) {\n  return a;\n}\n'
        self.assertEqual(self.names(text), [('called', 1, 3, 0)])

    def test_literals_and_raw_strings_hide_their_braces(self):
        text = 'void f() {\n  g(R"x({{{)x", \'{\', 1\'000);\n}\nint h() { return 1; }\n'
        self.assertEqual([n for n, *_ in self.names(text)], ['f', 'h'])


if __name__ == '__main__':
    unittest.main()
