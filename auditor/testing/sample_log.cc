#include "auditor/testing/sample_log.h"

#include <xxhash.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "ledger/archive/part_manifest.h"
#include "ledger/archive/part_writer.h"
#include "ledger/archive/segment.h"
#include "ledger/archive/tiles.h"
#include "ledger/record.h"
#include "ledger/statement_leaves.h"
#include "ledger/testing/asked_suite.h"

namespace yunjian::auditor::testing {

using ledger::Hash;

namespace {

constexpr std::string_view origin = "sample.example";

ledger::Time sample_time() { return ledger::parse_time("2026-11-22T08:00:00.000000Z").value(); }

void must(const ledger::Result<void>& result) {
  ledger::require(result.has_value(), "the sample log can be written");
}

}  // namespace

const ledger::Suite& sample_suite() { return ledger::testing::asked_suite(); }

SampleLog::SampleLog(std::uint64_t seed, const ledger::Suite& suite)
    : suite_(&suite), random_(seed), key_(suite.generate(random_).value()), now_(sample_time()) {
  log_ = std::make_unique<ledger::Verifier>(suite, std::string(origin), key_->public_key());
  must(state_.make_directory("/state", 0700));
}

ledger::SignatureLine SampleLog::log_line(const std::string& text) const {
  return ledger::sign_line(*log_, *key_, text).value();
}

std::size_t SampleLog::enrol(const std::string& unit, const std::string& host) {
  std::string id(16, '\0');
  random_.fill(std::span(reinterpret_cast<std::uint8_t*>(id.data()), id.size()));
  ledger::Enrolment enrolment;
  enrolment.agent = ledger::to_hex(id);
  enrolment.unit = unit;
  enrolment.host = host;
  return open_stream(std::move(enrolment), nullptr);
}

std::size_t SampleLog::enrol_again(std::size_t stream, bool endorsed) {
  const ledger::Ratchet& before = *streams_[stream].ratchet;
  ledger::Enrolment enrolment;
  enrolment.agent = before.identity().agent;
  enrolment.incarnation = before.identity().incarnation + 1;
  enrolment.unit = streams_[stream].unit;
  enrolment.host = streams_[stream].host;
  enrolment.previous = before.previous();
  if (!endorsed) return open_stream(std::move(enrolment), nullptr);
  return open_stream(std::move(enrolment), stolen_key(stream).get());
}

std::unique_ptr<ledger::PrivateKey> SampleLog::stolen_key(std::size_t stream) const {
  const std::string state = state_.content("/state/" + std::to_string(stream)).value();
  const std::string mark = "\nkey ";
  const std::size_t at = state.find(mark) + mark.size();
  const auto secret = ledger::from_base64(state.substr(at, state.find('\n', at) - at)).value();
  return suite_->load(secret).value();
}

std::size_t SampleLog::open_stream(ledger::Enrolment enrolment,
                                   const ledger::PrivateKey* endorser) {
  const auto first = suite_->generate(random_).value();
  enrolment.origin = origin;
  enrolment.suite = suite_->name();
  enrolment.first_key = first->public_key();
  enrolment.enrolled = now_;
  const std::string text = ledger::format_enrolment(enrolment);
  const auto line_by = [&](const ledger::PrivateKey& key) {
    const ledger::Verifier agent(*suite_, ledger::agent_key_name(origin, enrolment.agent),
                                 key.public_key());
    return ledger::sign_line(agent, key, text).value();
  };
  std::vector<ledger::SignatureLine> lines = {log_line(text), line_by(*first)};
  if (endorser != nullptr) lines.push_back(line_by(*endorser));
  const std::string leaf = ledger::format_note(text, lines);
  const Hash leaf_hash = suite_->hasher()->leaf(leaf);
  auto ratchet = ledger::Ratchet::create(
      state_, "/state/" + std::to_string(streams_.size()),
      {std::string(origin), enrolment.agent, enrolment.incarnation, leaf_hash}, *first);
  streams_.push_back({std::make_unique<ledger::Ratchet>(std::move(ratchet).value()), enrolment.unit,
                      enrolment.host, now_});
  add_note(leaf);
  return streams_.size() - 1;
}

std::size_t SampleLog::add_note(std::string note) {
  entries_.push_back({ledger::WalType::leaf, std::move(note), "", false, "", 0});
  return entries_.size() - 1;
}

std::size_t SampleLog::add_leaf(const std::string& text) {
  return add_note(ledger::format_note(text, {log_line(text)}));
}

std::vector<ledger::RosterLine> SampleLog::agents() const {
  std::map<std::string, ledger::RosterLine> newest;
  for (const Stream& stream : streams_) {
    const auto& identity = stream.ratchet->identity();
    ledger::RosterLine line{identity.agent, identity.incarnation, std::nullopt,
                            now_ - stream.last < std::chrono::seconds(180)};
    if (stream.ratchet->next_batch() > 0) line.batch = stream.ratchet->next_batch() - 1;
    newest.insert_or_assign(identity.agent, line);
  }
  std::vector<ledger::RosterLine> lines;
  for (const auto& [id, line] : newest) {
    // The stream that leaf 0 opens is the collector's own.
    if (id != streams_.front().ratchet->identity().agent) lines.push_back(line);
  }
  return lines;
}

std::size_t SampleLog::add_roster(const std::vector<ledger::RosterLine>& lines, bool all) {
  std::string text;
  for (const ledger::RosterLine& line : lines) ledger::append_roster_line(text, line);
  keep_list(text);
  const auto head = ledger::list_head(text, *suite_->hasher()).value();
  return add_leaf(ledger::format_roster({now_, leaf_hashes().size(), all, head}));
}

std::size_t SampleLog::retire(std::size_t stream) {
  const ledger::Ratchet& at = *streams_[stream].ratchet;
  return add_leaf(ledger::format_retirement(
      {at.identity().agent, at.identity().incarnation, at.next_batch(), at.previous(), now_}));
}

void SampleLog::keep_list(const std::string& lines) {
  const auto head = ledger::list_head(lines, *suite_->hasher()).value();
  lists_[ledger::list_file_name(head.root)] = lines;
}

std::size_t SampleLog::seal(std::size_t stream, const std::vector<std::string>& lines,
                            bool hollow) {
  ledger::Ratchet& ratchet = *streams_[stream].ratchet;
  const auto hasher = suite_->hasher();
  ledger::Ratchet::Content content;
  content.root = ledger::lines_root(*hasher, {lines.begin(), lines.end()});
  content.records = lines.size();
  content.sealed = now_;
  streams_[stream].last = now_;
  content.flags = std::exchange(flags, {});
  content.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const std::string header = ratchet.prepare(random_, content, {}).value();
  must(ratchet.commit());
  std::string joined;
  for (const std::string& line : lines) joined += (joined.empty() ? "" : "\n") + line;
  std::string body;
  ledger::BodyEncoder encoder;
  must(encoder.encode(joined, body));
  entries_.push_back(
      {ledger::WalType::batch, header, body, hollow, stream_id(stream), ratchet.next_batch() - 1});
  return entries_.size() - 1;
}

std::string SampleLog::random_line(std::size_t bytes) {
  std::string raw(bytes / 2, '\0');
  random_.fill(std::span(reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()));
  std::string out;
  ledger::RecordWriter writer(out, sample_time(), "event");
  writer.text("source", "file").text("log", "/var/log/a").message(ledger::to_hex(raw)).finish();
  return out;
}

std::string SampleLog::gap_line(const std::string& batches) {
  std::string out;
  ledger::RecordWriter writer(out, sample_time(), "agent");
  writer.text("what", "gap").text("batches", batches).text("cause", "spool-full").finish();
  return out;
}

std::string SampleLog::checkpoint_line(const std::string& note) {
  std::string out;
  ledger::RecordWriter writer(out, now_, "agent");
  writer.text("what", "checkpoint").text("checkpoint", note).finish();
  return out;
}

std::string SampleLog::stream_id(std::size_t stream) const {
  const auto& identity = streams_[stream].ratchet->identity();
  return ledger::stream_id(identity.agent, identity.incarnation);
}

std::vector<Hash> SampleLog::leaf_hashes() const {
  const auto hasher = suite_->hasher();
  std::vector<Hash> hashes;
  for (const Entry& entry : entries_) {
    if (entry.type != ledger::WalType::body_fill) hashes.push_back(hasher->leaf(entry.leaf));
  }
  return hashes;
}

void SampleLog::write(std::size_t frames_per_segment) { write_with_part(0, frames_per_segment); }

void SampleLog::write_with_part(std::size_t filed, std::size_t frames_per_segment) {
  for (const char* directory : {"/data", "/data/wal", "/data/parts"}) {
    must(files_.make_directory(directory, 0700));
  }
  for (const std::string& path : files_.paths()) must(files_.remove(path));
  if (filed > 0) write_part(filed);
  write_segments({filed, filed > 0 ? 1U : 0U}, frames_per_segment);
  write_tree();
}

void SampleLog::write_tree() {
  const auto hashes = leaf_hashes();
  const auto leaf = [&](std::uint64_t index) -> ledger::Result<Hash> { return hashes[index]; };
  const auto tiles = ledger::TileStore::open(files_, "/data", *suite_, {hashes.size(), leaf});
  ledger::require(tiles.has_value(), "the sample log's tiles can be written");
  write_checkpoint(hashes);
  for (const auto& [name, lines] : lists_) files_.overwrite("/data/lists/" + name, lines);
}

// As a collector places a line: by its kind, at its time.
ledger::PartLine SampleLog::part_line(std::string_view line) const {
  ledger::PartLine placed{line, ledger::PartLane::event, sample_time()};
  const auto record = ledger::parse_record(line);
  if (!record) return placed;
  const auto kind = (*record)->find("kind");
  if (kind == "usage") placed.lane = ledger::PartLane::usage;
  if (kind == "usage_hour") placed.lane = ledger::PartLane::hour;
  if (const auto text = (*record)->find("time")) {
    placed.time = ledger::parse_time(*text).value_or(placed.time);
  }
  return placed;
}

void SampleLog::write_part(std::size_t filed) {
  ledger::PartWriter::Options options;
  options.leaf_end = static_cast<std::uint64_t>(
      std::count_if(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(filed),
                    [](const Entry& entry) { return entry.type != ledger::WalType::body_fill; }));
  options.suite = suite_;
  options.rule_version = rules.version;
  options.derive = rules.derive;
  auto writer = ledger::PartWriter::create(files_, "/data/parts", options);
  ledger::require(writer.has_value(), "the sample log's part can be created");
  std::vector<std::pair<ledger::PartRow, const Entry*>> rows;
  std::uint64_t leaf = 0;
  for (std::size_t i = 0; i < filed; ++i) {
    const Entry& entry = entries_[i];
    if (entry.type == ledger::WalType::leaf) {
      must((*writer)->add_leaf({leaf++, sample_time(), entry.leaf}));
    } else if (entry.type == ledger::WalType::batch) {
      const auto header = ledger::read_header(entry.leaf, *suite_).value().header;
      ledger::PartRow row;
      row.unit = "unit";
      row.host = "host";
      row.stream = ledger::stream_id(header.agent, header.incarnation);
      row.batch = header.batch;
      row.first_record = header.first_record;
      row.records = header.records;
      row.received = sample_time();
      row.leaf = leaf++;
      row.hollow = entry.hollow;
      rows.emplace_back(row, &entry);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.stream, a.first.batch) < std::tie(b.first.stream, b.first.batch);
  });
  ledger::BodyDecoder decoder;
  for (const auto& [row, entry] : rows) {
    std::string joined;
    std::vector<ledger::PartLine> lines;
    if (!entry->hollow && row.records > 0) {
      must(decoder.decode(entry->body, joined));
      const auto split = ledger::split_lines(joined, row.records).value();
      for (const std::string_view line : split) {
        lines.push_back(part_line(line));
      }
    }
    must((*writer)->add(row, entry->leaf, lines));
  }
  ledger::require((*writer)->finish().has_value(), "the sample log's part can be written");
  std::string streams = "the streams";
  ledger::put_u64be(streams, XXH3_64bits(streams.data(), streams.size()));
  files_.overwrite("/data/parts/streams.1", streams);
  must(ledger::write_manifest(files_, "/data",
                              {1, 1, options.leaf_end, 1, {{0, 0, 0, options.leaf_end}}}));
}

