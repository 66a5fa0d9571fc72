#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mask/digits.h"
#include "agent/mask/literal_scan.h"
#include "agent/mask/mask_options.h"
#include "agent/mask/mask_rules.h"
#include "ledger/base/result.h"

namespace re2 {
class RE2;
}
namespace yunjian::ledger {
struct ParsedRecord;
}

namespace yunjian::agent {

// Takes secrets out of event records before they are sealed. One thread.
//
// Life: constructed -> restore() -> for each record mask(), and taken() when it was accepted ->
// position() goes into each seal, since a private key that began in a sealed record may end in one
// that is not. Most records pass after one look for words; only where a word of a rule stands, the
// record is parsed and its patterns tried.
class Masker {
 public:
  explicit Masker(MaskOptions options);
  ~Masker();

  // The record to be sealed instead of `line`: `line` itself, or text that lives until the next
  // call, canonical, with the names of the rules in `masked`. Never longer than the line but for
  // that key.
  std::string_view mask(std::string_view line);
  // The record that mask() returned last goes into the batch.
  void taken();

  // Private keys that began and did not end: "mask/v1" and for each ";lines source log" in hex.
  // Empty when there are none.
  std::string position() const;
  // Corrupt: not such a text; then nothing is open.
  ledger::Result<void> restore(std::string_view position);

 private:
  struct Compiled;
  struct Edit;

  bool may_hold_secret(std::string_view line);
  bool guarded(const Compiled& rule, std::string_view line, std::size_t end) const;
  void mask_fields(const ledger::ParsedRecord& record, std::vector<std::string>& values);
  void mask_again(std::vector<std::string>& values) const;
  void apply(Compiled& rule, Edit& edit);
  void apply_pattern(Compiled& rule, Edit& edit);
  void apply_pem(Compiled& rule, Edit& edit);
  void go_on_in_pem(Edit& edit);
  std::string_view write(const ledger::ParsedRecord& record,
                         const std::vector<std::string>& values);

  std::vector<Compiled> rules_;
  std::unique_ptr<LiteralScan> scan_;
  struct Word {
    std::size_t rule;
    std::size_t size;
  };
  std::vector<Word> words_;  // in the order of the scan
  std::vector<LiteralScan::Hit> hits_;
  std::uint64_t wanted_ = 0;  // bit per rule: a word of it is in the line
  std::uint64_t masked_ = 0;  // bit per rule: it masked something
  std::vector<std::string> secrets_;
  std::map<std::string, std::uint32_t> open_;  // source and log -> lines that may still follow
  std::string changed_;                        // the key of open_ that the last record changes
  std::uint32_t changed_to_ = 0;
  std::string out_;
};

}  // namespace yunjian::agent
