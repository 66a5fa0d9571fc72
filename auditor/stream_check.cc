#include "auditor/stream_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "auditor/words.h"
#include "ledger/record.h"
#include "ledger/text_fields.h"

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

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// In order, overlapping ones joined: however many a hostile host declares, a look stays cheap.
Ranges joined(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges out;
  for (const auto& [first, last] : ranges) {
    if (out.empty() || first > out.back().second) {
      out.emplace_back(first, last);
    } else {
      out.back().second = std::max(out.back().second, last);
    }
  }
  return out;
}

// `ranges` as joined() gives them.
bool is_in(const Ranges& ranges, std::uint64_t n) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), n,
                                       [](std::uint64_t a, const auto& b) { return a < b.first; });
  return behind != ranges.begin() && n <= std::prev(behind)->second;
}

// Asked for batches in ascending order; however many ranges a hostile operator makes of one purge,
// each is looked at once.
class PurgedDays {
 public:
  explicit PurgedDays(std::vector<PurgedRange> ranges) : ranges_(std::move(ranges)) {
    std::ranges::sort(ranges_, {}, &PurgedRange::from);
  }
  // Of the purges that name the batch the latest day; nothing: none names it.
  std::optional<ledger::Time> until(std::uint64_t batch) {
    for (; next_ < ranges_.size() && ranges_[next_].from <= batch; ++next_) {
      begun_.push(ranges_[next_]);
    }
    while (!begun_.empty() && begun_.top().to < batch) begun_.pop();
    if (begun_.empty()) return std::nullopt;
    return begun_.top().until;
  }

 private:
  struct Earlier {
    bool operator()(const PurgedRange& a, const PurgedRange& b) const { return a.until < b.until; }
  };
  std::vector<PurgedRange> ranges_;
  std::size_t next_ = 0;
  std::priority_queue<PurgedRange, std::vector<PurgedRange>, Earlier> begun_;
};

using SteadyClock = std::chrono::steady_clock;

// Counts its own life as time spent on bodies, without what hours took of it.
class BodyTimer {
 public:
  explicit BodyTimer(LevelTime& time) : time_(time), hours_before_(time.hours) {}
  ~BodyTimer() { time_.bodies += SteadyClock::now() - start_ - (time_.hours - hours_before_); }
  BodyTimer(const BodyTimer&) = delete;
  BodyTimer& operator=(const BodyTimer&) = delete;

 private:
  LevelTime& time_;
  std::chrono::nanoseconds hours_before_;
  SteadyClock::time_point start_ = SteadyClock::now();
};

}  // namespace

void StreamCounts::add(const StreamCounts& other) {
  batches += other.batches;
  records += other.records;
  bodies += other.bodies;
  records_read += other.records_read;
  bodies_absent += other.bodies_absent;
  bodies_purged += other.bodies_purged;
  batches_missing += other.batches_missing;
  silences += other.silences;
  hours.checked += other.hours.checked;
  hours.not_checked += other.hours.not_checked;
}

StreamCheck::StreamCheck(const ledger::Suite& suite, std::string origin,
                         const ledger::Enrolment& enrolment, const Hash& enrolment_leaf)
    : suite_(&suite),
      origin_(std::move(origin)),
      id_(ledger::stream_id(enrolment.agent, enrolment.incarnation)),
      unit_(enrolment.unit),
      host_(enrolment.host),
      head_(enrolment_leaf),
      next_key_(enrolment.first_key) {}

void StreamCheck::inherit(const std::string& dead_origin) {
  inherited_ = true;
  begun_ = false;
  origin_ = dead_origin;
}

void StreamCheck::know_dead_end(const DeadEnd& end, bool held) {
  dead_end_ = end;
  dead_held_ = held;
}

// What was before is only known when the dead log was verified so far.
void StreamCheck::begin_inherited(const ledger::SealedHeader& sealed, const std::string& place,
                                  CheckTools& tools) {
  begun_ = true;
  const BatchHeader& header = sealed.header;
  if (header.batch == 0) return;
  first_batch_ = next_batch_ = header.batch;
  first_record_ = next_record_ = header.first_record;
  head_ = header.previous;
  usage_.lost();
  usage_next_ = header.batch;
  last_sealed_ = header.sealed;
  next_key_.clear();
  if (!dead_end_ || dead_end_->batches != header.batch) return;
  next_key_ = dead_end_->next_key;
  if (dead_end_->head == header.previous && dead_end_->records == header.first_record) return;
  tools.found(FindingKind::tampered, place, "与原日志中已核验的末批不相接",
              "it does not follow the last batch that was verified in the dead log");
}

