#include "auditor/live_evidence.h"

#include <fmt/format.h>

#include "ledger/archive/tiles.h"
#include "ledger/batch.h"
#include "ledger/wire.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

// 200 and 404 are evidence; every other status says that nothing can be told now.
Result<HttpAnswer> LiveEvidence::get(const std::string& path) {
  auto answer = client_.get(path);
  if (!answer || answer->status == 200 || answer->status == 404) return answer;
  const char* hint = answer->status == 401 || answer->status == 403
                         ? ": the token is not valid or its scope is too small"
                         : "";
  return ledger::fail(ErrorKind::retry,
                      fmt::format("GET {} was answered with {}{}", path, answer->status, hint));
}

Result<std::string> LiveEvidence::checkpoint() {
  auto answer = get("/checkpoint");
  if (!answer) return ledger::failure(answer);
  if (answer->status != 200) {
    return ledger::fail(ErrorKind::reject, "the collector serves no checkpoint");
  }
  return std::move(answer->body);
}

Result<void> LiveEvidence::visit(std::uint64_t size, EvidenceVisitor& visitor) {
  for (std::uint64_t first = begin_ - begin_ % ledger::tile_width; first < size;
       first += ledger::tile_width) {
    auto bytes = bundle(first / ledger::tile_width, size, visitor);
    if (!bytes) return ledger::failure(bytes);
    auto entries = ledger::parse_entries(*bytes);
    const std::uint64_t expected = std::min<std::uint64_t>(ledger::tile_width, size - first);
    if (!entries || entries->size() != expected) {
      visitor.found({entries || bytes->empty() ? FindingKind::missing : FindingKind::tampered,
                     fmt::format("leaves {}..{}", first, first + expected - 1),
                     "采集中心未提供完整的叶子束",
                     "the collector does not serve these leaves whole"});
      return {};
    }
    for (std::uint64_t i = begin_ > first ? begin_ - first : 0; i < entries->size(); ++i) {
      auto done = leaf((*entries)[i], first + i, visitor);
      if (!done) return done;
    }
  }
  return {};
}

Result<std::string> LiveEvidence::text(const std::string& path) {
  auto answer = get(path);
  if (!answer) return ledger::failure(answer);
  if (answer->status == 200) return std::move(answer->body);
  return ledger::fail(ErrorKind::reject, "the collector serves nothing under " + path);
}

Result<std::string> LiveEvidence::list(std::uint64_t leaf, const ledger::ListHead&) {
  return text(fmt::format("/v1/log/lists/{}", leaf));
}

Result<std::string> LiveEvidence::tile(const ledger::TileId& id) {
  return text("/" + ledger::tile_path(id));
}

Result<std::string> LiveEvidence::witnessed() { return text("/v1/log/witnessed"); }

bool LiveEvidence::begin_at(std::uint64_t leaf) {
  begin_ = leaf;
  return true;
}

Result<std::string> LiveEvidence::bundle(std::uint64_t index, std::uint64_t size,
                                         EvidenceVisitor&) {
  const std::uint32_t width = ledger::tile_width_at(0, index, size);
  auto answer = get("/" + ledger::tile_path({0, index, width, true}));
  if (!answer) return ledger::failure(answer);
  return answer->status == 200 ? std::move(answer->body) : std::string();
}

// What one answer does not give may only have had no room in it: the leaf is asked for itself.
Result<std::optional<std::string_view>> LiveEvidence::body_of(std::string_view bytes,
                                                              std::uint64_t index) {
  if (auto body = frames_.body_of(bytes)) return body;
  auto answer = get(fmt::format("/v1/log/batches/{}", index));
  if (!answer) return ledger::failure(answer);
  frames_.take(answer->status == 200 ? std::move(answer->body) : std::string());
  return frames_.body_of(bytes);
}

Result<void> LiveEvidence::leaf(std::string_view bytes, std::uint64_t index,
                                EvidenceVisitor& visitor) {
  if (!visitor.wants_body(bytes)) {
    visitor.leaf(bytes, std::string_view());
    return {};
  }
  auto body = body_of(bytes, index);
  if (!body) return ledger::failure(body);
  if (*body && (*body)->empty()) body->reset();
  visitor.leaf(bytes, *body);
  return {};
}

}  // namespace yunjian::auditor
