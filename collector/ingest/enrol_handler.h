#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/http/message.h"
#include "collector/ingest/enrolment.h"
#include "ledger/record.h"

namespace yunjian::collector {

// The paths under /enrol/v1, for hosts that have no credential yet but a token:
//   GET  /enrol/v1/ca   the CA certificate, PEM; open to all, compared by its fingerprint
//   POST /enrol/v1      both steps of an enrolment, JSON (README)
// Part of a listener without client certificates; the caller asks matches() first. Any thread.
class EnrolHandler : public Handler {
 public:
  struct Options {
    std::vector<std::string> ingest_urls;  // told to new agents
  };
  EnrolHandler(const EnrolmentOffice::Parts& parts, Options options);

  static bool matches(std::string_view path);

  // Both steps of an application that came another way, its token already looked at; `json` is the
  // request. Any thread.
  Response enrol(const EnrolmentOffice::Application& application, const ledger::ParsedRecord& json);

  Response handle(const Request& request) override;
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override;

 private:
  Response enrol(const Request& request);
  Response first_step(const EnrolmentOffice::Application& application,
                      const EnrolmentOffice::Wish& wish);
  Response second_step(const EnrolmentOffice::Application& application,
                       const std::string& signatures);

  const EnrolmentOffice::Parts parts_;
  const Options options_;
  EnrolmentOffice office_;
};

}  // namespace yunjian::collector
