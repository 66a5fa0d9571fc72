#include <doctest/doctest.h>
#include <xxhash.h>

#include <algorithm>

#include "ledger/archive/bloom.h"
#include "ledger/archive/part_index.h"
#include "ledger/archive/part_reader.h"
#include "ledger/archive/part_writer.h"
#include "ledger/archive/tokens.h"
#include "ledger/record.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

using testing::MemoryFileSystem;

const Time start = parse_time("2026-11-22T08:00:00.000000Z").value();

constexpr std::string_view example_block =
    "0000008c02a80101000c0c018080d2d29bb6b00680897a0003030150020122616161616161616161"
    "61616161616161616161616161616161616161616161612e3101067765622d303101001111010001"
    "00010e018080d2d29bb6b006010401030001020004040000000002046b696e6401010205a14183d2"
    "c29a9a96076d6573736167650102022d6a5668dd02d4a09767cc1562e14d7fd76576656e74020024"
    "24116c6f67696e203137206f66207573657234116c6f67696e203138206f66207573657234000202"
    "0001";

struct Batch {
  PartRow row;
  std::string note;
  std::vector<std::string> lines;
  std::vector<PartLane> lanes;
  std::vector<Time> times;

  std::vector<PartLine> part_lines() const {
    std::vector<PartLine> out;
    for (std::size_t i = 0; i < lines.size(); ++i) out.push_back({lines[i], lanes[i], times[i]});
    return out;
  }
};

// One agent that seals batches, header after header.
struct Agent {
  std::string unit, host, id;
  const Suite& suite;
  testing::SeededRandom random;
  std::unique_ptr<PrivateKey> key;
  BatchHeader next;

  Agent(std::string the_unit, std::string the_host, char digit,
        const Suite& the_suite = default_suite())
      : unit(std::move(the_unit)),
        host(std::move(the_host)),
        id(32, digit),
        suite(the_suite),
        random(static_cast<unsigned char>(digit)) {
    key = suite.generate(random).value();
    next.agent = id;
    next.sealed = start;
    next.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  }

  Batch seal(std::vector<std::string> lines, std::uint64_t leaf) {
    const auto hasher = suite.hasher();
    next.records = lines.size();
    next.root = lines_root(*hasher, {lines.begin(), lines.end()});
    auto following = suite.generate(random).value();
    next.next_key = following->public_key();
    const std::string text = format_header(next);
    const Verifier identity(suite, agent_key_name("log.test", id), key->public_key());
    Batch batch;
    auto line = sign_line(identity, *key, text);
    REQUIRE_MESSAGE(line, (line ? "" : line.error().message));
    batch.note = format_note(text, {*line});
    batch.row.unit = unit;
    batch.row.host = host;
    batch.row.stream = stream_id(id, 1);
    batch.row.batch = next.batch;
    batch.row.first_record = next.first_record;
    batch.row.records = next.records;
    batch.row.received = next.sealed + std::chrono::milliseconds(7);
    batch.row.leaf = leaf;
    batch.lines = std::move(lines);
    next.previous = hasher->leaf(batch.note);
    key = std::move(following);
    ++next.batch;
    next.first_record += next.records;
    next.sealed += std::chrono::seconds(60);
    next.boot_ms += 60000;
    return batch;
  }
};

void add_line(Batch& batch, PartLane lane, Time time) {
  batch.lanes.push_back(lane);
  batch.times.push_back(time);
}

std::string usage_line(Time time, std::uint64_t n) {
  std::string line;
  RecordWriter(line, time, "usage")
      .integer("interval_s", 60)
      .decimal("cpu.used", 1.25 + double(n))
      .finish();
  return line;
}

std::string event_line(Time time, std::string_view message) {
  std::string line;
  RecordWriter(line, time, "event")
      .text("source", "file")
      .text("log", "/var/log/a")
      .message(message)
      .finish();
  return line;
}

