#include "collector/api/stream_routes.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

#include "collector/api/coverage.h"
#include "collector/api/item_json.h"
#include "collector/api/question.h"
#include "collector/api/record_csv.h"
#include "collector/api/unit_counts.h"
#include "ledger/base/bytes.h"
#include "ledger/batch.h"
#include "ledger/suite.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

constexpr std::chrono::milliseconds tail_pause{1000};
// A commit becomes visible a moment after its time was taken.
constexpr std::chrono::seconds tail_lag{2};
constexpr std::uint64_t tail_seconds_max = 600;
constexpr std::uint64_t tail_records_max = 100'000;
constexpr std::size_t tail_page_records = 500;

// Counts one more of something as long as it lives.
class Place {
 public:
  using Counter = std::shared_ptr<std::atomic<std::uint64_t>>;
  static std::shared_ptr<Place> take(const Counter& counter, std::uint64_t max) {
    auto place = std::shared_ptr<Place>(new Place(counter));
    return counter->fetch_add(1) < max ? place : nullptr;
  }
  ~Place() { --*counter_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  explicit Place(Counter counter) : counter_(std::move(counter)) {}
  Counter counter_;
};

Refusal too_many(std::string_view what, std::uint64_t max) {
  Problem problem{.status = 429, .slug = "too-many", .title = "Too many at once"};
  problem.detail = fmt::format("{} {} are running; end one or wait.", max, what);
  problem.retry = true;
  problem.retry_after_s = 30;
  return Refusal(std::move(problem));
}

// What both kinds of answers need while they go on.
struct Stream {
  const ApiContext& context;
  Credential credential;
  Question question;
  std::shared_ptr<Place> place;
  const std::atomic<bool>* cancelled = nullptr;  // of the request
  Act end_act;                                   // recorded when the answer has ended

  // Told again before the first, second, fourth … piece that brings something leaves, so that what
  // left is known within a factor of two when the answer breaks off.
  Outcome<void> tell(std::string_view step, const UnitCounts& counts) const {
    Act act = end_act;
    act.text("step", step);
    counts.tell(act);
    return record_look(context, act);
  }

  // The credential may still see what it saw when the answer began. Asked for each piece, so a
  // token that is revoked ends what it opened.
  bool is_allowed() const {
    const auto now = context.catalog->credential_of(credential.id, context.clock->wall());
    return now && *now && (*now)->role == credential.role && (*now)->scope == credential.scope;
  }
  bool is_cancelled() const { return cancelled != nullptr && *cancelled; }
};

// All records of a question, page after page in the order of their time.
class ExportSource : public BodySource {
 public:
  ExportSource(Stream stream, bool csv, std::optional<RecordKey> after)
      : stream_(std::move(stream)),
        csv_(csv),
        resumed_(after.has_value()),
        after_(std::move(after)) {}

  Piece next() override {
    if (stream_.is_cancelled() || !stream_.is_allowed()) return {.bytes = {}, .broken = true};
    ScanQuery query;
    query.order = Order::oldest_first;
    query.after = after_;
    query.limit = export_page_records;
    query.bytes_max = export_page_bytes;
    query.cancelled = stream_.cancelled;
    query.skip_damaged = true;
    Piece piece;
    if (csv_ && !begun_) piece.bytes = csv_head();
    begun_ = true;
    bool more = false;
    if (stream_.question.select(query)) {
      auto stats = stream_.context.records->scan(
          stream_.question.scope, query,
          [&](const StoredRecord& record) { take(record, piece.bytes); });
      if (!stats) return {.bytes = {}, .broken = true};
      more = !stats->complete;
      damaged_ = std::max(damaged_, stats->damaged);  // every page meets the same damage
    }
    if (!csv_) piece.bytes += json_.take_lines();
    if (!more) {
      end(piece);
      return piece;
    }
    hash_.update(piece.bytes);
    if (std::has_single_bit(++pages_) && !stream_.tell("going", counts_)) {
      return {.bytes = {}, .broken = true};
    }
    return piece;
  }

 private:
  void take(const StoredRecord& record, std::string& bytes) {
    coverage_.add(record.key.stream, record.key.number);
    counts_.add(record.unit);
    after_ = record.key;
    if (csv_) {
      append_csv(bytes, record);
      return;
    }
    write_item(json_, record);
    json_.end_line();
  }