void SampleLog::write_segments(const Range& from, std::size_t frames_per_segment) {
  for (std::size_t first = from.first_entry; first < entries_.size(); first += frames_per_segment) {
    const std::uint64_t number =
        from.first_segment + (first - from.first_entry) / frames_per_segment;
    auto segment =
        ledger::SegmentWriter::create(files_, "/data/wal/" + ledger::segment_name(number), number);
    ledger::require(segment.has_value(), "the sample log's segment can be created");
    const std::size_t end = std::min(entries_.size(), first + frames_per_segment);
    for (std::size_t i = first; i < end; ++i) {
      const Entry& entry = entries_[i];
      ledger::WalEntry wal = ledger::WalLeaf{sample_time(), entry.leaf};
      if (entry.type == ledger::WalType::batch) {
        wal = ledger::WalBatch{sample_time(),
                               {},
                               entry.hollow,
                               "unit",
                               "host",
                               entry.leaf,
                               entry.hollow ? std::string_view() : entry.body};
      } else if (entry.type == ledger::WalType::body_fill) {
        wal = ledger::WalBodyFill{sample_time(), {}, entry.batch, entry.stream, entry.body};
      }
      std::string head;
      ledger::encode_wal_head(wal, head);
      const auto type = static_cast<std::uint8_t>(ledger::wal_type(wal));
      ledger::require(segment->append(type, head, ledger::wal_tail(wal)).has_value(), "appended");
    }
    must(segment->sync());
  }
}

void SampleLog::write_checkpoint(const std::vector<Hash>& leaves) {
  files_.overwrite("/data/checkpoint", checkpoint_over(leaves));
}

std::string SampleLog::checkpoint_note() const { return checkpoint_over(leaf_hashes()); }

std::string SampleLog::checkpoint_over(const std::vector<Hash>& leaves) const {
  const auto hasher = suite_->hasher();
  const std::string text = ledger::format_checkpoint(
      {std::string(origin), {leaves.size(), ledger::merkle_root(*hasher, leaves)}, {}});
  return ledger::format_note(text, {log_line(text)});
}

}  // namespace yunjian::auditor::testing