// Batches of all kinds of several hosts, in the order of a part.
std::vector<Batch> sample(std::size_t per_agent, const Suite& suite = default_suite()) {
  std::vector<Batch> all;
  std::uint64_t leaf = 100;
  for (auto& agent : std::vector<std::unique_ptr<Agent>>([&] {
         std::vector<std::unique_ptr<Agent>> agents;
         agents.push_back(std::make_unique<Agent>("tax", "web-01", 'a', suite));
         agents.push_back(std::make_unique<Agent>("tax", "web-02", 'b', suite));
         agents.push_back(std::make_unique<Agent>("water", "db-01", 'c', suite));
         return agents;
       }())) {
    for (std::size_t i = 0; i < per_agent; ++i) {
      const Time time = agent->next.sealed;
      std::vector<std::string> lines;
      Batch shape;
      for (std::size_t n = 0; n < i % 5; ++n) {
        lines.push_back(event_line(
            time + std::chrono::seconds(n),
            "login " + std::to_string(i) + " of user " + std::to_string(n) + " \"登录\" \x01"));
        add_line(shape, PartLane::event, time + std::chrono::seconds(n));
      }
      lines.push_back(usage_line(time, i));
      add_line(shape, PartLane::usage, time);
      if (i % 7 == 0) {
        lines.push_back(i % 2 == 0 ? "no record \xff at all" : R"({"b" : 1, "a":"\u4e2d"})");
        add_line(shape, PartLane::event, time);
      }
      if (i % 11 == 3) {
        lines.clear();
        shape = {};
      }
      Batch batch = agent->seal(lines, leaf++);
      batch.lanes = shape.lanes;
      batch.times = shape.times;
      if (i % 13 == 4 && !batch.lines.empty()) {
        batch.row.hollow = true;
        batch.lines.clear();
      }
      all.push_back(std::move(batch));
    }
  }
  return all;
}

PartWriter::Options options(const Suite& suite, std::uint64_t leaves) {
  PartWriter::Options out;
  out.number = 5;
  out.day = 20779;
  out.first_leaf = 99;
  out.leaf_end = 100 + leaves;
  out.suite = &suite;
  out.rule_version = 3;
  out.derive = [](const ParsedRecord& record, std::vector<ExtraField>& fields) {
    const auto message = record.find("message").value_or("");
    if (message.find("user") != std::string_view::npos) {
      fields.push_back({"actor.user.name", std::string(message.substr(message.find("user"), 6))});
    }
  };
  return out;
}

std::shared_ptr<const PartReader> write(MemoryFileSystem& files, const std::vector<Batch>& batches,
                                        const Suite& suite = default_suite()) {
  REQUIRE(files.make_directory("/parts", 0700));
  auto writer = PartWriter::create(files, "/parts", options(suite, batches.size()));
  REQUIRE(writer);
  for (const Batch& batch : batches) {
    const auto added = (*writer)->add(batch.row, batch.note, batch.part_lines());
    REQUIRE_MESSAGE(added, (added ? "" : added.error().message));
  }
  REQUIRE((*writer)->add_leaf({99, start, "yunjian/other/v1\nleaf\n"}));
  REQUIRE((*writer)->add_fork_body({start, 3, Hash{1}, batches[0].row.stream, "body"}));
  REQUIRE((*writer)->finish());
  auto reader = PartReader::open(files, "/parts", 5);
  REQUIRE_MESSAGE(reader, (reader ? "" : reader.error().message));
  return *reader;
}

void check_all(const std::shared_ptr<const PartReader>& part, const std::vector<Batch>& batches) {
  PartCursor cursor(part);
  for (const Batch& batch : batches) {
    const auto more = cursor.next();
    REQUIRE_MESSAGE(more, (more ? "" : more.error().message));
    REQUIRE(*more);
    CHECK(cursor.row().stream == batch.row.stream);
    CHECK(cursor.row().batch == batch.row.batch);
    CHECK(cursor.row().unit == batch.row.unit);
    CHECK(cursor.row().host == batch.row.host);
    CHECK(cursor.row().received == batch.row.received);
    CHECK(cursor.row().hollow == batch.row.hollow);
    REQUIRE(cursor.note() == batch.note);
    REQUIRE(cursor.lines().size() == batch.lines.size());
    for (std::size_t i = 0; i < batch.lines.size(); ++i) {
      REQUIRE(cursor.lines()[i].line == batch.lines[i]);
      CHECK(cursor.lines()[i].lane == batch.lanes[i]);
      CHECK(cursor.lines()[i].time == batch.times[i]);
    }
  }
  const auto end = cursor.next();
  REQUIRE_MESSAGE(end, (end ? "" : end.error().message));
  CHECK(!*end);
}