void StreamCheck::check_dead_end(const BatchHeader& header, const Hash& leaf_hash,
                                 const std::string& place, CheckTools& tools) {
  if (!dead_end_ || header.batch + 1 != dead_end_->batches || leaf_hash == dead_end_->head) return;
  tools.found(FindingKind::tampered, place, "与原日志中已核验的同号批次不同:两段历史",
              "the dead log held another batch of this number: two histories");
}

// What was lost with the dead log. A batch of it that was read there is not.
void StreamCheck::finish_inherited(CheckTools& tools) {
  const std::uint64_t from = dead_end_ && dead_held_ ? dead_end_->batches : 0;
  const std::uint64_t record = dead_end_ && dead_held_ ? dead_end_->records : 0;
  const std::uint64_t until = begun_ || !dead_end_ ? first_batch_ : dead_end_->batches;
  if (until > from) {
    counts_.batches_missing += until - from;
    tools.found(FindingKind::lost,
                fmt::format("stream {} batch {}..{} records {}..{}", id_, from, until - 1, record,
                            first_record_ == 0 ? 0 : first_record_ - 1),
                fmt::format("主机 {} 的这些批次随原日志丢失,无人补交", host_),
                fmt::format("these batches of host {} were lost with the dead log, and nobody gave "
                            "them again",
                            host_));
  }
  if (!next_ || reached_end()) return;
  tools.found(FindingKind::lost, fmt::format("stream {} from batch {}", id_, next_batch_),
              fmt::format("主机 {} 的流未到达其后一代登记所指的末批", host_),
              fmt::format("the stream of host {} does not reach the header that the enrolment of "
                          "the next incarnation names (leaf {})",
                          host_, next_->leaf));
}

void StreamCheck::start_behind(const BatchHeader& header, const Hash& leaf_hash) {
  head_ = leaf_hash;
  next_key_ = header.next_key;
  next_batch_ = header.batch + 1;
  next_record_ = header.first_record + header.records;
  last_sealed_ = header.sealed;
  usage_.lost();  // the hour's first minutes may lie before
  usage_next_ = next_batch_;
}

// True when the header follows the last one, so that its link and signature can be told.
bool StreamCheck::order(const BatchHeader& header, const std::string& place, CheckTools& tools) {
  if (header.batch == next_batch_) return true;
  if (header.batch < next_batch_) {
    tools.found(FindingKind::tampered, place, fmt::format("批次号倒退:应为 {}", next_batch_),
                fmt::format("the batch number goes back: {} is next", next_batch_));
    return false;
  }
  counts_.batches_missing += header.batch - next_batch_;
  tools.found(
      FindingKind::missing,
      fmt::format("stream {} batch {}..{} records {}..{}", id_, next_batch_, header.batch - 1,
                  next_record_, header.first_record == 0 ? 0 : header.first_record - 1),
      "这些批次不在日志中", "these batches are not in the log");
  return false;
}

void StreamCheck::check_header(const ledger::SealedHeader& sealed, const std::string& place,
                               CheckTools& tools) {
  const BatchHeader& header = sealed.header;
  if (header.previous != head_) {
    tools.found(FindingKind::tampered, place, "未接续上一批次的哈希:历史被改写",
                "it does not follow the hash of the batch before: history was rewritten");
  }
  // The key that signed the first inherited batch was announced in what is lost.
  if (!next_key_.empty() && !ledger::header_signed_by(sealed, *suite_, origin_, next_key_)) {
    tools.found(FindingKind::tampered, place, "签名不是上一批次宣布的密钥所作",
                "it is not signed by the key that the batch before announced");
  }
  if (header.first_record != next_record_) {
    tools.found(FindingKind::tampered, place,
                fmt::format("记录号不连续:应从 {} 开始", next_record_),
                fmt::format("record numbers do not continue: {} is next", next_record_));
  }
  check_pause(header, tools);
}

