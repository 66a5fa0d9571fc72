#pragma once

#include <rapidjson/document.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auditor/https_client.h"
#include "auditor/proof_source.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// Where a running collector is and what it is spoken to with.
struct LiveOptions {
  std::string collector;  // URL of the api listener
  std::string ca_file;
  std::string token_file;
};

// Reject: the token cannot be read, the URL is not https.
ledger::Result<HttpsClient> open_client(ledger::FileSystem& files, const LiveOptions& options);

// One found record as the API tells it: not verified.
struct FoundRecord {
  std::string stream;
  std::uint64_t number = 0;
  std::string host;
  std::string unit;
  std::string line;
  std::string json;  // the whole item on one line
};

struct SearchQuestion {
  std::string q;
  std::string from;  // empty: not bounded
  std::string to;
  std::uint64_t limit = 100;  // of all pages together
};

// A running collector's audit API. One thread. Errors: retry (no answer, no access, or not
// now), reject (there is no such thing, or the question is wrong); in the collector's own words
// where it has some (RFC 9457).
class CollectorClient : public ProofSource {
 public:
  static ledger::Result<CollectorClient> open(ledger::FileSystem& files,
                                              const LiveOptions& options);

  ledger::Result<std::string> checkpoint() override;
  ledger::Result<std::string> tile(const ledger::TileId& id) override;
  ledger::Result<StreamFacts> stream(const std::string& id) override;
  ledger::Result<std::string> list(std::uint64_t leaf) override;
  ledger::Result<std::string> frame(const std::string& stream, std::uint64_t batch) override;

  // A note for the log: cosignatures, endorsements. The answer's body.
  ledger::Result<std::string> post(const std::string& path, const std::string& note);
  ledger::Result<std::string> text(const std::string& path) { return get(path); }
  struct StreamEntry {
    std::string stream;
    std::string unit;
    std::string host;
    std::uint64_t enrolment_leaf = 0;
    std::uint64_t batches = 0;
    bool endorsed = false;
  };
  ledger::Result<std::vector<StreamEntry>> streams();

  // Gives what matches, page by page, newest first. True when there is more behind the limit.
  ledger::Result<bool> search(const SearchQuestion& question,
                              const std::function<void(const FoundRecord&)>& take);

 private:
  explicit CollectorClient(HttpsClient client) : client_(std::move(client)) {}
  ledger::Result<std::string> get(const std::string& path);
  // Until `take` says that it has seen enough.
  ledger::Result<void> visit_streams(const std::function<bool(const rapidjson::Value&)>& take);

  HttpsClient client_;
};

// What an answer that is not 200 says: from its problem document when it is one.
ledger::Error problem_of(std::string_view path, const HttpAnswer& answer,
                         std::string_view method = "GET");
// The segments escaped, the slashes between them kept.
std::string escape_path(std::string_view path);
// `path?name=value&…`, values escaped; empty ones are left out.
std::string with_parameters(
    std::string_view path, const std::vector<std::pair<std::string_view, std::string>>& parameters);

}  // namespace yunjian::auditor
