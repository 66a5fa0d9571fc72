#include "auditor/stream_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/record.h"

namespace yunjian::auditor {

using ledger::BatchHeader;
using ledger::Hash;

namespace {

constexpr std::size_t declared_ranges_max = 100000;

std::string place_of(std::string_view stream, const BatchHeader& header) {
  if (header.records == 0) return fmt::format("stream {} batch {}", stream, header.batch);
  return fmt::format("stream {} batch {} records {}..{}", stream, header.batch, header.first_record,
                     header.first_record + header.records - 1);
}

// "7" or "7-9".
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  auto first = ledger::parse_decimal(text.substr(0, dash));
  auto last = dash == std::string_view::npos ? first : ledger::parse_decimal(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

}  // namespace

StreamCheck::StreamCheck(const ledger::Suite& suite, std::string origin,
                         const ledger::Enrolment& enrolment, const Hash& enrolment_leaf)
    : suite_(&suite),
      origin_(std::move(origin)),
      id_(ledger::stream_id(enrolment.agent, enrolment.incarnation)),
      unit_(enrolment.unit),
      host_(enrolment.host),
      head_(enrolment_leaf),
      next_key_(enrolment.first_key) {}

// True when the header follows the last one, so that its link and signature can be told.
bool StreamCheck::order(const BatchHeader& header, const std::string& place, Findings& findings) {
  if (header.batch == next_batch_) return true;
  if (header.batch < next_batch_) {
    findings.add({FindingKind::tampered, place, fmt::format("批次号倒退:应为 {}", next_batch_),
                  fmt::format("the batch number goes back: {} is next", next_batch_)});
    return false;
  }
  counts_.batches_missing += header.batch - next_batch_;
  findings.add(
      {FindingKind::missing,
       fmt::format("stream {} batch {}..{} records {}..{}", id_, next_batch_, header.batch - 1,
                   next_record_, header.first_record == 0 ? 0 : header.first_record - 1),
       "这些批次不在日志中", "these batches are not in the log"});
  return false;
}

void StreamCheck::batch(const ledger::SealedHeader& sealed, const Hash& leaf_hash,
                        std::optional<std::string_view> body, CheckTools& tools) {
  const BatchHeader& header = sealed.header;
  const std::string place = place_of(id_, header);
  const bool follows = order(header, place, *tools.findings);
  if (!follows && header.batch < next_batch_) return;
  if (follows) {
    if (header.previous != head_) {
      tools.findings->add(
          {FindingKind::tampered, place, "未接续上一批次的哈希:历史被改写",
           "it does not follow the hash of the batch before: history was rewritten"});
    }
    if (!ledger::header_signed_by(sealed, *suite_, origin_, next_key_)) {
      tools.findings->add({FindingKind::tampered, place, "签名不是上一批次宣布的密钥所作",
                           "it is not signed by the key that the batch before announced"});
    }
    if (header.first_record != next_record_) {
      tools.findings->add(
          {FindingKind::tampered, place, fmt::format("记录号不连续:应从 {} 开始", next_record_),
           fmt::format("record numbers do not continue: {} is next", next_record_)});
    }
  }
  head_ = leaf_hash;
  next_key_ = header.next_key;
  next_batch_ = header.batch + 1;
  next_record_ = header.first_record + header.records;
  ++counts_.batches;
  counts_.records += header.records;

  const AbsentBody expected{header.root, header.first_record, header.records};
  if (!body) {
    absent_[header.batch] = expected;
    return;
  }
  std::string problem;
  if (check_body(expected, *body, tools, problem)) {
    ++counts_.bodies;
    return;
  }
  tools.findings->add({FindingKind::tampered, place, "记录正文与签名的根不符: " + problem,
                       "the records are not those that were sealed: " + problem});
}

bool StreamCheck::check_body(const AbsentBody& expected, std::string_view body, CheckTools& tools,
                             std::string& problem) {
  auto decoded = tools.decoder.decode(body, tools.lines);
  if (!decoded) {
    problem = decoded.error().message;
    return false;
  }
  return check_lines(expected, tools.lines, tools, problem);
}

bool StreamCheck::check_lines(const AbsentBody& expected, std::string_view joined,
                              CheckTools& tools, std::string& problem) {
  auto lines = ledger::split_lines(joined, expected.records);
  if (!lines) {
    problem = lines.error().message;
    return false;
  }
  if (ledger::lines_root(*tools.hasher, *lines) != expected.root) {
    problem = "their root is another";
    return false;
  }
  note_gaps(*lines);
  return true;
}

void StreamCheck::late_body(std::uint64_t batch, std::string_view body, CheckTools& tools) {
  const auto absent = absent_.find(batch);
  std::string problem = "no batch of this number is without its body";
  if (absent != absent_.end() && check_body(absent->second, body, tools, problem)) {
    absent_.erase(absent);
    ++counts_.bodies;
    return;
  }
  tools.findings->add({FindingKind::tampered, fmt::format("stream {} batch {}", id_, batch),
                       "后补的正文与签名不符: " + problem,
                       "a body that was added later does not fit: " + problem});
}

void StreamCheck::late_lines(std::uint64_t batch, std::string_view lines, CheckTools& tools) {
  const auto absent = absent_.find(batch);
  std::string problem = "no batch of this number is without its body";
  if (absent != absent_.end() && check_lines(absent->second, lines, tools, problem)) {
    absent_.erase(absent);
    ++counts_.bodies;
    return;
  }
  if (absent != absent_.end()) absent_.erase(absent);  // one finding is enough
  tools.findings->add({FindingKind::tampered, fmt::format("stream {} batch {}", id_, batch),
                       "记录正文与签名的根不符: " + problem,
                       "the records are not those that were sealed: " + problem});
}

// A gap record of the stream that names batches says that their bodies will not come.
void StreamCheck::note_gaps(const std::vector<std::string_view>& lines) {
  for (const std::string_view line : lines) {
    if (line.find("\"what\":\"gap\"") == std::string_view::npos) continue;
    auto record = ledger::parse_record(line);
    if (!record || (*record)->find("kind") != "agent" || (*record)->find("what") != "gap") continue;
    std::string_view ranges = (*record)->find("batches").value_or("");
    while (!ranges.empty() && declared_.size() < declared_ranges_max) {
      const std::size_t comma = std::min(ranges.find(','), ranges.size());
      if (const auto range = parse_range(ranges.substr(0, comma))) declared_.push_back(*range);
      ranges.remove_prefix(std::min(comma + 1, ranges.size()));
    }
  }
}

void StreamCheck::finish(Findings& findings) {
  for (const auto& [number, body] : absent_) {
    const bool declared =
        std::any_of(declared_.begin(), declared_.end(), [number = number](const auto& range) {
          return range.first <= number && number <= range.second;
        });
    ++counts_.bodies_absent;
    const std::string place = fmt::format("stream {} batch {} records {}..{}", id_, number,
                                          body.first_record, body.first_record + body.records - 1);
    if (declared) {
      findings.add({FindingKind::declared_gap, place, "正文缺失,该流的缺口记录已申明",
                    "the records are absent, as a gap record of the stream declares"});
    } else {
      findings.add({FindingKind::missing, place, "正文缺失,且没有缺口记录说明",
                    "the records are absent and no gap record names them"});
    }
  }
}

}  // namespace yunjian::auditor
