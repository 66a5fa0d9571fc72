#!/usr/bin/env python3
"""bash completion offers what the programs take, no more and no less."""

import unittest

import needs

COMPLETION = needs.PACKAGING / 'completion'
# Loads the completion as bash does and prints what it offers for the words given.
ASK = '''
compopt() { :; }
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function=$(complete -p "$1"); function=${function#* -F }
"${function%% *}"
printf '%s\\n' "${COMPREPLY[@]}"
'''


def offered(program, *words):
    code, said = needs.run('bash', '-uc', ASK, 'ask', COMPLETION / program, program, *words)
    if code != 0:
        raise AssertionError(f'{program} {words}: {said}')
    return {line for line in said.splitlines() if line}


class CompletionTest(unittest.TestCase):
    def test_files_are_bash(self):
        for program in needs.PROGRAMS:
            code, said = needs.run('bash', '-n', COMPLETION / program)
            self.assertEqual((code, said), (0, ''))

    def test_options_are_those_of_each_command(self):
        for program in needs.PROGRAMS:
            for command, options in needs.command_tree(program).items():
                self.assertEqual(offered(program, *command, '--'), options,
                                 f'{program} {" ".join(command)}')

    def test_commands_are_those_of_the_program(self):
        for program in needs.PROGRAMS:
            for command in needs.command_tree(program):
                names = set(needs.commands_in(needs.help_of(program, *command)))
                if names:
                    words = {word for word in offered(program, *command, '')
                             if not word.startswith('-')}
                    self.assertEqual(words, names, f'{program} {" ".join(command)}')

    def test_a_begun_word_is_completed(self):
        self.assertEqual(offered('yunjian-agent', 'en'), {'enrol'})
        self.assertEqual(offered('yunjian-collector', 'token', 'create', '--role', 'a'),
                         {'authority'})
        self.assertEqual(offered('yunjian-agent', 'enrol', '--suite', 'sm'), {'sm2-sm3'})

    def test_files_are_offered_where_files_belong(self):
        sample = str(needs.PACKAGING / 'agent.to')
        self.assertEqual(offered('yunjian-agent', 'run', '--config', sample), {sample + 'ml'})
        self.assertEqual(offered('yunjian-collector', 'unit', 'import', sample), {sample + 'ml'})
        self.assertEqual(offered('yunjian-agent', 'enrol', '--token', ''), set())


if __name__ == '__main__':
    needs.need('bash', 'bash')
    unittest.main()