TEST_CASE("a part gives back every header and line byte for byte") {
  for (const Suite* suite : all_suites()) {
    MemoryFileSystem files;
    const auto batches = sample(60, *suite);
    const auto part = write(files, batches, *suite);
    check_all(part, batches);
    CHECK(part->check(files));
    CHECK(part->footer().batches == batches.size());
  }
}

TEST_CASE("a part that was finished is there after a power cut") {
  MemoryFileSystem files;
  const auto batches = sample(20, default_suite());
  write(files, batches);
  REQUIRE(files.sync_directory("/"));
  files.crash();
  const auto part = PartReader::open(files, "/parts", 5);
  REQUIRE_MESSAGE(part, (part ? "" : part.error().message));
  check_all(*part, batches);
}

TEST_CASE("headers of one stream take little more than keys, roots and signatures") {
  MemoryFileSystem files;
  Agent agent("tax", "web-01", 'a');
  std::vector<Batch> batches;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    Batch batch = agent.seal({usage_line(agent.next.sealed, i)}, 100 + i);
    add_line(batch, PartLane::usage, agent.next.sealed - std::chrono::seconds(60));
    batches.push_back(std::move(batch));
  }
  const auto part = write(files, batches);
  check_all(part, batches);
  CHECK(part->footer().header_bytes / 1024 < 32 + 32 + 64 + 12);
}

TEST_CASE("batches, records and leaves are found by their numbers") {
  MemoryFileSystem files;
  const auto batches = sample(60);
  const auto part = write(files, batches);
  for (const Batch& batch : batches) {
    const auto found = part->find_batch(batch.row.stream, batch.row.batch, false);
    REQUIRE(found);
    REQUIRE(found->has_value());
    CHECK((*found)->note == batch.note);
    CHECK(part->leaf(batch.row.leaf) == batch.note);
    if (batch.row.hollow) continue;
    CHECK(part->lines((*found)->row) == batch.lines);
    if (batch.row.records == 0) continue;
    const auto record = part->find_record(batch.row.stream, batch.row.first_record);
    REQUIRE(record);
    REQUIRE(record->has_value());
    CHECK((*record)->row.batch == batch.row.batch);
  }
  CHECK(part->leaf(99) == "yunjian/other/v1\nleaf\n");
  CHECK(!part->leaf(98));
  CHECK(part->fork_body(0)->body == "body");
  CHECK(!part->find_batch(batches[0].row.stream, 60, false)->has_value());
  CHECK(!part->find_batch(stream_id(std::string(32, 'd'), 1), 0, false)->has_value());
}

TEST_CASE("a late body lies beside the batches without being one") {
  MemoryFileSystem files;
  auto batches = sample(2);
  Batch fill = batches.back();
  fill.row.fill = true;
  fill.row.leaf = no_part_leaf;
  fill.note.clear();
  batches.pop_back();
  batches.push_back(fill);
  const auto part = write(files, batches);
  check_all(part, batches);
  CHECK(!part->find_batch(fill.row.stream, fill.row.batch, false)->has_value());
  const auto found = part->find_batch(fill.row.stream, fill.row.batch, true);
  REQUIRE(found->has_value());
  CHECK(part->lines((*found)->row) == fill.lines);
}

TEST_CASE("derived fields lie beside the records with the version of their rules") {
  MemoryFileSystem files;
  const auto part = write(files, sample(30));
  const auto entry = part->lane_entry(0, 0);
  REQUIRE(entry);
  auto block = part->lane_block(*entry);
  REQUIRE(block);
  CHECK(block->rule_version() == 3);
  const auto fields = block->fields("actor.user.name");
  REQUIRE(fields);
  REQUIRE(fields->size() == 1);
  REQUIRE(block->load_derived());
  REQUIRE(block->load_lines());
  std::size_t seen = 0;
  for (std::size_t row = 0; row < block->rows(); ++row) {
    std::vector<ExtraField> derived;
    block->derived(row, derived);
    std::string line;
    block->append_line(row, line);
    REQUIRE(derived.size() == (line.find("user") == std::string::npos ? 0U : 1U));
    if (!derived.empty()) ++seen;
  }
  CHECK(seen > 10);
}

