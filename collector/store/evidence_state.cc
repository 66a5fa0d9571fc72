// The file of the streams: what an index begins with when the WAL before is filed.
#include "collector/store/evidence_index.h"
#include "ledger/archive/codec.h"

namespace yunjian::collector {

using ledger::as_view;
using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::put_text;
using ledger::put_varint;
using ledger::put_zigzag;
using ledger::Result;
using ledger::Time;
using ledger::Unpacker;

namespace {

constexpr std::string_view first_line = "yunjian/streams/v1\n";

void put_time(std::string& out, Time time) { put_zigzag(out, time.time_since_epoch().count()); }

Time get_time(Unpacker& in) { return Time(std::chrono::microseconds(in.zigzag())); }

Hash get_hash(Unpacker& in) {
  Hash hash{};
  const std::string_view bytes = in.take(hash.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) hash[i] = static_cast<std::uint8_t>(bytes[i]);
  return hash;
}

void put_state(std::string& out, const StreamState& state) {
  for (const std::string* text :
       {&state.agent, &state.unit, &state.host, &state.first_key, &state.next_key}) {
    put_text(out, *text);
  }
  out += as_view(state.head);
  out.push_back(static_cast<char>((state.endorsed ? 1 : 0) | (state.retired ? 2 : 0) |
                                  (state.inherited ? 4 : 0) | (state.begun ? 0 : 8) |
                                  (state.closed ? 16 : 0)));
  for (const std::uint64_t value :
       {state.incarnation, state.enrolment_leaf, state.next_batch, state.next_record, state.hollow,
        state.forks, state.fork_bodies}) {
    put_varint(out, value);
  }
  put_time(out, state.last_received);
  put_time(out, state.last_sealed);
  if (state.inherited) put_varint(out, state.first_batch);
}

StreamState get_state(Unpacker& in) {
  StreamState state;
  for (std::string* text :
       {&state.agent, &state.unit, &state.host, &state.first_key, &state.next_key}) {
    *text = in.text();
  }
  state.head = get_hash(in);
  const auto flags = in.byte();
  state.endorsed = (flags & 1) != 0;
  state.retired = (flags & 2) != 0;
  state.inherited = (flags & 4) != 0;
  state.begun = (flags & 8) == 0;
  state.closed = (flags & 16) != 0;
  for (std::uint64_t* value :
       {&state.incarnation, &state.enrolment_leaf, &state.next_batch, &state.next_record,
        &state.hollow, &state.forks, &state.fork_bodies}) {
    *value = in.varint();
  }
  state.last_received = get_time(in);
  state.last_sealed = get_time(in);
  if (state.inherited) state.first_batch = in.varint();
  return state;
}

}  // namespace

std::string EvidenceIndex::encode_state() const {
  std::string out(first_line);
  put_varint(out, leaves());
  put_text(out, own_stream_);
  put_varint(out, unsealed_first_);
  put_varint(out, unsealed_.size());
  for (const std::string& line : unsealed_) put_text(out, line);
  put_varint(out, streams_.size());
  for (const auto& [id, stream] : streams_) {
    put_text(out, id);
    put_state(out, stream.state);
    put_varint(out, stream.announced.size());
    for (const auto& [hash, key] : stream.announced) {
      out += as_view(hash);
      put_text(out, key);
    }
    put_varint(out, stream.forks.size());
    for (const Hash& hash : stream.forks) out += as_view(hash);
  }
  if (!predecessor_.empty()) put_succession(out);
  return out;
}

// Of a log that goes on for another one: its vkey, and the enrolments that await their previous
// header.
void EvidenceIndex::put_succession(std::string& out) const {
  put_text(out, predecessor_);
  for (const auto& [id, stream] : streams_) put_text(out, stream.awaiting);
}

Result<EvidenceIndex> EvidenceIndex::decode_state(std::string_view bytes) {
  if (!bytes.starts_with(first_line)) {
    return fail(ErrorKind::corrupt, "the file of the streams begins otherwise");
  }
  Unpacker in(bytes.substr(first_line.size()));
  EvidenceIndex index;
  index.first_leaf_ = in.varint();
  index.own_stream_ = in.text();
  index.unsealed_first_ = in.varint();
  const std::uint64_t unsealed = in.count();
  for (std::uint64_t i = 0; i < unsealed; ++i) index.unsealed_.emplace_back(in.text());
  const std::uint64_t streams = in.count();
  for (std::uint64_t i = 0; i < streams && in.good(); ++i) {
    std::string id(in.text());
    Stream stream;
    stream.state = get_state(in);
    stream.first_batch = stream.state.next_batch;
    const std::uint64_t announced = in.count();
    for (std::uint64_t j = 0; j < announced && in.good(); ++j) {
      const Hash hash = get_hash(in);
      stream.announced.emplace_back(hash, in.text());
    }
    const std::uint64_t forks = in.count();
    for (std::uint64_t j = 0; j < forks && in.good(); ++j) stream.forks.insert(get_hash(in));
    index.streams_.emplace(std::move(id), std::move(stream));
  }
  if (in.good() && !in.at_end()) {
    index.predecessor_ = in.text();
    for (auto& [id, stream] : index.streams_) stream.awaiting = in.text();
  }
  if (!in.at_end()) return fail(ErrorKind::corrupt, "the file of the streams is cut");
  return index;
}

}  // namespace yunjian::collector
