#include "collector/query/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

struct Token {
  enum class Kind { end, open, close, colon, relation, phrase, word };
  Kind kind = Kind::end;
  std::size_t at = 0;     // byte offset
  std::string text = {};  // of a phrase or word, escapes undone
  bool plain = true;      // a word without escapes: may be a keyword, a field, a pattern
  bool star = false;      // a word that ended in its only unescaped *
  std::vector<std::string> pieces = {};  // of a word with other unescaped *: what is between them
  bool regex = false;                    // `text` stood between slashes
  Relation relation = Relation::less;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool ends_word(char c) {
  return is_space(c) || c == '(' || c == ')' || c == '"' || c == '<' || c == '>';
}

bool same_word(std::string_view text, std::string_view keyword) {
  return std::equal(text.begin(), text.end(), keyword.begin(), keyword.end(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

// Splits a query into tokens. What a colon means depends on the place: it ends a field's name, in a
// value (a time, an address) it is a character.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> next(bool in_value);
  ledger::Failure fail(std::size_t at, std::string_view what) const;

 private:
  Result<Token> phrase();
  Result<Token> word(bool in_value);
  std::optional<Token> regex();
  Token relation();

  std::string_view text_;
  std::size_t at_ = 0;
};

ledger::Failure Lexer::fail(std::size_t at, std::string_view what) const {
  const auto head = text_.substr(0, at);
  const auto characters = std::count_if(head.begin(), head.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  });
  return ledger::fail(ErrorKind::reject, fmt::format("column {}: {}", characters + 1, what));
}

Result<Token> Lexer::next(bool in_value) {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  if (at_ == text_.size()) return Token{.kind = Token::Kind::end, .at = at_};
  switch (text_[at_]) {
    case '(':
      return Token{.kind = Token::Kind::open, .at = at_++};
    case ')':
      return Token{.kind = Token::Kind::close, .at = at_++};
    case '"':
      return phrase();
    case '<':
    case '>':
      return relation();
    case ':':
      if (!in_value && text_.substr(at_, 2) != "::") {
        return Token{.kind = Token::Kind::colon, .at = at_++};
      }
      return word(in_value);
    default:
      return word(in_value);
  }
}

Token Lexer::relation() {
  Token token{.kind = Token::Kind::relation, .at = at_};
  const bool less = text_[at_++] == '<';
  const bool equal = at_ < text_.size() && text_[at_] == '=';
  if (equal) ++at_;
  token.relation = less ? (equal ? Relation::less_equal : Relation::less)
                        : (equal ? Relation::greater_equal : Relation::greater);
  return token;
}

Result<Token> Lexer::phrase() {
  Token token{.kind = Token::Kind::phrase, .at = at_++};
  while (at_ < text_.size() && text_[at_] != '"') {
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    token.text += text_[at_++];
  }
  if (at_ == text_.size()) return fail(token.at, "the quote that opens here is never closed");
  ++at_;
  if (token.text.empty()) return fail(token.at, "an empty phrase");
  return token;
}

Result<Token> Lexer::word(bool in_value) {
  Token token{.kind = Token::Kind::word, .at = at_};
  if (auto expression = regex()) return *std::move(expression);
  const auto rest = text_.substr(at_);
  // A bare IPv6 address, with or without a length, is one word.
  const std::string_view whole(rest.begin(), std::find_if(rest.begin(), rest.end(), ends_word));
  std::size_t piece = 0;  // where the text behind the last * begins
  const bool colons = in_value || parse_address(whole) || AddressRange::parse(whole);
  for (; at_ < text_.size() && !ends_word(text_[at_]); ++at_) {
    const char c = text_[at_];
    if (c == ':' && !colons) break;
    if (c == '\\') {
      if (++at_ == text_.size()) return fail(at_ - 1, "a backslash with nothing behind it");
      token.plain = false;
      token.text += text_[at_];
    } else if (c == '*') {
      token.pieces.push_back(token.text.substr(piece));
      piece = token.text.size();
    } else {
      token.text += c;
    }
  }
  if (token.pieces.empty()) return token;
  token.star = token.pieces.size() == 1 && piece == token.text.size();
  token.pieces.push_back(token.text.substr(piece));
  if (token.star) token.pieces.clear();
  return token;
}

// "/…/" without blanks; only closing parentheses may stand between its end and a blank.
std::optional<Token> Lexer::regex() {
  const auto rest = text_.substr(at_);
  const auto end = std::find_if(rest.begin(), rest.end(), is_space);
  const std::string_view run(rest.begin(), end);
  if (run.size() < 3 || run.front() != '/') return std::nullopt;
  const auto slash = run.rfind('/');
  if (slash < 2 || run.find_first_not_of(')', slash + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  Token token{.kind = Token::Kind::word, .at = at_};
  token.text = run.substr(1, slash - 1);
  token.plain = false;
  token.regex = true;
  at_ += slash + 1;
  return token;
}

// Recursive descent; one token of look-ahead, which is read as a value where a value must come.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}
  Result<QueryNode> run();

 private:
  using Kind = Token::Kind;

  Result<void> advance(bool in_value = false);
  bool at_keyword(std::string_view keyword) const {
    return token_.kind == Kind::word && token_.plain && !token_.star && token_.pieces.empty() &&
           same_word(token_.text, keyword);
  }
  bool at_operand() const {
    return token_.kind != Kind::end && token_.kind != Kind::close && !at_keyword("or") &&
           !at_keyword("and");
  }
  Result<QueryNode> any_of(const std::string& field);
  Result<QueryNode> all_of(const std::string& field);
  Result<QueryNode> unary(const std::string& field);
  Result<QueryNode> group(const std::string& field, bool value_behind);
  Result<QueryNode> operand(const std::string& field);
  Result<QueryNode> field_test(const Token& name);
  Result<QueryNode> comparison(const std::string& field);
  Result<QueryNode> text_test(const std::string& field, const Token& token);
  Result<QueryNode> pattern_test(const std::string& field, const Token& token);
  Result<QueryNode> node(QueryTest test, std::size_t at);

  Lexer lexer_;
  Token token_;
  std::size_t depth_ = 0;
  std::size_t tests_ = 0;
};

Result<void> Parser::advance(bool in_value) {
  auto token = lexer_.next(in_value);
  if (!token) return ledger::failure(token);
  token_ = std::move(*token);
  return {};
}

Result<QueryNode> Parser::run() {
  if (auto first = advance(); !first) return ledger::failure(first);
  if (token_.kind == Kind::end) return QueryNode{.kind = QueryNode::Kind::all_of};
  auto root = any_of("");
  if (!root || token_.kind == Kind::end) return root;
  return lexer_.fail(token_.at, "a closing parenthesis that nothing opened");
}

Result<QueryNode> Parser::any_of(const std::string& field) {
  auto first = all_of(field);
  if (!first || !at_keyword("or")) return first;
  QueryNode any{.kind = QueryNode::Kind::any_of};
  any.children.push_back(std::move(*first));
  while (at_keyword("or")) {
    if (auto next = advance(!field.empty()); !next) return ledger::failure(next);
    auto more = all_of(field);
    if (!more) return more;
    any.children.push_back(std::move(*more));
  }
  return any;
}

Result<QueryNode> Parser::all_of(const std::string& field) {
  auto first = unary(field);
  if (!first) return first;
  QueryNode all{.kind = QueryNode::Kind::all_of};
  all.children.push_back(std::move(*first));
  while (at_keyword("and") || at_operand()) {
    if (at_keyword("and")) {
      if (auto next = advance(!field.empty()); !next) return ledger::failure(next);
    }
    auto more = unary(field);
    if (!more) return more;
    all.children.push_back(std::move(*more));
  }
  if (all.children.size() > 1) return all;
  return std::move(all.children.front());
}

Result<QueryNode> Parser::unary(const std::string& field) {
  if (depth_ == query_depth_max) {
    return lexer_.fail(token_.at, fmt::format("nested deeper than {}", query_depth_max));
  }
  ++depth_;
  if (!at_keyword("not")) {
    auto inner = token_.kind == Kind::open ? group(field, !field.empty()) : operand(field);
    --depth_;
    return inner;
  }
  if (auto next = advance(!field.empty()); !next) return ledger::failure(next);
  auto inner = unary(field);
  --depth_;
  if (!inner) return inner;
  QueryNode none{.kind = QueryNode::Kind::none_of};
  none.children.push_back(std::move(*inner));
  return none;
}

// `value_behind`: what follows the closing parenthesis is still the value of a field.
Result<QueryNode> Parser::group(const std::string& field, bool value_behind) {
  const std::size_t opened = token_.at;
  if (auto next = advance(!field.empty()); !next) return ledger::failure(next);
  auto inner = any_of(field);
  if (!inner) return inner;
  if (token_.kind != Kind::close) {
    return lexer_.fail(opened, "the parenthesis that opens here is never closed");
  }
  if (auto next = advance(value_behind); !next) return ledger::failure(next);
  return inner;
}

Result<QueryNode> Parser::operand(const std::string& field) {
  const Token token = token_;
  if (token.kind == Kind::end) {
    return lexer_.fail(token.at, "the query ends where a word, a phrase or a field must come");
  }
  if (token.kind != Kind::word && token.kind != Kind::phrase) {
    return lexer_.fail(token.at, "a word, a phrase or a field must come here");
  }
  if (at_keyword("and") || at_keyword("or")) {
    return lexer_.fail(token.at, fmt::format("'{}' joins two conditions; put it in quotes to "
                                             "search for the word",
                                             token.text));
  }
  if (auto next = advance(!field.empty()); !next) return ledger::failure(next);
  if (field.empty() && (token_.kind == Kind::colon || token_.kind == Kind::relation)) {
    return field_test(token);
  }
  return text_test(field, token);
}

Result<QueryNode> Parser::field_test(const Token& name) {
  if (name.kind == Kind::phrase || name.star || name.regex || !name.pieces.empty() ||
      name.text.empty()) {
    return lexer_.fail(name.at, "a field's name must stand here, without quotes and *");
  }
  if (token_.kind == Kind::relation) return comparison(name.text);
  if (auto next = advance(true); !next) return ledger::failure(next);
  if (token_.kind == Kind::open) return group(name.text, false);
  const Token value = token_;
  if (value.kind == Kind::end) {
    return lexer_.fail(value.at,
                       fmt::format("the query ends where the value of {} must come", name.text));
  }
  if (value.kind != Kind::word && value.kind != Kind::phrase) {
    return lexer_.fail(value.at, fmt::format("the value of {} must come here", name.text));
  }
  auto test = text_test(name.text, value);
  if (!test) return test;
  if (auto next = advance(); !next) return ledger::failure(next);
  return test;
}

Result<QueryNode> Parser::comparison(const std::string& field) {
  const Relation relation = token_.relation;
  if (auto next = advance(true); !next) return ledger::failure(next);
  const Token value = token_;
  if (value.kind != Kind::word && value.kind != Kind::phrase) {
    return lexer_.fail(value.at,
                       fmt::format("a number or a time to compare {} with must come here", field));
  }
  if (auto next = advance(); !next) return ledger::failure(next);
  if (const auto number = parse_number(value.text); number && field != "time") {
    return node({field, NumberIs{relation, *number}}, value.at);
  }
  if (const auto time = ledger::parse_rfc3339(value.text)) {
    return node({field, TimeIs{relation, *time}}, value.at);
  }
  return lexer_.fail(value.at, fmt::format("'{}' is neither a number nor a time such as "
                                           "2026-11-22T08:00:00Z",
                                           value.text));
}

Result<QueryNode> Parser::text_test(const std::string& field, const Token& token) {
  if (token.star && token.text.empty()) {
    if (field.empty()) return QueryNode{.kind = QueryNode::Kind::all_of};
    return node({field, AnyValue{}}, token.at);
  }
  if (field == "time") {
    return lexer_.fail(token.at, "compare time with >=, <=, > or <, or use from and to");
  }
  if (token.regex || !token.pieces.empty()) return pattern_test(field, token);
  if (token.kind == Token::Kind::word && token.plain) {
    if (const auto range = AddressRange::parse(token.text)) {
      return node({field, InRange{*range}}, token.at);
    }
  }
  return node({field, TextIs{TextPattern(token.text, token.star), parse_number(token.text)}},
              token.at);
}

Result<QueryNode> Parser::pattern_test(const std::string& field, const Token& token) {
  if (token.regex) {
    auto regex = Regex::compile(token.text);
    if (!regex) return lexer_.fail(token.at, regex.error().message);
    return node({field, RegexIs{*std::move(regex)}}, token.at);
  }
  auto wildcard = Wildcard::compile(token.pieces);
  if (!wildcard) return lexer_.fail(token.at, wildcard.error().message);
  return node({field, WildcardIs{*std::move(wildcard)}}, token.at);
}

Result<QueryNode> Parser::node(QueryTest test, std::size_t at) {
  if (++tests_ > query_tests_max) {
    return lexer_.fail(at, fmt::format("more than {} conditions", query_tests_max));
  }
  QueryNode leaf{.kind = QueryNode::Kind::test};
  leaf.test = std::move(test);
  return leaf;
}

}  // namespace

Result<QueryNode> parse_query(std::string_view text) {
  if (text.size() > query_bytes_max) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("column 1: longer than {} bytes", query_bytes_max));
  }
  if (!ledger::is_valid_utf8(text)) {
    return ledger::fail(ErrorKind::reject, "column 1: not UTF-8");
  }
  return Parser(text).run();
}

std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size() ||
      !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace yunjian::collector
