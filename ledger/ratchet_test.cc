#include "ledger/ratchet.h"

#include <doctest/doctest.h>

#include <map>

#include "ledger/leaves.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

using testing::Fault;
using testing::MemoryFileSystem;
using testing::SeededRandom;

constexpr const char* state_path = "/state/seal";
constexpr const char* frames_path = "/state/frames";
const std::string agent = "5f0c9a00112233445566778899aabbcc";

Ratchet::Content content_of(std::string_view lines, std::uint64_t records) {
  Ratchet::Content content;
  content.root = sha256(lines);
  content.records = records;
  content.sealed = parse_time("2026-11-22T08:16:05.123456Z").value();
  content.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  return content;
}

// The smallest possible owner: frames in one file, each header behind its length; replays its
// "source" (a counter) from the positions.
class Owner {
 public:
  Owner(MemoryFileSystem& files, Random& random) : files_(&files), random_(&random) {}

  Result<void> start() {
    auto ratchet = Ratchet::open(*files_, state_path);
    if (!ratchet) return failure(ratchet);
    ratchet_ = std::make_unique<Ratchet>(std::move(*ratchet));
    auto file = files_->open_append(frames_path, 0600);
    if (!file) return failure(file);
    file_ = std::move(*file);
    auto synced = file_->sync();  // what a recovery adopts must be durable first
    if (!synced) return synced;
    auto headers = read_frames();
    auto kept = file_->truncate(whole_bytes_);
    if (!kept) return kept;
    headers.erase(headers.begin(), headers.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                         headers.size(), ratchet_->next_batch())));
    return ratchet_->recover(headers);
  }

  Result<void> seal(std::uint64_t batches = 1) {
    std::vector<Ratchet::Planned> run;
    for (std::uint64_t i = 1; i <= batches; ++i) {
      const std::string position = std::to_string(ratchet_->next_batch() + i);
      run.push_back({content_of(position, 3), {position, "hour" + position}});
    }
    auto headers = ratchet_->prepare(*random_, std::move(run));
    if (!headers) return failure(headers);
    std::string frames;
    for (const std::string& header : *headers) {
      put_u32be(frames, static_cast<std::uint32_t>(header.size()));
      frames += header;
    }
    auto appended = file_->append(frames);
    if (!appended) return appended;
    auto synced = file_->sync();
    if (!synced) return synced;
    auto named = files_->sync_directory("/state");
    if (!named) return named;
    return ratchet_->commit();
  }

  std::vector<std::string> read_frames() {
    const std::string bytes = files_->content(frames_path).value_or("");
    std::vector<std::string> headers;
    whole_bytes_ = 0;
    while (bytes.size() - whole_bytes_ >= 4) {
      const std::uint32_t size = get_u32be(bytes.data() + whole_bytes_);
      if (bytes.size() - whole_bytes_ - 4 < size) break;
      headers.push_back(bytes.substr(whole_bytes_ + 4, size));
      whole_bytes_ += 4 + size;
    }
    return headers;
  }

  Ratchet& ratchet() { return *ratchet_; }

 private:
  MemoryFileSystem* files_;
  Random* random_;
  std::unique_ptr<Ratchet> ratchet_;
  std::unique_ptr<File> file_;
  std::size_t whole_bytes_ = 0;
};

void enrol(MemoryFileSystem& files, Random& random, std::string* first_public_key) {
  REQUIRE(files.make_directory("/state", 0700));
  REQUIRE(files.sync_directory("/"));
  const auto key = default_suite().generate(random).value();
  *first_public_key = key->public_key();
  REQUIRE(Ratchet::create(files, state_path, {"log.example", agent, 1, sha256("enrolment")}, *key));
}