// Two batches that follow each other, far apart by the host's own clock: nothing was sealed between
// them, and nobody can put anything there any more.
void StreamCheck::check_pause(const BatchHeader& header, CheckTools& tools) {
  if (header.batch == 0 || header.sealed - last_sealed_ <= silence_after) return;
  ++counts_.silences;
  std::string flags;
  for (const std::string& flag : header.flags) flags += (flags.empty() ? "" : " ") + flag;
  const std::string from = ledger::format_time(last_sealed_);
  const std::string to = ledger::format_time(header.sealed);
  tools.found(FindingKind::notice,
              fmt::format("stream {} batch {}..{}", id_, header.batch - 1, header.batch),
              fmt::format("主机 {}(单位 {})自 {} 至 {} 未发送任何内容:批次 {} 与 {} 首尾相接{}",
                          host_, unit_, from, to, header.batch - 1, header.batch,
                          flags.empty() ? "" : "(" + flags + ")"),
              fmt::format("host {} (unit {}) sent nothing from {} to {}: batches {} and {} follow "
                          "each other{}",
                          host_, unit_, from, to, header.batch - 1, header.batch,
                          flags.empty() ? "" : " (" + flags + ")"));
}

void StreamCheck::batch(const ledger::SealedHeader& sealed, const Hash& leaf_hash,
                        std::optional<std::string_view> body, CheckTools& tools) {
  const BatchHeader& header = sealed.header;
  const std::string place = place_of(id_, header);
  const auto start = SteadyClock::now();
  if (!begun_) begin_inherited(sealed, place, tools);
  if (inherited_) check_dead_end(header, leaf_hash, place, tools);
  if (reached_end()) {
    tools.found(FindingKind::tampered, place, "后一代登记已指明此前一批为末批",
                "the enrolment of the next incarnation names the batch before as the last");
  }
  const bool follows = order(header, place, tools);
  if (!follows && header.batch < next_batch_) return;
  if (follows) check_header(sealed, place, tools);
  head_ = leaf_hash;
  next_key_ = header.next_key;
  next_batch_ = header.batch + 1;
  next_record_ = header.first_record + header.records;
  last_sealed_ = header.sealed;
  ++counts_.batches;
  counts_.records += header.records;
  tools.time.headers += SteadyClock::now() - start;

  const BodyTimer timer(tools.time);
  const AbsentBody expected{header.root, header.first_record, header.records, tools.log_time};
  if (!body) {
    absent_[header.batch] = expected;
    return;
  }
  std::string problem;
  if (check_body({header.batch, expected}, *body, tools, problem)) {
    ++counts_.bodies;
  } else {
    tools.found(FindingKind::tampered, place, "记录正文与签名的根不符: " + problem,
                "the records are not those that were sealed: " + problem);
  }
}

bool StreamCheck::check_body(const NumberedBody& wanted, std::string_view body, CheckTools& tools,
                             std::string& problem) {
  auto decoded = tools.decoder.decode(body, tools.lines);
  if (!decoded) {
    problem = decoded.error().message;
    return false;
  }
  return check_lines(wanted, tools.lines, tools, problem);
}

bool StreamCheck::check_lines(const NumberedBody& wanted, std::string_view joined,
                              CheckTools& tools, std::string& problem) {
  const AbsentBody& expected = wanted.second;
  auto lines = ledger::split_lines(joined, expected.records);
  if (!lines) {
    problem = lines.error().message;
    return false;
  }
  if (ledger::lines_root(*tools.hasher, *lines) != expected.root) {
    problem = "their root is another";
    return false;
  }
  counts_.records_read += lines->size();
  // Hours are checked over bodies that follow each other, whether they come with their leaves or
  // all of them later.
  if (wanted.first != usage_next_) usage_.lost();
  usage_next_ = wanted.first + 1;
  read_lines(*lines, expected.first_record, tools);
  return true;
}

void StreamCheck::late_body(std::uint64_t batch, std::string_view body, CheckTools& tools) {
  const BodyTimer timer(tools.time);
  const auto absent = absent_.find(batch);
  std::string problem = "no batch of this number is without its body";
  if (absent != absent_.end() && check_body(*absent, body, tools, problem)) {
    absent_.erase(absent);
    ++counts_.bodies;
    return;
  }
  tools.found(FindingKind::tampered, fmt::format("stream {} batch {}", id_, batch),
              "后补的正文与签名不符: " + problem,
              "a body that was added later does not fit: " + problem);
}

// A purge cannot know of batches that come behind it.
void StreamCheck::purged(PurgedRange range, CheckTools& tools) {
  if (range.to >= next_batch_) {
    tools.found(
        FindingKind::tampered,
        fmt::format("stream {} batch {}..{}", id_, std::max(range.from, next_batch_), range.to),
        fmt::format("清除叶子 {} 列有当时尚不存在的批次", tools.leaf),
        fmt::format("the purge of leaf {} names batches that were not in the log yet", tools.leaf));
    if (range.from >= next_batch_) return;
    range.to = next_batch_ - 1;
  }
  purged_.push_back(range);
}

