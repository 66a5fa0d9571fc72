// Opening, closing, and the callers' side of commit(). The writer thread: evidence_writer.cc;
// reads: evidence_reads.cc.
#include "collector/store/evidence_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/store/evidence_log_impl.h"
#include "collector/store/line_glance.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::FileSystem;
using ledger::Hash;
using ledger::Result;

namespace {

std::string wal_directory(const EvidenceLog::Options& options) {
  return ledger::join_path(options.directory, "wal");
}

Result<void> check_options(const EvidenceLog::Options& options) {
  ledger::require(options.suite != nullptr, "the log has a suite");
  if (options.segment_bytes_max == 0 || options.segment_bytes_max > wal_segment_bytes_max) {
    return fail(ErrorKind::reject,
                fmt::format("a WAL segment is at most {} bytes", wal_segment_bytes_max));
  }
  return {};
}

Result<void> refuse_existing(FileSystem& files, const EvidenceLog::Options& options) {
  const auto paths = paths_of(options);
  for (const std::string& path :
       {wal_directory(options), ledger::parts_directory(options.directory), paths.checkpoint,
        paths.anchor}) {
    auto there = files.exists(path);
    if (!there) return failure(there);
    if (*there) {
      return fail(ErrorKind::reject, path +
                                         " exists: a log is never overwritten. Choose another "
                                         "place, or remove what an interrupted init left");
    }
  }
  return {};
}

Result<void> write_leaf0(FileSystem& files, const EvidenceLog::Options& options,
                         const ledger::WalEntry& leaf0) {
  auto made = Wal::create(files, wal_directory(options));
  if (!made) return made;
  Wal::Tail start;
  start.valid_bytes = ledger::segment_header_bytes;
  auto wal = Wal::resume(files, wal_directory(options), start);
  if (!wal) return failure(wal);
  if (auto placed = (*wal)->append(leaf0); !placed) return failure(placed);
  return (*wal)->sync();
}

std::size_t bytes_of(const Entry& entry) {
  const ledger::WalEntry wal = to_wal(entry, {});
  std::size_t head = 64;
  if (const auto* batch = std::get_if<ledger::WalBatch>(&wal)) head += batch->header.size();
  return head + ledger::wal_tail(wal).size();
}

}  // namespace

TreePublisher::Paths paths_of(const EvidenceLog::Options& options) {
  return {options.directory, ledger::join_path(options.directory, "checkpoint"),
          options.anchor_path};
}

ledger::WalEntry to_wal(const Entry& entry, ledger::Time received) {
  struct Converter {
    ledger::Time received;

    ledger::WalEntry operator()(const BatchEntry& batch) const {
      return ledger::WalBatch{.received = received,
                              .span = batch.span.value_or(ledger::BodySpan{}),
                              .hollow = batch.hollow,
                              .unit = batch.unit,
                              .host = batch.host,
                              .header = batch.header,
                              .body = batch.body};
    }
    ledger::WalEntry operator()(const LeafEntry& leaf) const {
      return ledger::WalLeaf{received, leaf.leaf};
    }
    ledger::WalEntry operator()(const BodyFill& fill) const {
      return ledger::WalBodyFill{.received = received,
                                 .span = fill.span.value_or(ledger::BodySpan{}),
                                 .batch = fill.batch,
                                 .stream = fill.stream,
                                 .body = fill.body};
    }
    ledger::WalEntry operator()(const ForkBody& fork) const {
      return ledger::WalForkBody{received, fork.batch, fork.leaf_hash, fork.stream, fork.body};
    }
    ledger::WalEntry operator()(const OwnRecord& record) const {
      return ledger::WalOwnRecord{received, record.line};
    }
  };
  return std::visit(Converter{received}, entry);
}

EvidenceLog::Impl::Impl(FileSystem& files_in, ledger::Clock& clock_in, Options options_in,
                        std::unique_ptr<ledger::PrivateKey> key_in)
    : files(files_in),
      clock(clock_in),
      options(std::move(options_in)),
      key(std::move(key_in)),
      verifier(*options.suite, options.origin, key->public_key()),
      hashers([suite = options.suite] { return suite->hasher(); }),
      decoders([] { return std::make_unique<ledger::BodyDecoder>(); }) {}