TEST_CASE("every flipped bit and every cut of a part is noticed") {
  MemoryFileSystem files;
  const auto batches = sample(12);
  write(files, batches);
  const std::string path = "/parts/" + part_name(5);
  const std::string good = *files.content(path);
  const auto passes = [&](const std::string& bytes) {
    files.overwrite(path, bytes);
    const auto part = PartReader::open(files, "/parts", 5);
    return part && (*part)->check(files);
  };
  REQUIRE(passes(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    REQUIRE_MESSAGE(!passes(bad), i);
    if (i % 7 == 0) REQUIRE_MESSAGE(!passes(good.substr(0, i)), i);
  }
  CHECK(!passes(good + std::string(8, '\0')));
}

// README.md shows these bytes.
TEST_CASE("the worked example of a block") {
  LaneBlockBuilder builder(1);
  builder.begin_run({stream_id(std::string(32, 'a'), 1), "web-01", 7, start, 0, 0});
  for (std::uint64_t i = 0; i < 2; ++i) {
    const Time time = start + std::chrono::seconds(i);
    std::string line;
    RecordWriter(line, time, "event")
        .message("login " + std::to_string(17 + i) + " of user4")
        .finish();
    builder.add({40 + i, time, line}, nullptr);
  }
  Packer packer(3);
  CHECK(to_hex(builder.finish(packer, nullptr)) == example_block);
}

std::string with_checksum(const std::string& head, const std::string& columns) {
  std::string block;
  put_u32be(block, static_cast<std::uint32_t>(head.size()));
  block += head;
  put_u64be(block, XXH3_64bits(head.data(), head.size()));
  return block + columns;
}

// What a hostile writer makes has good checksums: the decoders alone must hold.
TEST_CASE("hostile blocks are errors, never more") {
  MemoryFileSystem files;
  const auto part = write(files, sample(20));
  LaneBlockBuilder builder(1);
  builder.begin_run({"s.1", "h", 1, start, 0, 0});
  for (std::uint64_t i = 0; i < 50; ++i) {
    builder.add({i, start, event_line(start, "message " + std::to_string(i))}, nullptr);
  }
  Packer packer(1);
  const std::string lane = builder.finish(packer, nullptr);
  const std::uint64_t front = LaneBlock::front_bytes(lane).value();
  const std::string footer = encode_footer(part->footer());
  testing::SeededRandom random(4);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = i % 2 == 0 ? lane.substr(4, front - 12) : footer;
    const std::size_t at = random_below(random, bad.size());
    if (i % 5 == 0) bad.resize(at);
    if (i % 5 != 0) bad[at] = static_cast<char>(random_below(random, 256));
    if (i % 2 != 0) {
      (void)decode_footer(bad);
      (void)decode_lane_index(bad);
      (void)decode_streams(bad);
      (void)decode_leaves(bad);
      (void)decode_fork_body(bad);
      (void)HeaderBlock::open(bad);
      continue;
    }
    auto block = LaneBlock::open_whole(with_checksum(bad, lane.substr(front)));
    if (!block || !block->load_lines()) continue;
    std::string line;
    for (std::size_t row = 0; row < block->rows(); ++row) block->append_line(row, line);
  }
}

// As a collector gives times: a line without one has that of its commit.
std::vector<Batch> timed_sample(std::size_t per_agent, const Suite& suite = default_suite()) {
  auto batches = sample(per_agent, suite);
  for (Batch& batch : batches) {
    for (std::size_t i = 0; i < batch.lines.size(); ++i) {
      if (!batch.lines[i].starts_with("{\"time\"")) batch.times[i] = batch.row.received;
    }
  }
  return batches;
}

IndexRules rules_of(const PartWriter::Options& options) {
  return {options.rule_version, options.derive};
}

// The faults of a part, one a line.
std::string index_faults(const std::shared_ptr<const PartReader>& part,
                         const IndexRules& rules = rules_of(options(default_suite(), 0))) {
  const auto check = check_part_index(part, rules);
  REQUIRE_MESSAGE(check, (check ? "" : check.error().message));
  CHECK(check->kept.size() == std::min<std::uint64_t>(check->faults, index_faults_max));
  std::string all;
  for (const std::string& text : check->kept) all += text + "\n";
  return all;
}

// The frame at `offset` with another payload of the same length, under a good checksum.
void put_payload(std::string& file, std::uint64_t offset, std::string_view payload) {
  const std::size_t padded = (payload.size() + 7) / 8 * 8;
  file.replace(offset + 8, payload.size(), payload);
  std::string checksum;
  put_u64be(checksum, XXH3_64bits_withSeed(file.data() + offset, 8 + padded,
                                           (std::uint64_t{5} << 40) ^ offset));
  file.replace(offset + 8 + padded, 8, checksum);
}