  // The last line says what was given. It is not proof by itself: records/{stream}/{number}/proof
  // and the streams' headers are.
  void end(Piece& piece) {
    Json json;
    json.begin_object()
        .member("complete", damaged_ == 0)
        .member("records", coverage_.records())
        .member("damaged", damaged_)
        .member("resumed", resumed_)
        .member("ended", stream_.context.clock->wall())
        .key("streams");
    coverage_.write(json);
    json.end_object();
    if (csv_) {
      append_csv_end(piece.bytes, json.take());
    } else {
      json.end_line();
      piece.bytes += json.take();
    }
    piece.last = true;
    Act act = stream_.end_act;
    hash_.update(piece.bytes);
    const ledger::Hash hash = hash_.finish();
    act.text("step", "end").text("sha256", ledger::to_hex(ledger::as_view(hash)));
    counts_.tell(act);
    if (!record_look(stream_.context, act)) piece = {.bytes = {}, .broken = true};
  }

  const Stream stream_;
  const bool csv_;
  const bool resumed_;
  std::optional<RecordKey> after_;
  bool begun_ = false;
  std::uint64_t pages_ = 0;
  std::uint64_t damaged_ = 0;
  Json json_;
  Coverage coverage_;
  UnitCounts counts_;
  ledger::Sha256 hash_;
};

// What was committed since the last look, looked for once a second.
class TailSource : public BodySource {
 public:
  struct Limits {
    Time end{};
    std::uint64_t records = 0;
  };
  TailSource(Stream stream, std::string asked, Time seen, const Limits& limits)
      : stream_(std::move(stream)), asked_(std::move(asked)), seen_(seen), limits_(limits) {}

  Piece next() override {
    if (!stream_.is_allowed()) return {.bytes = {}, .broken = true};
    const Time now = stream_.context.clock->wall();
    bool ended = now >= limits_.end || stream_.is_cancelled();
    if (!ended && !look(now - tail_lag)) return {.bytes = {}, .broken = true};
    ended = ended || given_ >= limits_.records;
    const bool due = given_ >= told_at_;
    if (due || ended) {
      if (!stream_.tell(ended ? "end" : "going", counts_)) return {.bytes = {}, .broken = true};
      while (told_at_ <= given_) told_at_ *= 2;
    }
    if (ended) end();
    return {.bytes = json_.take_lines(),
            .last = ended,
            .pause = window_end_ ? std::chrono::milliseconds(0) : tail_pause};
  }

 private:
  // One page of what was committed in (seen_, window_end_].
  bool look(Time until) {
    if (!window_end_) {
      if (until <= seen_) return true;
      window_end_ = until;
    }
    ScanQuery query;
    query.order = Order::oldest_first;
    query.after = after_;
    query.limit = std::min<std::uint64_t>(tail_page_records, limits_.records - given_);
    query.cancelled = stream_.cancelled;
    if (!stream_.question.select(query)) {
      seen_ = *std::exchange(window_end_, std::nullopt);
      return true;
    }
    query.received_from = seen_ + std::chrono::microseconds(1);
    const auto inner = std::move(query.matches);
    const Time end = *window_end_;
    query.matches = [inner, end, from = query.received_from](const ledger::ParsedRecord* record,
                                                             const StoredRecord& stored) {
      if (stored.received < from || stored.received > end) return false;
      return !inner || inner(record, stored);
    };
    auto stats = stream_.context.records->scan(stream_.question.scope, query,
                                               [&](const StoredRecord& record) {
                                                 write_item(json_, record);
                                                 json_.end_line();
                                                 after_ = record.key;
                                                 counts_.add(record.unit);
                                                 ++given_;
                                               });
    if (!stats) return stream_.is_cancelled();
    if (stats->complete) {
      seen_ = *std::exchange(window_end_, std::nullopt);
      after_.reset();
    }
    return true;
  }

  void end() {
    const std::string seen = std::to_string(seen_.time_since_epoch().count());
    json_.begin_object()
        .member("cursor", std::string_view(stream_.context.cursors->seal_name(seen, asked_)))
        .member("records", given_)
        .end_object();
    json_.end_line();
  }