TreePublisher::Signer EvidenceLog::Impl::signer() const {
  return {*options.suite, verifier, [this](std::string_view text) {
            const std::lock_guard lock(key_mutex);
            return ledger::sign_line(verifier, *key, text);
          }};
}

KnownStreams EvidenceLog::Impl::known_streams() const {
  return {.announced_key =
              [this](const ledger::Enrolment& enrolment) {
                const std::shared_lock lock(state_mutex);
                return index.announced_key(enrolment);
              },
          .predecessor =
              [this] {
                const std::shared_lock lock(state_mutex);
                return index.predecessor();
              },
          .awaiting =
              [this](const std::string& stream, const Hash& header) {
                const std::shared_lock lock(state_mutex);
                return index.awaiting(stream, header);
              }};
}

Result<void> EvidenceLog::create(FileSystem& files, ledger::Clock& clock, const Options& options,
                                 const NewLog& log) {
  if (auto good = check_options(options); !good) return good;
  if (auto free = refuse_existing(files, options); !free) return free;
  const ledger::Verifier verifier(*options.suite, options.origin, log.key.public_key());
  const auto hasher = options.suite->hasher();
  const ledger::WalLeaf leaf0{clock.wall(), log.leaf0};
  const EvidenceIndex nothing;
  auto facts = examine(leaf0, {*options.suite, *hasher, verifier, nothing.known()});
  if (!facts) return failure(facts, "leaf 0");
  if (!std::holds_alternative<EnrolmentFacts>(*facts)) {
    return fail(ErrorKind::reject, "leaf 0 must enrol the collector's own stream");
  }
  if (auto written = write_leaf0(files, options, leaf0); !written) return written;
  const auto sign = [&](std::string_view text) {
    return ledger::sign_line(verifier, log.key, text);
  };
  return TreePublisher::create(files, paths_of(options), {*options.suite, verifier, sign},
                               *leaf_hash_of(*facts));
}

Result<std::unique_ptr<EvidenceLog>> EvidenceLog::open(FileSystem& files, ledger::Clock& clock,
                                                       Options options,
                                                       std::unique_ptr<ledger::PrivateKey> key) {
  if (auto good = check_options(options); !good) return failure(good);
  auto impl = std::make_unique<Impl>(files, clock, std::move(options), std::move(key));
  if (auto recovered = impl->recover(); !recovered) return failure(recovered);
  impl->start();
  return std::unique_ptr<EvidenceLog>(new EvidenceLog(std::move(impl)));
}

EvidenceLog::EvidenceLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

EvidenceLog::~EvidenceLog() { impl_->stop(); }

// Nothing is changed on disk before all that was signed is known to be there.
Result<void> EvidenceLog::Impl::recover() {
  const TreePublisher::Paths paths = paths_of(options);
  auto before = TreePublisher::read_signed(files, paths, verifier);
  if (!before) return failure(before);
  auto lost = read_losses(files, options.directory);
  if (!lost) return failure(lost);
  losses = std::move(*lost);
  TreePublisher::Leaves leaves;
  if (auto loaded = load_filed(leaves); !loaded) return loaded;
  auto tail = replay(leaves);
  if (!tail) return failure(tail);
  auto continued = TreePublisher::check(*before, signer(), leaves);
  if (!continued && tail->torn_bytes > 0) return failure(continued, tail->problem);
  if (!continued) return continued;

  auto resumed = Wal::resume(files, wal_directory(options), *tail);
  if (!resumed) return failure(resumed);
  wal = std::move(*resumed);
  recovered.cut_bytes = tail->torn_bytes;
  recovered.cut_segment = tail->segment;
  recovered.cut_offset = tail->valid_bytes;
  recovered.set_aside = tail->frames_behind_damage;
  recovered.leaves_adopted = leaves.size() - before->anchor.size;
  if (auto removed = remove_leftovers(); !removed) return removed;

  auto opened = TreePublisher::open(files, paths, signer(), leaves);
  if (!opened) return failure(opened);
  publisher = std::move(*opened);
  if (auto same = publisher->check_filed(*before); !same) return same;
  leaves_written = leaves.size();
  auto first = publisher->publish({});
  if (!first) return failure(first);
  if (auto stored = publisher->store(*first); !stored) return stored;
  published = std::move(*first);
  stored_leaves = leaves_written;
  open_segment = wal->segment();
  wal_end = {static_cast<std::uint32_t>(wal->segment()),
             static_cast<std::uint32_t>(wal->segment_bytes())};
  return {};
}

