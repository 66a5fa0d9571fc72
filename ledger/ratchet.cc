#include "ledger/ratchet.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/leaves.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view state_name = "yunjian/state/";
constexpr std::string_view state_form = "yunjian/state/v1";
constexpr unsigned state_mode = 0600;

// A seal between its first and its last durable step.
struct Prepared {
  Hash leaf{};  // of the header that was signed
  std::uint64_t records = 0;
  SealContext context;
};

struct State {
  Ratchet::Identity identity;
  std::uint64_t next_batch = 0;
  std::uint64_t next_record = 0;
  Hash previous{};
  std::string key;       // secret that signs the next batch
  std::string next_key;  // secret that it announces; empty before the first prepare()
  SealContext context;
  std::optional<Prepared> prepared;

  State() = default;
  State(const State&) = default;
  State& operator=(const State&) = default;
  ~State() {
    wipe(key);
    wipe(next_key);
  }
};

// An empty blob has no base64, but a field must have a value.
std::string blob(std::string_view bytes) { return bytes.empty() ? "-" : to_base64(bytes); }

std::string take_blob(FieldReader& reader, std::string_view name) {
  const std::string_view value = reader.take(name);
  if (reader.failed() || value == "-") return {};
  auto bytes = from_base64(value);
  if (!bytes) {
    reader.refuse(name);
    return {};
  }
  return std::move(*bytes);
}

std::string checksum(std::string_view text) { return to_hex(as_view(sha256(text))); }

std::string format_state(const State& state, std::string_view suite) {
  std::string out(state_form);
  out += '\n';
  append_field(out, "origin", state.identity.origin);
  append_field(out, "suite", suite);
  append_field(out, "agent", state.identity.agent);
  append_field(out, "incarnation", std::to_string(state.identity.incarnation));
  append_field(out, "enrolment", to_base64(as_view(state.identity.enrolment_leaf)));
  append_field(out, "batch", std::to_string(state.next_batch));
  append_field(out, "record", std::to_string(state.next_record));
  append_field(out, "previous", to_base64(as_view(state.previous)));
  append_field(out, "key", to_base64(state.key));
  append_field(out, "next-key", blob(state.next_key));
  append_field(out, "positions", blob(state.context.positions));
  append_field(out, "open-hour", blob(state.context.open_hour));
  append_field(out, "prepared",
               state.prepared ? to_base64(as_view(state.prepared->leaf)) : std::string("-"));
  if (state.prepared) {
    append_field(out, "prepared-records", std::to_string(state.prepared->records));
    append_field(out, "prepared-positions", blob(state.prepared->context.positions));
    append_field(out, "prepared-open-hour", blob(state.prepared->context.open_hour));
  }
  append_field(out, "checksum", checksum(out));
  return out;
}

Result<State> parse_state(std::string_view text, std::string& suite) {
  const std::size_t last = text.rfind("checksum ");
  if (last == std::string_view::npos ||
      text.substr(last) != "checksum " + checksum(text.substr(0, last)) + "\n") {
    return fail(ErrorKind::corrupt, "its checksum does not fit");
  }
  if (const auto line = text.substr(0, text.find('\n'));
      line != state_form && line.starts_with(state_name)) {
    return fail(ErrorKind::reject, fmt::format("it is {}, this program reads {}: another version "
                                               "wrote it; install that one again, nothing was "
                                               "changed",
                                               line, state_form));
  }
  FieldReader reader(text.substr(0, last), state_form);
  State state;
  state.identity.origin = reader.take("origin", is_key_name);
  suite = reader.take("suite");
  state.identity.agent = reader.take("agent", is_agent_id);
  state.identity.incarnation = reader.take_number("incarnation");
  state.identity.enrolment_leaf = reader.take_hash("enrolment");
  state.next_batch = reader.take_number("batch");
  state.next_record = reader.take_number("record");
  state.previous = reader.take_hash("previous");
  state.key = reader.take_base64("key");
  state.next_key = take_blob(reader, "next-key");
  state.context.positions = take_blob(reader, "positions");
  state.context.open_hour = take_blob(reader, "open-hour");
  if (const auto leaf = reader.take_optional_hash("prepared")) {
    Prepared prepared;
    prepared.leaf = *leaf;
    prepared.records = reader.take_number("prepared-records");
    prepared.context.positions = take_blob(reader, "prepared-positions");
    prepared.context.open_hour = take_blob(reader, "prepared-open-hour");
    state.prepared = std::move(prepared);
  }
  auto done = reader.finish();
  if (!done) return fail(ErrorKind::corrupt, done.error().message);
  return state;
}

}  // namespace

struct Ratchet::Impl {
  FileSystem* files = nullptr;
  std::string path;
  const Suite* suite = nullptr;
  std::unique_ptr<Hasher> hasher;
  State state;
  bool failed = false;

  // Makes `next` the durable state; in memory it counts only once it is on disk.
  Result<void> store(const State& next) {
    if (failed) {
      return fail(ErrorKind::fatal, "the sealing state " + path +
                                        " could not be written before: restart the process");
    }
    std::string text = format_state(next, suite->name());
    auto written = replace_file(*files, path, text, state_mode);
    wipe(text);
    if (!written) {
      failed = true;
      written.error().kind = ErrorKind::fatal;
      return failure(written, "cannot write the sealing state");
    }
    state = next;
    return {};
  }
};

Ratchet::Ratchet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ratchet::Ratchet(Ratchet&&) noexcept = default;
Ratchet& Ratchet::operator=(Ratchet&&) noexcept = default;
Ratchet::~Ratchet() = default;

