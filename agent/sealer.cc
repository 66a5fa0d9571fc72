#include "agent/sealer.h"

#include <fmt/format.h>

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

Result<std::unique_ptr<Sealer>> Sealer::open(ledger::Ratchet ratchet, Parts parts) {
  if (ratchet.in_doubt()) {
    // The spool was synced when it was opened: what it shows of this batch stays.
    auto header = parts.spool->header(ratchet.next_batch());
    if (!header) return failure(header);
    auto recovered = *header ? ratchet.recover(**header) : ratchet.recover(std::nullopt);
    if (!recovered) return failure(recovered);
  }
  if (!parts.spool->empty() && parts.spool->next_batch() > ratchet.next_batch()) {
    return fail(
        ErrorKind::fatal,
        fmt::format("the spool holds batches up to {} but the sealing state is at batch {}: the "
                    "state directory was restored from an older copy; enrol this host again with "
                    "a new token",
                    parts.spool->next_batch() - 1, ratchet.next_batch()));
  }
  return std::unique_ptr<Sealer>(new Sealer(std::move(ratchet), std::move(parts)));
}

Sealer::Sealer(ledger::Ratchet ratchet, Parts parts)
    : ratchet_(std::move(ratchet)),
      spool_(parts.spool),
      clock_(parts.clock),
      random_(parts.random),
      boot_id_(std::move(parts.boot_id)),
      hasher_(ratchet_.suite().hasher()),
      body_(*hasher_) {}

bool Sealer::add(std::string_view line, bool event) {
  if (!body_.add(line)) {
    waiting_.full = true;
    return false;
  }
  if (event) {
    if (waiting_.events == 0) waiting_.first_event = clock_->boot();
    ++waiting_.events;
  }
  return true;
}

Result<void> Sealer::seal(ledger::SealContext context, std::vector<std::string> flags,
                          bool keep_body) {
  SpoolEntry entry{.batch = ratchet_.next_batch(),
                   .sealed = clock_->wall(),
                   .records = static_cast<std::uint32_t>(body_.records())};
  if (auto encoded = encoder_.encode(body_.lines(), entry.body); !encoded) return failure(encoded);
  const auto boot_ms = static_cast<std::uint64_t>(clock_->boot().count());
  auto header = ratchet_.prepare(*random_,
                                 {.root = body_.root(),
                                  .records = body_.records(),
                                  .sealed = entry.sealed,
                                  .boot_id = boot_id_,
                                  .boot_ms = boot_ms,
                                  .flags = std::move(flags)},
                                 std::move(context));
  if (!header) return failure(header);
  entry.header = std::move(*header);
  // A crash before this returns: the batch is sealed again with the same keys. Behind it: it is
  // adopted.
  if (auto stored = spool_->append(std::move(entry), keep_body); !stored) {
    return failure(stored, "cannot write the spool");
  }
  if (auto committed = ratchet_.commit(); !committed) return failure(committed);
  body_.reset();
  waiting_ = {};
  return {};
}

}  // namespace yunjian::agent
