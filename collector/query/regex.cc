#include "collector/query/regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

struct Regex::Compiled {
  Compiled(std::string_view text, const re2::RE2::Options& options)
      : expression(re2::StringPiece(text.data(), text.size()), options) {}
  re2::RE2 expression;
};

namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string quoted(const std::string& piece) { return re2::RE2::QuoteMeta(piece); }

}  // namespace

Result<Regex> Regex::compile(std::string_view expression) {
  if (expression.size() > regex_bytes_max) {
    return fail(ErrorKind::reject,
                fmt::format("a regular expression longer than {} bytes", regex_bytes_max));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(regex_memory_max);
  auto compiled = std::make_shared<const Compiled>(expression, options);
  if (!compiled->expression.ok()) {
    return fail(ErrorKind::reject, fmt::format("this is no regular expression of RE2: {}",
                                               compiled->expression.error()));
  }
  return Regex(std::move(compiled));
}

Result<Wildcard> Wildcard::compile(const std::vector<std::string>& pieces) {
  std::string in_text_expression = "(?i)";
  std::string whole_expression = "(?is)^";
  const std::string& first = pieces.front();
  const std::string& last = pieces.back();
  if (!first.empty() && is_word(first.front())) in_text_expression += "(?:^|[^0-9a-z_])";
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) {
      in_text_expression += R"([^\s]*)";
      whole_expression += ".*";
    }
    in_text_expression += quoted(pieces[i]);
    whole_expression += quoted(pieces[i]);
  }
  if (!last.empty() && is_word(last.back())) in_text_expression += "(?:$|[^0-9a-z_])";
  whole_expression += '$';
  auto in_text = Regex::compile(in_text_expression);
  if (!in_text) return failure(in_text);
  auto of_id = Regex::compile(whole_expression);
  if (!of_id) return failure(of_id);
  return Wildcard{.within = *std::move(in_text), .whole = *std::move(of_id)};
}

bool Regex::in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->expression);
}

}  // namespace yunjian::collector