// What records say that the check itself needs: gaps, checkpoints that were shown, usage. The key
// `kind` is always the second, so that other lines cost one comparison.
void StreamCheck::read_lines(const std::vector<std::string_view>& lines, std::uint64_t first,
                             CheckTools& tools) {
  constexpr std::size_t kind_at =
      std::string_view(R"({"time":"2026-11-22T08:16:05.123456Z",)").size();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const std::string_view rest = line.substr(std::min(kind_at, line.size()));
    if (rest.starts_with(R"("kind":"agent")")) {
      note_gap(line);
      if (line.find(R"("what":"checkpoint")") == std::string_view::npos) continue;
      auto record = ledger::parse_record(line);
      if (!record || (*record)->find("what") != "checkpoint") continue;
      tools.shown.add((*record)->find("checkpoint").value_or(""),
                      {fmt::format("stream {} record {}", id_, first + i), host_, tools.leaf, ""});
    } else if (rest.starts_with(R"("kind":"usage)")) {
      const auto start = SteadyClock::now();
      const UsageCheck::Problem problem = usage_.take(line, counts_.hours);
      tools.time.hours += SteadyClock::now() - start;
      if (problem.en.empty()) continue;
      tools.found(FindingKind::tampered, fmt::format("stream {} record {}", id_, first + i),
                  problem.zh, problem.en);
    }
  }
}

void StreamCheck::late_lines(std::uint64_t batch, std::string_view lines, CheckTools& tools) {
  const BodyTimer timer(tools.time);
  const auto absent = absent_.find(batch);
  std::string problem = "no batch of this number is without its body";
  if (absent != absent_.end() && check_lines(*absent, lines, tools, problem)) {
    absent_.erase(absent);
    ++counts_.bodies;
    return;
  }
  if (absent != absent_.end()) absent_.erase(absent);  // one finding is enough
  tools.found(FindingKind::tampered, fmt::format("stream {} batch {}", id_, batch),
              "记录正文与签名的根不符: " + problem,
              "the records are not those that were sealed: " + problem);
}

// A gap record of the stream that names batches says that their bodies will not come.
void StreamCheck::note_gap(std::string_view line) {
  if (line.find("\"what\":\"gap\"") == std::string_view::npos) return;
  auto record = ledger::parse_record(line);
  if (!record || (*record)->find("what") != "gap") return;
  std::string_view ranges = (*record)->find("batches").value_or("");
  while (!ranges.empty() && declared_.size() < declared_ranges_max) {
    const std::size_t comma = std::min(ranges.find(','), ranges.size());
    if (const auto range = parse_range(ranges.substr(0, comma))) declared_.push_back(*range);
    ranges.remove_prefix(std::min(comma + 1, ranges.size()));
  }
}

void StreamCheck::finish(CheckTools& tools) {
  if (inherited_) finish_inherited(tools);
  PurgedDays purged(purged_);
  const Ranges declared = joined(declared_);
  for (const NumberedBody& absent : absent_) {
    finish_absent(absent, is_in(declared, absent.first), purged.until(absent.first), tools);
  }
}

void StreamCheck::finish_absent(const NumberedBody& absent, bool declared,
                                const std::optional<ledger::Time>& purged, CheckTools& tools) {
  const auto& [number, body] = absent;
  const std::string place = fmt::format("stream {} batch {} records {}..{}", id_, number,
                                        body.first_record, body.first_record + body.records - 1);
  if (purged && body.logged <= *purged) {
    ++counts_.bodies_purged;
    return;
  }
  ++counts_.bodies_absent;
  if (declared) {
    tools.found(FindingKind::declared_gap, place, "正文缺失,该流的缺口记录已申明",
                "the records are absent, as a gap record of the stream declares");
  } else if (purged) {
    const std::string logged = ledger::format_time(body.logged);
    tools.found(FindingKind::tampered, place,
                fmt::format("清除叶子称其属更早的一日,而它入账前日志自签的时间已是 {}", logged),
                fmt::format("a purge says that it came in on an earlier day; the log's own time "
                            "before it was {} already",
                            logged));
  } else {
    tools.found(FindingKind::missing, place, "正文缺失,且没有缺口记录说明",
                "the records are absent and no gap record names them");
  }
}

