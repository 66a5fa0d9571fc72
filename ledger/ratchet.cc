#include "ledger/ratchet.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/leaves.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view state_name = "yunjian/state/";
constexpr std::string_view state_form = "yunjian/state/v2";
constexpr std::string_view earlier_form = "yunjian/state/v1";  // a run was always one batch
constexpr unsigned state_mode = 0600;

// One batch of a run between its first and its last durable step.
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
  std::string key;                     // secret that signs the next batch
  std::vector<std::string> next_keys;  // secrets that it and those behind it announce, if drawn
  SealContext context;
  std::vector<Prepared> prepared;

  State() = default;
  State(const State&) = default;
  State& operator=(const State&) = default;
  ~State() {
    wipe(key);
    for (std::string& next : next_keys) wipe(next);
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

// "-" or base64 values with a space between them.
std::string blobs(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) {
    if (!out.empty()) out += ' ';
    out += to_base64(value);
  }
  return out.empty() ? "-" : out;
}

std::vector<std::string> take_blobs(FieldReader& reader, std::string_view name) {
  std::vector<std::string> values;
  std::string_view rest = reader.take(name);
  if (reader.failed() || rest == "-") return values;
  while (true) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    auto bytes = from_base64(rest.substr(0, end));
    if (!bytes || values.size() == run_batches_max) {
      reader.refuse(name);
      return values;
    }
    values.push_back(std::move(*bytes));
    if (end == rest.size()) return values;
    rest.remove_prefix(end + 1);
  }
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
  append_field(out, "next-key", blobs(state.next_keys));
  append_field(out, "positions", blob(state.context.positions));
  append_field(out, "open-hour", blob(state.context.open_hour));
  append_field(out, "run", std::to_string(state.prepared.size()));
  for (const Prepared& batch : state.prepared) {
    append_field(out, "prepared", to_base64(as_view(batch.leaf)));
    append_field(out, "prepared-records", std::to_string(batch.records));
    append_field(out, "prepared-positions", blob(batch.context.positions));
    append_field(out, "prepared-open-hour", blob(batch.context.open_hour));
  }
  append_field(out, "checksum", checksum(out));
  return out;
}

Prepared take_prepared(FieldReader& reader, const Hash& leaf) {
  Prepared prepared;
  prepared.leaf = leaf;
  prepared.records = reader.take_number("prepared-records");
  prepared.context.positions = take_blob(reader, "prepared-positions");
  prepared.context.open_hour = take_blob(reader, "prepared-open-hour");
  return prepared;
}

Result<State> parse_state(std::string_view text, std::string& suite) {
  const std::size_t last = text.rfind("checksum ");
  if (last == std::string_view::npos ||
      text.substr(last) != "checksum " + checksum(text.substr(0, last)) + "\n") {
    return fail(ErrorKind::corrupt, "its checksum does not fit");
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line != state_form && line != earlier_form && line.starts_with(state_name)) {
    return fail(ErrorKind::reject, fmt::format("it is {}, this program reads {}: another version "
                                               "wrote it; install that one again, nothing was "
                                               "changed",
                                               line, state_form));
  }
  FieldReader reader(text.substr(0, last), line == earlier_form ? earlier_form : state_form);
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
  state.next_keys = take_blobs(reader, "next-key");
  state.context.positions = take_blob(reader, "positions");
  state.context.open_hour = take_blob(reader, "open-hour");
  if (line == earlier_form) {
    if (const auto leaf = reader.take_optional_hash("prepared")) {
      state.prepared.push_back(take_prepared(reader, *leaf));
    }
  } else {
    const std::uint64_t run = reader.take_number("run");
    if (run > state.next_keys.size()) reader.refuse("run");
    for (std::uint64_t i = 0; i < run && !reader.failed(); ++i) {
      state.prepared.push_back(take_prepared(reader, reader.take_hash("prepared")));
    }
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
      // Only steps before the rename are full: the old state stands, whole.
      failed = written.error().kind != ErrorKind::full;
      if (failed) written.error().kind = ErrorKind::fatal;
      return failure(written, "cannot write the sealing state");
    }
    state = next;
    return {};
  }

  // The header note of one batch; `header` holds its place in the stream.
  Result<std::string> sign(const Content& content, std::string_view secret,
                           std::string_view next_secret, BatchHeader header) const {
    auto key = suite->load(secret);
    auto announced = suite->load(next_secret);
    if (!key || !announced) {
      return fail(ErrorKind::corrupt, "the sealing state " + path + " holds no usable key");
    }
    header.agent = state.identity.agent;
    header.incarnation = state.identity.incarnation;
    header.records = content.records;
    header.root = content.root;
    header.sealed = content.sealed;
    header.boot_id = content.boot_id;
    header.boot_ms = content.boot_ms;
    header.flags = content.flags;
    header.next_key = (*announced)->public_key();
    const std::string text = format_header(header);
    const Verifier signer(*suite, agent_key_name(state.identity.origin, header.agent),
                          (*key)->public_key());
    auto line = sign_line(signer, **key, text);
    if (!line) return failure(line);
    std::string note = format_note(text, {std::move(*line)});
    require(note.size() <= header_bytes_max, "a batch header stays within its limit");
    return note;
  }
};

