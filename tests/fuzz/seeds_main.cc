// yunjian-fuzz-seeds DIR: seeds of the formats that are no text, one directory for each target.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "ledger/archive/header_block.h"
#include "ledger/archive/lane_block.h"
#include "ledger/archive/part_writer.h"
#include "ledger/archive/segment.h"
#include "ledger/archive/wal_entry.h"
#include "ledger/batch.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/record.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/wire.h"

namespace {

using namespace yunjian::ledger;

const Time start = parse_time("2026-11-22T08:00:00.000000Z").value();

void must(const Result<void>& done) { require(done.has_value(), done ? "" : done.error().message); }

struct Batch {
  PartRow row;
  std::string note;
  std::string body;
  std::vector<PartLine> lines;
  std::vector<std::string> texts;
};

std::string event(std::size_t n) {
  std::string line;
  RecordWriter(line, start + std::chrono::seconds(n), "event")
      .text("source", "file")
      .text("log", "/var/log/auth.log")
      .message(fmt::format("Failed password for user{} from 10.0.0.{} 登录", n % 3, n))
      .finish();
  return line;
}

// One signed batch of a few events.
Batch sealed() {
  const Suite& suite = default_suite();
  testing::SeededRandom random(7);
  const auto key = suite.generate(random).value();
  Batch batch;
  for (std::size_t n = 0; n < 8; ++n) batch.texts.push_back(event(n));
  batch.texts.emplace_back("no record at all");
  BatchHeader header;
  header.agent = std::string(32, 'a');
  header.sealed = start;
  header.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  header.records = batch.texts.size();
  header.next_key = key->public_key();
  const auto hasher = suite.hasher();
  header.root = lines_root(*hasher, {batch.texts.begin(), batch.texts.end()});
  const std::string text = format_header(header);
  const Verifier identity(suite, agent_key_name("log.test", header.agent), key->public_key());
  batch.note = format_note(text, {sign_line(identity, *key, text).value()});
  std::string joined;
  for (const std::string& line : batch.texts) joined += (joined.empty() ? "" : "\n") + line;
  BodyEncoder encoder;
  must(encoder.encode(joined, batch.body));
  batch.row.unit = "tax";
  batch.row.host = "web-01";
  batch.row.stream = stream_id(header.agent, 1);
  batch.row.records = header.records;
  batch.row.received = start;
  batch.row.leaf = 1;
  for (std::size_t n = 0; n < batch.texts.size(); ++n) {
    batch.lines.push_back({batch.texts[n], PartLane::event, start + std::chrono::seconds(n)});
  }
  return batch;
}

class Seeds {
 public:
  explicit Seeds(std::string directory) : directory_(std::move(directory)) {}
  void put(const std::string& target, const std::string& name, std::string_view bytes) {
    must(files_.make_directory(directory_, 0755));
    must(files_.make_directory(directory_ + "/" + target, 0755));
    must(replace_file(files_, fmt::format("{}/{}/{}", directory_, target, name), bytes, 0644));
  }

 private:
  PosixFileSystem files_;
  const std::string directory_;
};

void put_part(Seeds& seeds, const Batch& batch) {
  testing::MemoryFileSystem files;
  must(files.make_directory("/parts", 0700));
  PartWriter::Options options;
  options.number = 1;
  options.day = 20779;
  options.first_leaf = 1;
  options.leaf_end = 2;
  options.suite = &default_suite();
  auto writer = PartWriter::create(files, "/parts", options).value();
  must(writer->add(batch.row, batch.note, batch.lines));
  const PartFooter footer = writer->finish().value();
  seeds.put("part_file", "one", files.read_file("/parts/" + part_name(1)).value());
  seeds.put("part", "footer", std::string(1, '\0') + encode_footer(footer));
  seeds.put("part", "leaves", '\3' + encode_leaves({{1, start, "yunjian/other/v1\nleaf\n"}}));
  seeds.put("part", "fork", '\4' + encode_fork_body({start, 3, Hash{1}, batch.row.stream, "body"}));
  Packer packer(3);
  const auto hasher = default_suite().hasher();
  HeaderBlockBuilder headers(default_suite(), *hasher);
  headers.add(batch.row, batch.note);
  seeds.put("part", "headers", '\5' + headers.finish(packer));
  LaneBlockBuilder lane(3);
  lane.begin_run({.stream = batch.row.stream, .host = "web-01", .received = start});
  for (std::size_t n = 0; n < batch.texts.size(); ++n) {
    lane.add({n, start + std::chrono::seconds(n), batch.texts[n]}, nullptr);
  }
  seeds.put("part", "lane", '\6' + lane.finish(packer, nullptr));
}

void put_segment(Seeds& seeds, const Batch& batch) {
  testing::MemoryFileSystem files;
  auto writer = SegmentWriter::create(files, "/1.seg", 1).value();
  const WalEntry entry = WalBatch{
      .received = start, .unit = "tax", .host = "web-01", .header = batch.note, .body = batch.body};
  std::string head;
  encode_wal_head(entry, head);
  require(writer.append(1, head, wal_tail(entry)).has_value(), "a frame is appended");
  must(writer.sync());
  seeds.put("segment", "one", files.read_file("/1.seg").value());
  seeds.put("segment", "entry", '\1' + head + std::string(wal_tail(entry)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "yunjian-fuzz-seeds DIR\n");
    return 64;
  }
  Seeds seeds(argv[1]);
  const Batch batch = sealed();
  std::string post;
  append_frame(post, batch.note, batch.body);
  append_frame(post, batch.note, "");
  seeds.put("frame", "two", post);
  seeds.put("body", "one", batch.body);
  seeds.put("note", "header", batch.note);
  put_part(seeds, batch);
  put_segment(seeds, batch);
  return 0;
}