// Every header signed by the key the one before announced, linked, numbered without holes.
void check_chain(const std::vector<std::string>& headers, const std::string& first_public_key) {
  const auto hasher = default_suite().hasher();
  std::string key = first_public_key;
  Hash previous = sha256("enrolment");
  std::uint64_t record = 0;
  for (std::size_t n = 0; n < headers.size(); ++n) {
    const auto sealed = read_header(headers[n], default_suite()).value();
    REQUIRE(header_signed_by(sealed, default_suite(), "log.example", key));
    CHECK(sealed.header.batch == n);
    CHECK(sealed.header.first_record == record);
    CHECK(sealed.header.previous == previous);
    CHECK(sealed.header.root == sha256(std::to_string(n + 1)));
    key = sealed.header.next_key;
    previous = hasher->leaf(headers[n]);
    record += sealed.header.records;
  }
}

TEST_CASE("a stream's headers chain, and the key that signed is gone from the state") {
  MemoryFileSystem files;
  SeededRandom random(1);
  std::string first;
  enrol(files, random, &first);
  Owner owner(files, random);
  REQUIRE(owner.start());
  std::map<std::string, int> seen;
  for (int n = 0; n < 5; ++n) {
    const std::string before = files.content(state_path).value();
    REQUIRE(owner.seal());
    const std::string after = files.content(state_path).value();
    const auto key_line = [](const std::string& text) {
      const std::size_t at = text.find("\nkey ") + 5;
      return text.substr(at, text.find('\n', at) - at);
    };
    CHECK(after.find(key_line(before)) == std::string::npos);
    CHECK(++seen[key_line(after)] == 1);
  }
  check_chain(owner.read_frames(), first);
  CHECK(owner.ratchet().next_record() == 15);
  CHECK(owner.ratchet().context().positions == "5");
  CHECK(owner.ratchet().context().open_hour == "hour5");
}

// Seals runs of `batches`; cuts the power at every call.
void cut_everywhere(std::uint64_t batches) {
  for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
    for (std::uint64_t nth = 1;; ++nth) {
      MemoryFileSystem files;
      SeededRandom random(nth);
      std::string first;
      enrol(files, random, &first);
      std::vector<std::string> acknowledged;
      std::uint64_t calls_before = 0;
      bool finished = false;
      {
        Owner owner(files, random);
        REQUIRE(owner.start());
        REQUIRE(owner.seal(batches));
        acknowledged = owner.read_frames();
        calls_before = files.changing_calls();
        files.fail_nth(nth, fault);
        finished = owner.seal(batches).has_value() && owner.seal(batches).has_value();
        if (finished) acknowledged = owner.read_frames();
      }
      const bool fault_was_met = files.changing_calls() - calls_before >= nth;
      files.fail_nth(0, Fault::none);
      // Half of the rounds lose what was not synced, the others keep it: both can follow a fault.
      if (nth % 2 == 0) files.crash();

      Owner again(files, random);
      REQUIRE(again.start());
      const auto headers = again.read_frames();
      REQUIRE(headers.size() >= acknowledged.size());
      for (std::size_t i = 0; i < acknowledged.size(); ++i) CHECK(headers[i] == acknowledged[i]);
      CHECK(again.ratchet().next_batch() == headers.size());
      // The context always belongs to the last batch that is really there: its source goes on
      // exactly behind it.
      CHECK(again.ratchet().context().positions == std::to_string(headers.size()));
      REQUIRE(again.seal(batches));
      REQUIRE(again.seal());
      check_chain(again.read_frames(), first);
      if (finished && !fault_was_met) break;
      REQUIRE(nth < 100);
    }
  }
}

TEST_CASE("a power cut at any changing call loses no sealed batch and forges no second one") {
  cut_everywhere(1);
}

TEST_CASE("a power cut at any call of a run of batches keeps those that are whole, in order") {
  cut_everywhere(5);
  cut_everywhere(run_batches_max);
}