Result<Ratchet> Ratchet::create(FileSystem& files, const std::string& path, Identity identity,
                                const PrivateKey& first_key) {
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (*there) return fail(ErrorKind::reject, "the sealing state " + path + " is there already");
  auto impl = std::make_unique<Impl>();
  impl->files = &files;
  impl->path = path;
  impl->suite = &first_key.suite();
  impl->hasher = impl->suite->hasher();
  State first;
  first.previous = identity.enrolment_leaf;
  first.identity = std::move(identity);
  first.key = first_key.secret();
  auto stored = impl->store(first);
  if (!stored) return failure(stored);
  return Ratchet(std::move(impl));
}

Result<Ratchet> Ratchet::open(FileSystem& files, std::string path) {
  auto text = files.read_file(path);
  if (!text) return failure(text, "cannot read the sealing state");
  std::string suite_name;
  auto state = parse_state(*text, suite_name);
  wipe(*text);
  if (!state) {
    const bool damaged = state.error().kind == ErrorKind::corrupt;
    return failure(state, "the sealing state " + path + (damaged ? " is damaged" : ""));
  }
  auto suite = find_suite(suite_name);
  if (!suite) return failure(suite, "the sealing state " + path);
  auto impl = std::make_unique<Impl>();
  impl->files = &files;
  impl->path = std::move(path);
  impl->suite = *suite;
  impl->hasher = (*suite)->hasher();
  impl->state = *state;
  return Ratchet(std::move(impl));
}

const Suite& Ratchet::suite() const { return *impl_->suite; }
const Ratchet::Identity& Ratchet::identity() const { return impl_->state.identity; }
const SealContext& Ratchet::context() const { return impl_->state.context; }
std::uint64_t Ratchet::next_batch() const { return impl_->state.next_batch; }
std::uint64_t Ratchet::next_record() const { return impl_->state.next_record; }
const Hash& Ratchet::previous() const { return impl_->state.previous; }
bool Ratchet::in_doubt() const { return impl_->state.prepared.has_value(); }

Result<void> Ratchet::recover(std::optional<std::string_view> last_whole_frame) {
  if (!last_whole_frame) {
    impl_->state.prepared.reset();  // the next prepare() overwrites it on disk, with the same keys
    return {};
  }
  if (!in_doubt() || impl_->hasher->leaf(*last_whole_frame) != impl_->state.prepared->leaf) {
    return fail(ErrorKind::corrupt, "the stored batch " + std::to_string(next_batch()) +
                                        " is not the one the sealing state " + impl_->path +
                                        " was preparing");
  }
  return commit();
}

Result<std::string> Ratchet::prepare(Random& random, const Content& content, SealContext context) {
  require(!in_doubt(), "a prepared seal is committed or recovered before the next");
  State next = impl_->state;
  if (next.next_key.empty()) {
    auto fresh = suite().generate(random);
    if (!fresh) return failure(fresh);
    next.next_key = (*fresh)->secret();
  }
  auto key = suite().load(next.key);
  auto announced = suite().load(next.next_key);
  if (!key || !announced) {
    return fail(ErrorKind::corrupt, "the sealing state " + impl_->path + " holds no usable key");
  }
  BatchHeader header;
  header.agent = next.identity.agent;
  header.incarnation = next.identity.incarnation;
  header.batch = next.next_batch;
  header.first_record = next.next_record;
  header.records = content.records;
  header.root = content.root;
  header.previous = next.previous;
  header.sealed = content.sealed;
  header.boot_id = content.boot_id;
  header.boot_ms = content.boot_ms;
  header.flags = content.flags;
  header.next_key = (*announced)->public_key();
  const std::string text = format_header(header);
  const Verifier signer(suite(), agent_key_name(next.identity.origin, header.agent),
                        (*key)->public_key());
  auto line = sign_line(signer, **key, text);
  if (!line) return failure(line);
  std::string note = format_note(text, {std::move(*line)});
  require(note.size() <= header_bytes_max, "a batch header stays within its limit");

  next.prepared = Prepared{impl_->hasher->leaf(note), content.records, std::move(context)};
  auto stored = impl_->store(next);
  if (!stored) return failure(stored);
  return note;
}

Result<SignatureLine> Ratchet::endorse(std::string_view enrolment_text) const {
  const State& state = impl_->state;
  auto enrolment = parse_enrolment(enrolment_text);
  if (!enrolment) return failure(enrolment);
  if (in_doubt() || enrolment->agent != state.identity.agent ||
      enrolment->incarnation != state.identity.incarnation + 1 ||
      enrolment->previous != state.previous) {
    return fail(ErrorKind::reject, "this is not the enrolment that follows the stream");
  }
  auto key = suite().load(state.key);
  if (!key) return failure(key);
  const Verifier signer(suite(), agent_key_name(enrolment->origin, enrolment->agent),
                        (*key)->public_key());
  return sign_line(signer, **key, enrolment_text);
}

Result<void> Ratchet::commit() {
  require(in_doubt(), "only a prepared seal is committed");
  State next = impl_->state;
  next.previous = next.prepared->leaf;
  next.next_record += next.prepared->records;
  next.next_batch += 1;
  next.context = std::move(next.prepared->context);
  next.prepared.reset();
  wipe(next.key);
  next.key = std::move(next.next_key);
  next.next_key.clear();
  return impl_->store(next);
}

}  // namespace yunjian::ledger
