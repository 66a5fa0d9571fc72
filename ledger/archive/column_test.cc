#include "ledger/archive/column.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "ledger/archive/tokens.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

using Values = std::vector<std::string>;

struct Encoded {
  ColumnForm form;
  std::string payload;
  HashSet tokens;
};

Encoded encode(const Values& values, bool is_string = true, bool with_tokens = true) {
  ColumnBuilder builder("key", is_string, false);
  for (const std::string& value : values) builder.add(value);
  Encoded encoded;
  Packer packer(3);
  encoded.form = builder.encode(packer, encoded.payload, with_tokens ? &encoded.tokens : nullptr);
  return encoded;
}

void check_same(const Values& values, const Encoded& encoded) {
  const auto column = Column::decode(encoded.form, encoded.payload, values.size());
  REQUIRE(column);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::string text;
    column->append(i, text);
    REQUIRE(text == values[i]);
  }
}

Values messages(std::size_t count) {
  testing::SeededRandom random(3);
  Values values;
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = random_below(random, 1000);
    switch (random_below(random, 5)) {
      case 0:
        values.push_back("Failed password for root from 10.2.3." + std::to_string(n % 256) +
                         " port " + std::to_string(20000 + n) + " ssh2");
        break;
      case 1:
        values.push_back("用户 li" + std::to_string(n) + " 提交申请 单号 " + std::to_string(i));
        break;
      case 2:
        values.push_back("08:0" + std::to_string(n % 10) + ":59 took 0.0" + std::to_string(n % 10) +
                         " at 1.2.3. end.");
        break;
      case 3:
        values.push_back("rare " + std::string(n % 50, 'x') + std::to_string(n) + "... 007 \n\t");
        break;
      default:
        values.push_back("uuid " + to_hex(std::string(8, static_cast<char>(n))) + " 00 0 18446744");
    }
  }
  return values;
}

TEST_CASE("each form of column gives its values back") {
  check_same({"a", "a", "a"}, encode({"a", "a", "a"}));
  CHECK(encode({"a", "a", "a"}).form == ColumnForm::constant);
  check_same({"", "x", ""}, encode({"", "x", ""}));
  Values few;
  Values many;
  Values numbers;
  Values decimals;
  Values texts;
  for (int i = 0; i < 5000; ++i) {
    few.push_back("value " + std::to_string(i % 7));
    many.push_back("value " + std::to_string(i % 600));
    numbers.push_back(std::to_string(i * 977 % 100003));
    decimals.push_back(std::to_string(i) + ".0" + std::to_string(i % 10));
    texts.push_back(std::string(i % 7, 'x') + std::to_string(i) + "\xff");
  }
  for (const auto& [values, form] :
       std::vector<std::pair<Values, ColumnForm>>{{few, ColumnForm::dictionary},
                                                  {many, ColumnForm::dictionary},
                                                  {texts, ColumnForm::strings},
                                                  {messages(5000), ColumnForm::templates}}) {
    const Encoded encoded = encode(values);
    CHECK(encoded.form == form);
    check_same(values, encoded);
  }
  for (const Values& values : {numbers, decimals}) {
    const Encoded encoded = encode(values, false);
    CHECK(encoded.form == ColumnForm::integers);
    check_same(values, encoded);
  }
  for (const char* odd : {"007", "1.5", "-3", "18446744073709551615", "1e3", "", "1.234"}) {
    Values values = numbers;
    values[2500] = odd;
    check_same(values, encode(values, false));
  }
}

TEST_CASE("templates keep few bytes of what repeats") {
  const Values values = messages(20000);
  std::size_t bytes = 0;
  for (const std::string& value : values) bytes += value.size();
  CHECK(encode(values).payload.size() * 6 < bytes);
}

TEST_CASE("a column knows which of its values hold a token, and its filter says so before") {
  Values values = messages(3000);
  for (const std::size_t count : {values.size(), std::size_t{20}}) {
    const Encoded encoded =
        encode({values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count)});
    const auto column = Column::decode(encoded.form, encoded.payload, count);
    REQUIRE(column);
    const std::string bloom = make_bloom(encoded.tokens.values());
    for (const char* token : {"root", "port", "20007", "10.2.3.77", "单号", "提", "08", "00", "0",
                              "007", "7", "li7", "09", "absent", "xxx5", "1.2.3", "end", "号单"}) {
      std::vector<char> marks(count, 0);
      column->mark(token, marks);
      bool any = false;
      for (std::size_t i = 0; i < count; ++i) {
        bool has = false;
        visit_tokens(values[i], [&](std::string_view seen) { has |= seen == token; });
        CAPTURE(values[i]);
        CAPTURE(token);
        REQUIRE((marks[i] != 0) == has);
        any |= has;
      }
      if (!any) continue;
      const std::uint64_t hash = token_hash(token);
      const std::uint64_t line = bloom_line_of(hash, bloom.size() / bloom_line_bytes);
      REQUIRE(
          bloom_line_has(std::string_view(bloom).substr(line * bloom_line_bytes, bloom_line_bytes),
                         hash) == true);
    }
  }
}

TEST_CASE("a filter says yes to few tokens that it never saw, and notices damage") {
  HashSet tokens;
  for (int i = 0; i < 10000; ++i) tokens.add(token_hash("in" + std::to_string(i)));
  const std::string bloom = make_bloom(tokens.values());
  CHECK(bloom.size() < 10000 * 2 * 64 / 60 + 64);
  const std::uint64_t lines = bloom.size() / bloom_line_bytes;
  int wrong = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t hash = token_hash("out" + std::to_string(i));
    const auto line = bloom.substr(bloom_line_of(hash, lines) * bloom_line_bytes, bloom_line_bytes);
    wrong += bloom_line_has(line, hash).value() ? 1 : 0;
  }
  CHECK(wrong < 100);
  for (std::size_t bit = 0; bit < bloom_line_bytes * 8; ++bit) {
    std::string line = bloom.substr(0, bloom_line_bytes);
    line[bit / 8] = static_cast<char>(line[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(!bloom_line_has(line, 1));
  }
}

TEST_CASE("hostile columns are errors, never more") {
  const Values values = messages(300);
  testing::SeededRandom random(9);
  std::vector<std::pair<Encoded, std::size_t>> all;
  all.emplace_back(encode(values), values.size());
  all.emplace_back(encode({"a", "b", "a", "b"}), 4);
  all.emplace_back(encode({"1", "2", "99999", "4"}, false), 4);
  for (const auto& [encoded, count] : all) {
    for (int i = 0; i < 4000; ++i) {
      std::string bad = encoded.payload;
      const std::size_t at = random_below(random, bad.size());
      if (i % 3 == 0) bad.resize(at);
      if (i % 3 != 0) bad[at] = static_cast<char>(bad[at] ^ (1 + random_below(random, 255)));
      const auto form =
          i % 5 == 0 ? static_cast<ColumnForm>(random_below(random, 8)) : encoded.form;
      const auto column = Column::decode(form, bad, count);
      if (!column) continue;
      std::string text;
      std::vector<char> marks(count, 0);
      for (std::size_t row = 0; row < count; ++row) column->append(row, text);
      column->mark("root", marks);
    }
  }
}

}  // namespace
}  // namespace yunjian::ledger