TEST_CASE("a run of which the first frames are whole goes on behind them with the same keys") {
  for (std::uint64_t whole = 0; whole <= 4; ++whole) {
    MemoryFileSystem files;
    SeededRandom random(9);
    std::string first;
    enrol(files, random, &first);
    std::vector<std::string> prepared;
    {
      auto ratchet = Ratchet::open(files, state_path).value();
      std::vector<Ratchet::Planned> run;
      for (const char* position : {"1", "2", "3", "4"}) {
        run.push_back({content_of(position, 3), {position, ""}});
      }
      prepared = ratchet.prepare(random, std::move(run)).value();
    }
    std::string frames;
    for (std::uint64_t i = 0; i < whole; ++i) {
      put_u32be(frames, static_cast<std::uint32_t>(prepared[i].size()));
      frames += prepared[i];
    }
    files.overwrite(frames_path, frames);
    Owner owner(files, random);
    REQUIRE(owner.start());
    CHECK(owner.ratchet().next_batch() == whole);
    CHECK(owner.ratchet().next_record() == 3 * whole);
    CHECK(owner.ratchet().context().positions == (whole == 0 ? "" : std::to_string(whole)));
    REQUIRE(owner.seal(2));
    const auto headers = owner.read_frames();
    check_chain(headers, first);
    if (whole < 4) {  // the key announced for the batch behind is the one that was prepared
      CHECK(read_header(headers[whole], default_suite())->header.next_key ==
            read_header(prepared[whole], default_suite())->header.next_key);
    }
  }
}

TEST_CASE("no room for the state is not the end: the same run is sealed once there is room") {
  MemoryFileSystem files;
  SeededRandom random(10);
  std::string first;
  enrol(files, random, &first);
  Owner owner(files, random);
  REQUIRE(owner.start());
  files.set_fault_kind(ErrorKind::full);
  for (const std::uint64_t nth : {1U, 2U}) {  // the temporary file cannot be made, or not filled
    files.fail_nth(nth, Fault::fail);
    const auto refused = owner.seal();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::full);
  }
  REQUIRE(owner.seal());
  files.fail_nth(3, Fault::fail);  // its sync: nobody knows what is on the disk now
  CHECK(owner.seal().error().kind == ErrorKind::fatal);
  CHECK(owner.seal().error().kind == ErrorKind::fatal);
}

TEST_CASE("a torn frame is resealed with the same keys") {
  MemoryFileSystem files;
  SeededRandom random(4);
  std::string first;
  enrol(files, random, &first);
  std::string announced;
  {
    Owner owner(files, random);
    REQUIRE(owner.start());
    const auto header = owner.ratchet().prepare(random, content_of("1", 3), {"1", "hour1"});
    REQUIRE(header);
    announced = read_header(*header, default_suite()).value().header.next_key;
  }  // crash before the frame is written
  Owner again(files, random);
  REQUIRE(again.start());
  CHECK(again.ratchet().context().positions.empty());
  REQUIRE(again.seal());
  const auto sealed = read_header(again.read_frames().front(), default_suite()).value();
  CHECK(sealed.header.next_key == announced);
  check_chain(again.read_frames(), first);
}

TEST_CASE("a stored frame that is not the prepared one is named corrupt, not adopted") {
  MemoryFileSystem files;
  SeededRandom random(5);
  std::string first;
  enrol(files, random, &first);
  auto ratchet = Ratchet::open(files, state_path).value();
  REQUIRE(ratchet.prepare(random, content_of("1", 3), {}));
  auto reopened = Ratchet::open(files, state_path).value();
  CHECK(reopened.in_doubt());
  const auto recovered = reopened.recover({"yunjian/batch/v1\nanother\n"});
  REQUIRE_FALSE(recovered);
  CHECK(recovered.error().kind == ErrorKind::corrupt);
}

TEST_CASE("a damaged state is refused at every bit") {
  MemoryFileSystem files;
  SeededRandom random(6);
  std::string first;
  enrol(files, random, &first);
  const std::string good = files.content(state_path).value();
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string flipped = good;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    files.overwrite(state_path, flipped);
    const auto opened = Ratchet::open(files, state_path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::corrupt);
  }
  files.overwrite(state_path, good);
  CHECK_FALSE(Ratchet::create(files, state_path, {}, *default_suite().generate(random).value()));
}