std::string StreamCheck::save() const {
  std::string out = fmt::format("stream {}\nunit {}\nhost {}\n", id_, unit_, host_);
  ledger::append_field(out, "head", ledger::to_base64(ledger::as_view(head_)));
  ledger::append_field(out, "next", ledger::to_base64(next_key_));
  out += fmt::format("at {} {}\nsealed {}\n", next_batch_, next_record_,
                     ledger::format_time(last_sealed_));
  out += fmt::format("counts {} {} {} {} {} {} {} {}\n", counts_.batches, counts_.records,
                     counts_.bodies, counts_.records_read, counts_.batches_missing,
                     counts_.silences, counts_.hours.checked, counts_.hours.not_checked);
  ledger::append_field(out, "usage", fmt::format("{} {}", usage_next_, usage_.save()));
  if (inherited_) {
    out += fmt::format("inherited {} {} {} {}\n", origin_, begun_ ? 1 : 0, first_batch_,
                       first_record_);
  }
  if (next_) {
    out += fmt::format("followed {} {} {}\n", next_->leaf,
                       ledger::to_base64(ledger::as_view(next_->head)),
                       ledger::to_base64(next_->bytes));
  }
  for (const auto& [first, last] : declared_) out += fmt::format("declared {} {}\n", first, last);
  for (const PurgedRange& range : purged_) {
    out += fmt::format("purged {} {} {}\n", range.from, range.to, ledger::format_time(range.until));
  }
  for (const auto& [number, body] : absent_) {
    out += fmt::format("absent {} {} {} {} {}\n", number, body.first_record, body.records,
                       ledger::to_base64(ledger::as_view(body.root)),
                       ledger::format_time(body.logged));
  }
  return out;
}

void StreamCheck::load_line(std::string_view line, bool& good) {
  Words words(line);
  const std::string_view name = words.word();
  if (name == "stream") {
    id_ = words.word();
  } else if (name == "unit") {
    unit_ = words.word();
  } else if (name == "host") {
    host_ = words.word();
  } else if (name == "head") {
    head_ = words.hash();
  } else if (name == "next") {
    auto key = ledger::from_base64(words.word());
    words.need(key && suite_->is_public_key(*key));
    if (key) next_key_ = std::move(*key);
  } else if (name == "at") {
    next_batch_ = words.number();
    next_record_ = words.number();
  } else if (name == "sealed") {
    last_sealed_ = words.time();
  } else if (name == "counts") {
    for (std::uint64_t* count : {&counts_.batches, &counts_.records, &counts_.bodies,
                                 &counts_.records_read, &counts_.batches_missing, &counts_.silences,
                                 &counts_.hours.checked, &counts_.hours.not_checked}) {
      *count = words.number();
    }
  } else if (name == "inherited") {
    inherited_ = true;
    origin_ = words.word();
    begun_ = words.number() == 1;
    first_batch_ = words.number();
    first_record_ = words.number();
  } else if (name == "followed") {
    NextEnrolment next;
    next.leaf = words.number();
    next.head = words.hash();
    auto bytes = ledger::from_base64(words.word());
    words.need(bytes.has_value());
    if (bytes) next.bytes = std::move(*bytes);
    next_ = std::move(next);
  } else if (name == "usage") {
    usage_next_ = words.number();
    words.need(usage_.load(words.rest()));
  } else if (name == "declared") {
    const std::uint64_t from = words.number();
    declared_.emplace_back(from, words.number());
  } else if (name == "purged") {
    PurgedRange range;
    range.from = words.number();
    range.to = words.number();
    range.until = words.time();
    purged_.push_back(range);
  } else if (name == "absent") {
    const std::uint64_t number = words.number();
    AbsentBody body;
    body.first_record = words.number();
    body.records = words.number();
    body.root = words.hash();
    body.logged = words.time();
    absent_[number] = body;
  } else {
    words.need(false);
  }
  good = good && words.good();
}

ledger::Result<StreamCheck> StreamCheck::load(const ledger::Suite& suite, std::string origin,
                                              std::string_view text) {
  StreamCheck stream(suite, std::move(origin));
  bool good = true;
  while (!text.empty() && good) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    stream.load_line(text.substr(0, end), good);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (good && !stream.id_.empty() && !stream.next_key_.empty()) return stream;
  return ledger::fail(ledger::ErrorKind::corrupt, "a stream in the saved state cannot be read");
}

}  // namespace yunjian::auditor
