#include "auditor/month_refold.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "auditor/work_thread.h"
#include "ledger/leaves.h"

namespace yunjian::auditor {

using ledger::Result;

namespace {

// A host's clock may be wrong; a record is never sealed long before its own time.
constexpr std::chrono::days clock_slack{1};
// An hour's record bears the time at which the hour ended.
constexpr std::chrono::hours record_time_lag{2};

std::string place_of(const std::string& stream, std::uint64_t batch) {
  return fmt::format("stream {} batch {}", stream, batch);
}

}  // namespace

struct MonthRefold::Stream {
  std::string id;
  std::string unit;
  Host* host = nullptr;                         // null: the collector's own
  std::map<std::uint64_t, Wanted> absent = {};  // bodies that have not come yet
  struct Place {
    std::uint64_t record = 0;
    std::uint64_t batch = 0;
  };
  std::optional<Place> first_hour = {};  // of the month
  Place last_hour = {};
  std::optional<ledger::PackInput> input = {};
};

struct MonthRefold::Host {
  struct Hour {
    std::string stream;
    std::uint64_t number = 0;
    std::string line;
  };
  Host(const RefoldRequest& request, ledger::Time from, std::size_t place)
      : number(place),
        fold({.month = request.month}, *request.calendar),
        facts(from, rules::month_end(request.month)) {}
  std::size_t number = 0;  // of all hosts, as they were enrolled
  std::set<std::string, std::less<>> units = {};
  // What follows is the thread's that folds the host.
  rules::MonthFold fold;
  rules::FactsFold facts;
  std::uint64_t unreadable = 0;
  std::string last_stream = {};  // whose hours were folded last
  bool unordered = false;        // to be folded sorted
  std::vector<Hour> kept = {};   // of the second reading
};

struct MonthRefold::Hand {
  explicit Hand(const ledger::Suite& suite) : hasher(suite.hasher()) {}
  std::unique_ptr<ledger::Hasher> hasher;
  ledger::BodyDecoder decoder = {};
  std::string lines = {};
  std::uint64_t records = 0;
  Findings findings = {};
  std::unique_ptr<WorkThread> thread = {};  // null: the caller's own hand
};

MonthRefold::MonthRefold(const ledger::Verifier& log, RefoldRequest request)
    : log_(log),
      request_(std::move(request)),
      from_(rules::month_begin(request_.month)),
      hasher_(log.suite().hasher()),
      frontier_(*hasher_),
      acts_(request_.month) {
  for (const auto& input : request_.inputs) last_input_[input.stream] = input.last_record;
  for (unsigned i = 0; i <= request_.threads; ++i) {
    hands_.push_back(std::make_unique<Hand>(log.suite()));
    if (i > 0) hands_.back()->thread = std::make_unique<WorkThread>();
  }
}

MonthRefold::~MonthRefold() = default;

void MonthRefold::leaf(std::string_view bytes, std::optional<std::string_view> body) {
  const std::uint64_t index = frontier_.size();
  if (index >= request_.checkpoint.size) return;
  frontier_.add_hash(hasher_->leaf(bytes));
  check_root();
  const auto name = ledger::leaf_name(bytes);
  if (!name) return;  // told by the check of the whole log
  if (*name == "batch") return batch(bytes, body);
  const auto note = ledger::parse_note(bytes);
  if (!note) return;
  if (*name == "enrolment") enrolment(note->text);
  if (*name == "report" && !sorted_) report(note->text);
}

void MonthRefold::check_root() {
  const std::uint64_t size = frontier_.size();
  if (size == request_.tree.size && frontier_.root() != request_.tree.root) {
    found({FindingKind::tampered, "manifest",
           "清单所列检查点不是本日志的:根与前 " + std::to_string(size) + " 个叶子不符",
           "the manifest's checkpoint is not this log's: its root is not that of the first " +
               std::to_string(size) + " leaves"});
  }
  if (size == request_.checkpoint.size && frontier_.root() != request_.checkpoint.root) {
    found({FindingKind::tampered, "checkpoint", "叶子的树根与检查点不符",
           "the leaves do not give the checkpoint's root"});
  }
}

void MonthRefold::enrolment(std::string_view text) {
  const auto enrolment = ledger::parse_enrolment(text);
  if (!enrolment) return;
  const std::string id = ledger::stream_id(enrolment->agent, enrolment->incarnation);
  if (own_agent_.empty()) own_agent_ = enrolment->agent;  // leaf 0 enrols the collector itself
  const bool own = enrolment->agent == own_agent_;
  if (streams_.contains(id)) drain();  // no thread may be at it
  Stream& stream =
      streams_.insert_or_assign(id, Stream{.id = id, .unit = enrolment->unit}).first->second;
  if (own) return;
  stream.host = &hosts_.try_emplace(enrolment->host, request_, from_, hosts_.size()).first->second;
  stream.host->units.insert(enrolment->unit);
  acts_.add_enrolled(enrolment->host, enrolment->unit);
  const auto [at, fresh] = enrolled_.emplace(enrolment->host, enrolment->enrolled);
  if (!fresh) at->second = std::min(at->second, enrolment->enrolled);
}

void MonthRefold::report(std::string_view text) {
  auto report = ledger::parse_report(text);
  if (!report || report->month != rules::format_month(request_.month)) return;
  acts_end_ = acts_end_ || report->manifest == request_.manifest;
  reports_.push_back({.leaf = frontier_.size() - 1, .report = std::move(*report)});
}

// Which bodies can hold something of the month; absent: this one cannot.
std::optional<MonthRefold::Wanted> MonthRefold::wanted(std::string_view bytes,
                                                       std::string& stream) const {
  const auto sealed = ledger::read_header(bytes, log_.suite());
  if (!sealed || sealed->header.records == 0) return std::nullopt;
  const ledger::BatchHeader& header = sealed->header;
  stream = ledger::stream_id(header.agent, header.incarnation);
  const auto known = streams_.find(stream);
  if (known == streams_.end()) return std::nullopt;
  // A body is asked for before its leaf is counted.
  const bool late = frontier_.size() > request_.tree.size;
  if (known->second.host == nullptr) {
    if (acts_end_ || sorted_) return std::nullopt;
  } else {
    if (header.sealed < from_ - clock_slack) return std::nullopt;
    const auto last = last_input_.find(stream);
    if (late && (last == last_input_.end() || header.first_record > last->second)) {
      return std::nullopt;
    }
    if (sorted_ && !known->second.host->unordered) return std::nullopt;
  }
  return Wanted{.root = header.root,
                .batch = header.batch,
                .first_record = header.first_record,
                .records = header.records,
                .leaf = frontier_.size(),
                .late = late};
}

bool MonthRefold::wants_body(std::string_view leaf) {
  std::string stream;
  return wanted(leaf, stream).has_value();
}

void MonthRefold::batch(std::string_view bytes, std::optional<std::string_view> body) {
  std::string stream;
  const auto here = wanted(bytes, stream);
  if (!here) return;
  Stream& known = streams_.find(stream)->second;
  if (body && !body->empty()) return give(known, *here, {Form::body, *body});
  known.absent.emplace(here->batch, *here);
}

void MonthRefold::late_body(std::string_view stream, std::uint64_t batch, std::string_view body) {
  late(stream, batch, {Form::body, body});
}

void MonthRefold::late_lines(std::string_view stream, std::uint64_t batch, std::string lines) {
  late(stream, batch, {Form::lines, lines});
}

void MonthRefold::late(std::string_view stream, std::uint64_t batch, Body body) {
  const auto known = streams_.find(stream);
  if (known == streams_.end()) return;
  const auto absent = known->second.absent.find(batch);
  if (absent == known->second.absent.end()) return;
  const Wanted wanted = absent->second;
  known->second.absent.erase(absent);
  give(known->second, wanted, body);
}

// The collector's own acts change what the caller reads: they are its own. All streams of a host
// go to one thread.
void MonthRefold::give(Stream& stream, const Wanted& wanted, Body body) {
  if (stream.host == nullptr || hands_.size() == 1) {
    return take(*hands_.front(), stream, wanted, body);
  }
  Hand& hand = *hands_[1 + stream.host->number % (hands_.size() - 1)];
  hand.thread->give(
      [this, &hand, &stream, wanted, form = body.form, kept = std::string(body.bytes)] {
        take(hand, stream, wanted, {form, kept});
      },
      sizeof wanted + body.bytes.size());
}

void MonthRefold::take(Hand& hand, Stream& stream, const Wanted& wanted, Body body) {
  if (body.form == Form::lines) return take_lines(hand, stream, wanted, body.bytes);
  if (auto decoded = hand.decoder.decode(body.bytes, hand.lines); !decoded) {
    return hand.findings.add(
        {FindingKind::tampered, place_of(stream.id, wanted.batch), "正文无法解码",
         "the body cannot be decoded: " + decoded.error().message, wanted.leaf});
  }
  take_lines(hand, stream, wanted, hand.lines);
}

void MonthRefold::take_lines(Hand& hand, Stream& stream, const Wanted& wanted,
                             std::string_view joined) {
  const auto lines = ledger::split_lines(joined, wanted.records);
  if (!lines || ledger::lines_root(*hand.hasher, *lines) != wanted.root) {
    return hand.findings.add({FindingKind::tampered, place_of(stream.id, wanted.batch),
                              "正文与批次头中的根不符",
                              "its records do not give the root in its header", wanted.leaf});
  }
  hand.records += lines->size();
  for (std::size_t i = 0; i < lines->size(); ++i) {
    take_line(stream, wanted, wanted.first_record + i, (*lines)[i]);
  }
}

void MonthRefold::take_line(Stream& stream, const Wanted& wanted, std::uint64_t number,
                            std::string_view line) {
  const auto record = ledger::parse_record(line);
  if (!record) return;
  if (stream.host == nullptr) return acts_.add(**record, wanted.late);
  if ((*record)->find("kind") == "usage_hour") return take_hour(stream, wanted, number, **record);
  if (!wanted.late && !sorted_) {
    stream.host->facts.add(**record, stream.id, number);
  }
}

void MonthRefold::take_hour(Stream& stream, const Wanted& wanted, std::uint64_t number,
                            const ledger::ParsedRecord& record) {
  if (wanted.late && number > last_input_.find(stream.id)->second) return;
  const auto time = ledger::parse_time(record.find("time").value_or(""));
  const auto hour = ledger::read_usage_hour(record);
  Host& host = *stream.host;
  // Told apart by the record's own time, as the collector reads them.
  const auto end = rules::month_end(request_.month) + record_time_lag;
  if (!time || *time < from_ || *time >= end) return;
  if (!hour) {
    if (!sorted_) ++host.unreadable;
    return;
  }
  if (hour->from >= from_ && hour->from < rules::month_end(request_.month)) {
    if (!stream.first_hour) stream.first_hour = Stream::Place{number, wanted.batch};
    stream.last_hour = {number, wanted.batch};
  }
  if (sorted_) {
    std::string line;
    ledger::write_usage_hour(line, *hour);
    host.kept.push_back({.stream = stream.id, .number = number, .line = std::move(line)});
    return;
  }
  if (host.unordered) return;
  // The collector folds a host's streams by name; in another order the parts could differ.
  const bool in_order = host.last_stream <= stream.id;
  host.last_stream = stream.id;
  if (!in_order || !host.fold.add(*hour, stream.id, number)) {
    host.unordered = true;
    host.fold = rules::MonthFold({.month = request_.month}, *request_.calendar);
  }
}

bool MonthRefold::needs_second() const {
  return !sorted_ &&
         std::ranges::any_of(hosts_, [](const auto& host) { return host.second.unordered; });
}

void MonthRefold::drain() {
  for (const auto& hand : hands_) {
    if (hand->thread) hand->thread->drain();
  }
}

void MonthRefold::begin_second() {
  sorted_ = true;
  frontier_.reset();
  streams_.clear();
  own_agent_.clear();
}

void MonthRefold::finish() {
  drain();
  Findings folded;
  for (const auto& hand : hands_) {
    records_ += std::exchange(hand->records, 0);
    folded.merge(std::exchange(hand->findings, {}));
  }
  folded.sort();
  findings_.merge(folded);
  for (const auto& [id, stream] : streams_) {
    for (const auto& [batch, wanted] : stream.absent) {
      found({FindingKind::missing, place_of(id, batch), "该批次正文缺失,所属月份无法重算",
             "its body is absent: the month cannot be computed from it"});
    }
  }
  if (!sorted_) return;
  for (auto& [name, host] : hosts_) {
    if (!host.unordered) continue;
    std::sort(host.kept.begin(), host.kept.end(), [](const auto& a, const auto& b) {
      return std::tie(a.stream, a.number) < std::tie(b.stream, b.number);
    });
    for (const auto& each : host.kept) {
      const auto record = ledger::parse_record(each.line);
      const auto hour = ledger::read_usage_hour(**record);
      if (hour && host.fold.add(*hour, each.stream, each.number)) continue;
      found({FindingKind::tampered, fmt::format("stream {} record {}", each.stream, each.number),
             "小时记录的编号重复", "an hour record stands twice under one number"});
    }
    host.kept.clear();
  }
}

rules::MonthFacts MonthRefold::facts_of(const std::string& host) const {
  const auto known = hosts_.find(host);
  return known == hosts_.end() ? rules::MonthFacts{} : known->second.facts.finish();
}

Result<rules::FoldedHost> MonthRefold::fold_of(const std::string& host,
                                               const rules::FoldWindow& window) {
  const auto known = hosts_.find(host);
  if (known == hosts_.end()) {
    return rules::FoldedHost{.parts = rules::MonthFold(window, *request_.calendar).finish()};
  }
  rules::FoldedHost folded{.parts = known->second.fold.finish(window),
                           .unreadable = known->second.unreadable};
  for (const rules::FoldedPart& part : folded.parts) {
    for (const rules::FoldInput& input : part.inputs) {
      Stream& stream = streams_.find(input.stream)->second;
      if (!stream.input) {
        stream.input = ledger::PackInput{.stream = input.stream,
                                         .first_record = input.first,
                                         .last_record = input.last,
                                         .records = 0};
      }
      stream.input->first_record = std::min(stream.input->first_record, input.first);
      stream.input->last_record = std::max(stream.input->last_record, input.last);
      stream.input->records += input.records;
    }
  }
  return folded;
}

bool MonthRefold::had_other_units(const std::string& host) const {
  const auto known = hosts_.find(host);
  return known != hosts_.end() && known->second.units.size() > 1;
}

std::vector<ledger::PackInput> MonthRefold::inputs() const {
  std::vector<ledger::PackInput> inputs;
  for (const auto& [id, stream] : streams_) {
    if (!stream.input) continue;
    ledger::PackInput input = *stream.input;
    for (const ledger::PackInput& told : request_.inputs) {
      if (told.stream != id) continue;
      input.first_batch = told.first_batch;
      input.last_batch = told.last_batch;
    }
    if (stream.first_hour && stream.first_hour->record == input.first_record) {
      input.first_batch = stream.first_hour->batch;
    }
    if (stream.last_hour.record == input.last_record) input.last_batch = stream.last_hour.batch;
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace yunjian::auditor