// The state as the version before wrote it: a run was one batch, and an absent one a dash.
std::string as_version_1(std::string text) {
  const auto replace = [&text](const std::string& old, const std::string& with) {
    const std::size_t at = text.find(old);
    REQUIRE(at != std::string::npos);
    text.replace(at, old.size(), with);
  };
  replace("yunjian/state/v2", "yunjian/state/v1");
  const bool in_doubt = text.find("\nrun 1\n") != std::string::npos;
  replace(in_doubt ? "run 1\n" : "run 0\n", in_doubt ? "" : "prepared -\n");
  text.resize(text.rfind("checksum "));
  return text + "checksum " + to_hex(as_view(sha256(text))) + "\n";
}

TEST_CASE("the state that the version before wrote is read, in doubt or not, and goes on") {
  for (const bool in_doubt : {false, true}) {
    CAPTURE(in_doubt);
    MemoryFileSystem files;
    SeededRandom random(3);
    std::string first;
    enrol(files, random, &first);
    {
      Owner owner(files, random);
      REQUIRE(owner.start());
      REQUIRE(owner.seal());
    }
    if (in_doubt) {
      auto cut = Ratchet::open(files, state_path);
      REQUIRE(cut->prepare(random, content_of("2", 3), {"2", "hour2"}));
    }
    files.overwrite(state_path, as_version_1(files.content(state_path).value()));
    const auto read = Ratchet::open(files, state_path);
    REQUIRE(read);
    CHECK(read->in_doubt() == in_doubt);
    CHECK(read->next_batch() == 1);
    Owner again(files, random);
    REQUIRE(again.start());
    REQUIRE(again.seal());
    CHECK(files.content(state_path)->starts_with("yunjian/state/v2\n"));
    check_chain(again.read_frames(), first);
  }
}

TEST_CASE("a state that a newer version wrote is refused with a text that says so, and stays") {
  MemoryFileSystem files;
  SeededRandom random(7);
  std::string first;
  enrol(files, random, &first);
  std::string text = files.content(state_path).value();
  text.replace(0, text.find('\n'), "yunjian/state/v3");
  text.resize(text.rfind("checksum "));
  text += "checksum " + to_hex(as_view(sha256(text))) + "\n";
  files.overwrite(state_path, text);
  const auto opened = Ratchet::open(files, state_path);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::reject);
  CHECK(opened.error().message.find("it is yunjian/state/v3, this program reads") !=
        std::string::npos);
  CHECK(opened.error().message.find("damaged") == std::string::npos);
  CHECK(files.content(state_path).value() == text);
}

TEST_CASE("only the enrolment that follows the stream is endorsed, by the key announced last") {
  MemoryFileSystem files;
  SeededRandom random(4);
  REQUIRE(files.make_directory("/state", 0700));
  const auto first = default_suite().generate(random).value();
  auto ratchet = Ratchet::create(
      files, state_path, {.origin = "log.example", .agent = agent, .incarnation = 3}, *first);
  REQUIRE(ratchet);
  const auto note = ratchet->prepare(random, content_of("a", 1), {});
  REQUIRE(note);
  const std::string announced = read_header(*note, default_suite())->header.next_key;

  Enrolment next{.origin = "log.example",
                 .agent = agent,
                 .incarnation = 4,
                 .unit = "tax",
                 .host = "web-01",
                 .suite = "ed25519-sha256",
                 .first_key = first->public_key(),
                 .previous = default_suite().hasher()->leaf(*note)};
  CHECK_FALSE(ratchet->endorse(format_enrolment(next)));  // a seal is in doubt
  REQUIRE(ratchet->commit());
  const std::string text = format_enrolment(next);
  const auto line = ratchet->endorse(text);
  REQUIRE(line);
  const Verifier by(default_suite(), agent_key_name("log.example", agent), announced);
  CHECK(by.verify(text, *line));

  next.previous = sha256("what the collector does not have");
  CHECK_FALSE(ratchet->endorse(format_enrolment(next)));
  next.previous = ratchet->previous();
  next.incarnation = 5;
  CHECK_FALSE(ratchet->endorse(format_enrolment(next)));
  CHECK_FALSE(ratchet->endorse("yunjian/batch/v1\n"));
}

}  // namespace
}  // namespace yunjian::ledger