// What is filed: the parts, and the streams as they stood behind them.
Result<void> EvidenceLog::Impl::load_filed(TreePublisher::Leaves& leaves) {
  auto read = ledger::read_manifest(files, options.directory);
  if (!read) return failure(read);
  manifest = std::move(*read);
  if (manifest.first_segment == 0) return {};
  auto set = PartSet::open(files, options.directory, manifest, part_cache);
  if (!set) return failure(set);
  parts = std::move(*set);
  auto streams = read_streams(files, options.directory, manifest);
  if (!streams) return failure(streams);
  auto again = EvidenceIndex::decode_state(streams->state);
  if (!again) return failure(again);
  index = *again;
  *filed_index = std::move(*again);
  filed_peaks = std::move(streams->peaks);
  last_received = streams->last_received;
  leaves.filed = manifest.leaves;
  leaves.filed_peaks = filed_peaks;
  leaves.filed_hash = [this](std::uint64_t leaf) -> Result<Hash> {
    auto bytes = parts->leaf(leaf);
    if (bytes) return hashers.take()->leaf(*bytes);
    return bytes.error().kind == ErrorKind::corrupt ? hash_of_lost(leaf) : failure(bytes);
  };
  return {};
}

// A leaf that damage took still has its hash in a tile; the root over all of them is compared with
// the anchor.
Result<Hash> EvidenceLog::Impl::hash_of_lost(std::uint64_t leaf) const {
  const ledger::TileId tile{.level = 0, .index = leaf / ledger::tile_width};
  const std::string path = ledger::join_path(options.directory, ledger::tile_path(tile));
  auto bytes = files.read_file(path);
  if (!bytes) return failure(bytes);
  Hash hash{};
  const std::size_t at = leaf % ledger::tile_width * hash.size();
  if (bytes->size() < at + hash.size()) {
    return fail(ErrorKind::corrupt,
                fmt::format("leaf {} is lost, and so is its hash in {}", leaf, path));
  }
  for (std::size_t i = 0; i < hash.size(); ++i)
    hash[i] = static_cast<std::uint8_t>((*bytes)[at + i]);
  return hash;
}

Result<Wal::Tail> EvidenceLog::Impl::replay(TreePublisher::Leaves& leaves) {
  const auto hasher = options.suite->hasher();
  const ExamineContext context{*options.suite, *hasher, verifier, known_streams()};
  EvidenceIndex::Overlay overlay;
  std::uint32_t segment = static_cast<std::uint32_t>(manifest.first_segment);
  const auto visit = [&](WalPlace place, std::uint8_t type,
                         std::string_view payload) -> Result<void> {
    auto entry = ledger::decode_wal_entry(type, payload);
    if (!entry) return failure(entry);
    for (; segment < place.segment; ++segment) {
      closed_segments.emplace_back(segment, leaves.size());
    }
    auto facts = examine(*entry, context);
    // What was let in once must be let in again, else the bytes are not what was written.
    if (!facts) return fail(ErrorKind::corrupt, facts.error().message);
    overlay.states.clear();
    if (auto admitted = index.admit(*facts, overlay); !admitted) {
      return fail(ErrorKind::corrupt, admitted.error().message);
    }
    last_received = std::visit([](const auto& any) { return any.received; }, *entry);
    Placed placed{last_received, place, no_leaf};
    if (const auto hash = leaf_hash_of(*facts)) {
      placed.leaf = leaves.size();
      leaves.behind.push_back(*hash);
    }
    index.apply(std::move(*facts), placed);
    return {};
  };
  auto tail = Wal::scan(files, {wal_directory(options), manifest.first_segment}, visit);
  if (!tail) return tail;
  for (; segment < tail->segment; ++segment) closed_segments.emplace_back(segment, leaves.size());
  return tail;
}