  const Stream stream_;
  const std::string asked_;
  Time seen_;
  const Limits limits_;
  std::optional<Time> window_end_;
  std::optional<RecordKey> after_;
  std::uint64_t given_ = 0;
  std::uint64_t told_at_ = 1;
  UnitCounts counts_;
  Json json_;
};

// "5f0c….1/81234", a record that the client holds; what follows is behind it.
Outcome<std::optional<RecordKey>> read_after(const ApiContext& context, const Call& call,
                                             const Parameters& parameters) {
  const auto text = parameters.optional_text("after");
  if (!text) return std::optional<RecordKey>();
  const auto slash = text->find('/');
  const std::string stream = text->substr(0, slash);
  const auto number = slash == std::string::npos ? ledger::parse_decimal("")
                                                 : ledger::parse_decimal(text->substr(slash + 1));
  if (!number || !ledger::parse_stream_id(stream)) {
    return bad_request("Parameter 'after' is not STREAM/NUMBER, as in 5f0c….1/81234.");
  }
  auto record = context.records->record(call.credential.scope, stream, *number);
  if (!record && record.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!record) return storage_problem(record.error());
  return std::optional<RecordKey>(std::move(record->key));
}

Outcome<Response> begin(const Stream& stream, std::string_view type,
                        std::shared_ptr<BodySource> source) {
  Act act = stream.end_act;
  act.text("step", "begin");
  if (auto recorded = record_look(stream.context, act); !recorded) return handed_on(recorded);
  Response response;
  response.content_type = type;
  response.source = std::move(source);
  return response;
}

}  // namespace

Outcome<Response> StreamRoutes::get_export(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "from", "to", "format", "after"});
  if (!parameters) return handed_on(parameters);
  auto format = parameters->choice("format", {"ndjson", "csv"});
  if (!format) return handed_on(format);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  auto after = read_after(context, call, *parameters);
  if (!after) return handed_on(after);
  auto place = Place::take(exports_, exports_max);
  if (!place) return too_many("exports", exports_max);
  Act act = look(context, call, "export");
  for (const std::string_view name : {"q", "from", "to", "format", "after"}) {
    if (const auto value = parameters->optional_text(name)) act.text(name, *value);
  }
  const bool csv = *format == "csv";
  const Stream stream{context,
                      call.credential,
                      *std::move(question),
                      std::move(place),
                      cancel_flag(context, call),
                      std::move(act)};
  auto source = std::make_shared<ExportSource>(stream, csv, *std::move(after));
  return begin(stream, csv ? "text/csv; charset=utf-8" : "application/x-ndjson", std::move(source));
}

Outcome<Response> StreamRoutes::get_tail(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "seconds", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto seconds =
      parameters->number("seconds", {.otherwise = 60, .min = 1, .max = tail_seconds_max});
  if (!seconds) return handed_on(seconds);
  auto limit =
      parameters->number("limit", {.otherwise = 10'000, .min = 1, .max = tail_records_max});
  if (!limit) return handed_on(limit);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  const Time now = context.clock->wall();
  const std::string asked = call.request.path + "\n" + question->text;
  Time seen = now - tail_lag;
  if (const auto cursor = parameters->optional_text("cursor")) {
    const auto opened = context.cursors->open_name(*cursor, asked);
    const auto micros = ledger::parse_decimal(opened.value_or(""));
    if (!micros) {
      return bad_request(
          "Parameter 'cursor' is not one that was given for this question; begin "
          "again without it.");
    }
    seen = Time(std::chrono::microseconds(static_cast<std::int64_t>(*micros)));
  }
  auto place = Place::take(tails_, tails_max);
  if (!place) return too_many("tails", tails_max);
  const Stream stream{context,
                      call.credential,
                      *std::move(question),
                      std::move(place),
                      cancel_flag(context, call),
                      look_at_records(context, call, *parameters)};
  const TailSource::Limits limits{.end = now + std::chrono::seconds(*seconds), .records = *limit};
  auto source = std::make_shared<TailSource>(stream, asked, seen, limits);
  return begin(stream, "application/x-ndjson", std::move(source));
}

}  // namespace yunjian::collector