Ratchet::Ratchet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ratchet::Ratchet(Ratchet&&) noexcept = default;
Ratchet& Ratchet::operator=(Ratchet&&) noexcept = default;
Ratchet::~Ratchet() = default;

Result<Ratchet> Ratchet::create(FileSystem& files, const std::string& path, Identity identity,
                                const PrivateKey& first_key) {
  return create(files, path, {std::move(identity), first_key, {}});
}

Result<Ratchet> Ratchet::create(FileSystem& files, const std::string& path, Opening opening) {
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (*there) return fail(ErrorKind::reject, "the sealing state " + path + " is there already");
  auto impl = std::make_unique<Impl>();
  impl->files = &files;
  impl->path = path;
  impl->suite = &opening.first_key.suite();
  impl->hasher = impl->suite->hasher();
  State first;
  first.previous = opening.identity.enrolment_leaf;
  first.identity = std::move(opening.identity);
  first.key = opening.first_key.secret();
  first.context = std::move(opening.context);
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
std::size_t Ratchet::in_doubt_batches() const { return impl_->state.prepared.size(); }

Result<void> Ratchet::recover(const std::vector<std::string>& frames) {
  std::vector<Prepared>& prepared = impl_->state.prepared;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i < prepared.size() && impl_->hasher->leaf(frames[i]) == prepared[i].leaf) continue;
    return fail(ErrorKind::corrupt, "the stored batch " + std::to_string(next_batch() + i) +
                                        " is not the one the sealing state " + impl_->path +
                                        " was preparing");
  }
  // What is not there is prepared anew, which overwrites it on disk, with the same keys.
  prepared.resize(frames.size());
  return prepared.empty() ? Result<void>() : commit();
}

Result<std::string> Ratchet::prepare(Random& random, Content content, SealContext context) {
  std::vector<Planned> run;
  run.push_back({std::move(content), std::move(context)});
  auto notes = prepare(random, std::move(run));
  if (!notes) return failure(notes);
  return std::move(notes->front());
}

Result<std::vector<std::string>> Ratchet::prepare(Random& random, std::vector<Planned> run) {
  require(!in_doubt(), "a prepared run is committed or recovered before the next");
  require(!run.empty() && run.size() <= run_batches_max, "a run has 1 to 16 batches");
  State next = impl_->state;
  while (next.next_keys.size() < run.size()) {
    auto fresh = suite().generate(random);
    if (!fresh) return failure(fresh);
    next.next_keys.push_back((*fresh)->secret());
  }
  std::vector<std::string> notes;
  Hash previous = next.previous;
  std::uint64_t record = next.next_record;
  for (std::size_t i = 0; i < run.size(); ++i) {
    BatchHeader header;
    header.batch = next.next_batch + i;
    header.first_record = record;
    header.previous = previous;
    auto note = impl_->sign(run[i].content, i == 0 ? next.key : next.next_keys[i - 1],
                            next.next_keys[i], std::move(header));
    if (!note) return failure(note);
    previous = impl_->hasher->leaf(*note);
    record += run[i].content.records;
    next.prepared.push_back({previous, run[i].content.records, std::move(run[i].context)});
    notes.push_back(std::move(*note));
  }
  auto stored = impl_->store(next);
  if (!stored) return failure(stored);
  return notes;
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
  require(in_doubt(), "only a prepared run is committed");
  State next = impl_->state;
  const std::size_t batches = next.prepared.size();
  for (const Prepared& batch : next.prepared) next.next_record += batch.records;
  next.next_batch += batches;
  next.previous = next.prepared.back().leaf;
  next.context = std::move(next.prepared.back().context);
  next.prepared.clear();
  wipe(next.key);
  next.key = std::move(next.next_keys[batches - 1]);
  for (std::size_t i = 0; i < batches; ++i) wipe(next.next_keys[i]);
  next.next_keys.erase(next.next_keys.begin(),
                       next.next_keys.begin() + static_cast<std::ptrdiff_t>(batches));
  return impl_->store(next);
}

}  // namespace yunjian::ledger
