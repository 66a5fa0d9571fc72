#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/http/message.h"
#include "collector/http/request_budget.h"
#include "collector/ingest/enrolment.h"
#include "collector/ingest/handler_route.h"
#include "ledger/record.h"

namespace yunjian::collector {

// The paths under /enrol/v1, for hosts that have no credential yet but a token:
//   GET  /enrol/v1/ca   the CA certificate, PEM; open to all, compared by its fingerprint
//   POST /enrol/v1      both steps of an enrolment, JSON (README)
// The token is looked at before anything else: an address that goes on sending ones that nobody
// made is answered 429, and one alarm record an hour says so. Part of a listener without client
// certificates; the caller asks matches() first. Any thread.
class EnrolHandler : public Handler {
 public:
  struct Options {
    std::vector<std::string> ingest_urls;  // told to new agents
    // Makes one line a durable record of the collector's own stream. Empty: no alarms.
    std::function<ledger::Result<void>(std::string line)> record = {};
  };
  static constexpr RequestBudget::Limits guesses_max{.per_s = 0.2, .burst = 20};
  EnrolHandler(const EnrolmentOffice::Parts& parts, Options options);

  static bool matches(std::string_view path);
  static std::span<const HandlerRoute> routes();

  // Both steps of an application that came another way, its token already looked at; `json` is the
  // request. Any thread.
  Response enrol(const EnrolmentOffice::Application& application, const ledger::ParsedRecord& json);

  struct Counters {
    std::uint64_t tokens_refused = 0;  // that nobody made
    std::uint64_t too_often = 0;       // those of them that were answered 429
  };
  Counters counters() const { return {tokens_refused_, too_often_}; }

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;

 private:
  Response enrol(const Request& request);
  std::optional<Response> refuse_guess(const Request& request, const std::string& token);
  void raise(const std::string& peer, ledger::Time now);
  Response first_step(const EnrolmentOffice::Application& application,
                      const EnrolmentOffice::Wish& wish);
  Response second_step(const EnrolmentOffice::Application& application,
                       const std::string& signatures);

  const EnrolmentOffice::Parts parts_;
  const Options options_;
  EnrolmentOffice office_;
  RequestBudget guesses_{guesses_max};  // of an address: tokens that nobody made
  RequestBudget alarms_;                // about those, of an address
  RequestBudget all_alarms_;
  std::atomic<std::uint64_t> tokens_refused_{0};
  std::atomic<std::uint64_t> too_often_{0};
};

}  // namespace yunjian::collector