void EvidenceLog::Impl::start() {
  stats.wal_bytes = wal->bytes();
  writer = std::thread([this] { run(); });
}

void EvidenceLog::Impl::stop() {
  {
    const std::lock_guard lock(queue_mutex);
    stopping = true;
  }
  queue_filled.notify_all();
  if (writer.joinable()) writer.join();
}

Result<Committed> EvidenceLog::commit(std::vector<Entry> entries) {
  auto prepared = impl_->prepare(std::move(entries));
  if (!prepared) return failure(prepared);
  std::unique_ptr<PendingCommit> pending = std::move(*prepared);
  auto done = pending->done.get_future();
  {
    const std::lock_guard lock(impl_->queue_mutex);
    if (impl_->failed) return ledger::Failure(*impl_->failed);
    if (impl_->stopping) return fail(ErrorKind::retry, "the collector is stopping");
    if (impl_->queue.size() >= commits_waiting_max ||
        impl_->queue_bytes + pending->bytes > commit_bytes_waiting_max) {
      return fail(ErrorKind::retry, "too many commits wait for the disk: try again later");
    }
    impl_->queue_bytes += pending->bytes;
    impl_->queue.push_back(std::move(pending));
  }
  impl_->queue_filled.notify_one();
  return done.get();
}

Result<std::unique_ptr<PendingCommit>> EvidenceLog::Impl::prepare(std::vector<Entry> entries) {
  auto pending = std::make_unique<PendingCommit>();
  const auto hasher = hashers.take();
  const ExamineContext context{*options.suite, *hasher, verifier, known_streams()};
  for (Entry& entry : entries) {
    if (auto spanned = give_span(entry); !spanned) return failure(spanned);
    auto facts = examine(to_wal(entry, {}), context);
    if (!facts) return failure(facts);
    pending->facts.push_back(std::move(*facts));
    pending->bytes += bytes_of(entry);
  }
  if (pending->bytes > wal_group_bytes_max) {
    return fail(ErrorKind::reject,
                fmt::format("one commit holds at most {} bytes", wal_group_bytes_max));
  }
  pending->entries = std::move(entries);
  return pending;
}

// Callers that have the lines at hand give the span themselves.
Result<void> EvidenceLog::Impl::give_span(Entry& entry) {
  std::string_view body;
  std::optional<ledger::BodySpan>* span = nullptr;
  if (auto* batch = std::get_if<BatchEntry>(&entry)) {
    body = batch->body;
    span = &batch->span;
  } else if (auto* fill = std::get_if<BodyFill>(&entry)) {
    body = fill->body;
    span = &fill->span;
  }
  if (span == nullptr || span->has_value() || body.empty()) return {};
  std::string lines;
  if (auto decoded = decoders.take()->decode(body, lines); !decoded) return decoded;
  std::vector<std::string_view> split;
  for (std::size_t begin = 0; begin <= lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    split.push_back(std::string_view(lines).substr(begin, end - begin));
    begin = end + 1;
  }
  *span = span_of(split);
  return {};
}

const ledger::Suite& EvidenceLog::suite() const { return *impl_->options.suite; }
const ledger::Verifier& EvidenceLog::verifier() const { return impl_->verifier; }
const EvidenceLog::Recovered& EvidenceLog::recovered() const { return impl_->recovered; }
const std::vector<Loss>& EvidenceLog::losses() const { return impl_->losses; }

}  // namespace yunjian::collector