std::shared_ptr<const PartReader> reopen(MemoryFileSystem& files, std::string bytes) {
  files.overwrite("/parts/" + part_name(5), std::move(bytes));
  auto part = PartReader::open(files, "/parts", 5);
  REQUIRE_MESSAGE(part, (part ? "" : part.error().message));
  REQUIRE((*part)->check(files));  // nothing is damaged
  return *part;
}

TEST_CASE("an honest part's index follows from its lines, in each suite") {
  for (const Suite* suite : all_suites()) {
    MemoryFileSystem files;
    const auto part = write(files, timed_sample(60, *suite), *suite);
    CHECK(index_faults(part) == "");
    const auto check = check_part_index(part, {});
    REQUIRE(check);
    CHECK(check->blocks > 3);
    CHECK(check->rows > 100);
    CHECK_FALSE(check->other_rules);
  }
}

TEST_CASE("a derived field that does not follow from its record is named with the record") {
  MemoryFileSystem files;
  const auto batches = timed_sample(30);
  const auto part = write(files, batches);
  IndexRules honest = rules_of(options(default_suite(), 0));
  const auto said = honest.derive;
  honest.derive = [&](const ParsedRecord& record, std::vector<ExtraField>& fields) {
    said(record, fields);
    if (!fields.empty() && record.find("message")->find("login 6 of user 0") == 0) {
      fields.back().value = "user x";
    }
  };
  const std::string faults = index_faults(part, honest);
  CHECK(std::ranges::count(faults, '\n') == 3);  // one of each agent
  CHECK(faults.find("actor.user.name is not what follows") != std::string::npos);
  CHECK(faults.find(batches[6].row.stream + " record " +
                    std::to_string(batches[6].row.first_record)) != std::string::npos);
  honest.version = 4;
  const auto others = check_part_index(part, honest);
  REQUIRE(others);
  CHECK(others->faults == 0);
  CHECK(others->other_rules);
}

TEST_CASE("times that are not those of the lines are told") {
  MemoryFileSystem files;
  auto batches = timed_sample(30);
  const auto whole = std::ranges::find_if(batches, [](const Batch& batch) {
    return std::ranges::find(batch.lines, "no record \xff at all") != batch.lines.end();
  });
  REQUIRE(whole != batches.end());
  whole->times.back() += std::chrono::hours(24);  // hides it from a search by time
  const std::string faults = index_faults(write(files, batches));
  CHECK(faults.find("its time") != std::string::npos);
  CHECK(faults.find(whole->row.stream) != std::string::npos);
}

TEST_CASE("a token filter, an index and a map that hide records are told") {
  MemoryFileSystem files;
  const auto part = write(files, timed_sample(30));
  const std::string path = "/parts/" + part_name(5);
  const std::string good = *files.content(path);
  const auto entries = part->lane_group(0, 0);
  REQUIRE(entries);

  std::string bad = good;
  const LaneEntry& first = (*entries)->front();
  std::string blooms = read_frame(**files.open_read(path), 5, first.bloom_offset - 8)->payload;
  const std::uint64_t another = token_hash("another");
  blooms.replace(0, bloom_line_bytes, make_bloom({&another, 1}));
  put_payload(bad, first.bloom_offset - 8, blooms);
  CHECK(index_faults(reopen(files, bad)).find("event block 0: its token filter") !=
        std::string::npos);

  bad = good;
  auto moved = **entries;
  moved[0].facts.time_min += std::chrono::microseconds(1);
  put_payload(bad, part->footer().lane_groups[0][0].offset, encode_lane_index(moved));
  CHECK(index_faults(reopen(files, bad)).find("event block 0") != std::string::npos);

  bad = good;
  auto streams = part->stream_group(0);
  REQUIRE(streams);
  --streams->front().last_batch;
  put_payload(bad, part->footer().stream_groups[0].offset, encode_streams(*streams));
  CHECK(index_faults(reopen(files, bad)).find("stream index 0") != std::string::npos);
  CHECK(index_faults(reopen(files, good)) == "");
}

}  // namespace
}  // namespace yunjian::ledger
