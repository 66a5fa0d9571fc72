#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::ledger {

// What text is found by. The tokens of a text are
//   - its words: runs of [a-z0-9_] after A-Z became a-z;
//   - its IPv4 addresses: a word of digits and the three behind it, joined by single dots, as one
//     token besides the words (an IPv6 address is found by its words);
//   - of each run of CJK characters (Han, kana, hangul) every character and every pair of
//     neighbours.
// Other characters only bound tokens.
using TokenVisit = std::function<void(std::string_view token)>;
void visit_tokens(std::string_view text, const TokenVisit& visit);

// The same as hashes (XXH3-64 of the token's bytes), appended to `out`: without a call or a copy
// for each token. With repetitions.
void append_token_hashes(std::string_view text, std::vector<std::uint64_t>& out);
std::uint64_t token_hash(std::string_view token);

// Tokens that every text must have which contains `pattern` at token bounds, without those that
// others of them imply (a character of a pair). `prefix`: the pattern's last word may go on.
std::vector<std::string> needed_tokens(std::string_view pattern, bool prefix);

}  // namespace yunjian::ledger
