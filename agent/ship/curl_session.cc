#include "agent/ship/curl_session.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

// Slower than this for a while is a dead line.
constexpr long low_speed_bytes = 64;
constexpr long low_speed_seconds = 30;

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size * count > answer_bytes_max) return 0;
  body.append(data, size * count);
  return size * count;
}

// Only the form in seconds: a date would depend on this host's clock.
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* target) {
  const std::string_view line(data, size * count);
  constexpr std::string_view name = "retry-after:";
  if (line.size() <= name.size()) return line.size();
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((line[i] | 0x20) != (name[i] | 0x20)) return line.size();
  }
  const std::size_t begin = line.find_first_not_of(' ', name.size());
  unsigned seconds = 0;
  if (begin != std::string_view::npos &&
      std::from_chars(line.data() + begin, line.data() + line.size(), seconds).ec == std::errc()) {
    static_cast<HttpAnswer*>(target)->retry_after = std::chrono::seconds(seconds);
  }
  return line.size();
}

int on_progress(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* flag = static_cast<const std::atomic<bool>*>(aborted);
  return flag != nullptr && flag->load() ? 1 : 0;
}

struct Explained {
  ErrorKind kind;
  std::string_view advice;
};

Explained explain(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {ErrorKind::retry, "the name does not resolve: check the collector's URL and DNS"};
    case CURLE_COULDNT_CONNECT:
      return {ErrorKind::retry, "nobody answers there: check address, port and firewall"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {ErrorKind::retry,
              "the server's certificate does not fit: check that the URL's host name is one of the "
              "collector's --name, that this host's clock is right, and that the CA is the one "
              "enrolled with"};
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorKind::reject,
              "certificate, key or CA file of the state directory cannot be read"};
    case CURLE_SSL_CONNECT_ERROR:
      return {ErrorKind::retry,
              "TLS 1.3 was not agreed: is this the collector, and the right port?"};
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return {ErrorKind::retry, "the connection ended before an answer: is it the right port?"};
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorKind::retry, "no answer in time"};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {ErrorKind::reject, "the URL must look like https://host:port"};
    case CURLE_ABORTED_BY_CALLBACK:
      return {ErrorKind::retry, "stopped"};
    default:
      return {ErrorKind::retry, "it is tried again"};
  }
}

}  // namespace

struct CurlSession::Impl {
  CurlOptions options;
  Easy easy;
  std::array<char, CURL_ERROR_SIZE> problem{};

  void open() {
    easy.reset(curl_easy_init());
    ledger::require(easy != nullptr, "libcurl gives a handle");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
    set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, options.proxy.c_str());
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_TIMEOUT, static_cast<long>(options.total_timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, low_speed_bytes);
    set(CURLOPT_LOW_SPEED_TIME, low_speed_seconds);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_USERAGENT, "yunjian-agent");
    set(CURLOPT_ERRORBUFFER, problem.data());
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(options.aborted));
    if (options.verify) {
      set(CURLOPT_CAINFO, options.ca_file.c_str());
      set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    } else {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options.cert_file.empty()) {
      set(CURLOPT_SSLCERT, options.cert_file.c_str());
      set(CURLOPT_SSLKEY, options.key_file.c_str());
    }
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    ledger::require(curl_easy_setopt(easy.get(), option, value) == CURLE_OK,
                    "libcurl knows our options");
  }
};

CurlSession::CurlSession(CurlOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
}
CurlSession::~CurlSession() = default;
CurlSession::CurlSession(CurlSession&&) noexcept = default;
CurlSession& CurlSession::operator=(CurlSession&&) noexcept = default;

Result<HttpAnswer> CurlSession::perform(const Request& request) {
  if (!impl_->easy) impl_->open();
  HttpAnswer answer;
  HeaderList headers;
  impl_->set(CURLOPT_URL, request.url.c_str());
  impl_->set(CURLOPT_WRITEDATA, &answer.body);
  impl_->set(CURLOPT_HEADERDATA, &answer);
  if (request.content_type.empty()) {
    impl_->set(CURLOPT_HTTPGET, 1L);
  } else {
    impl_->set(CURLOPT_POST, 1L);
    impl_->set(CURLOPT_POSTFIELDS, request.body.data());
    impl_->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    const std::string type = fmt::format("Content-Type: {}", request.content_type);
    headers.reset(curl_slist_append(nullptr, type.c_str()));
    // No "Expect: 100-continue": it costs a round trip and the collector answers early if it must.
    headers.reset(curl_slist_append(headers.release(), "Expect:"));
  }
  impl_->set(CURLOPT_HTTPHEADER, headers.get());
  impl_->problem[0] = '\0';
  const CURLcode code = curl_easy_perform(impl_->easy.get());
  impl_->set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  if (code != CURLE_OK) {
    const Explained explained = explain(code);
    const std::string_view detail =
        impl_->problem[0] != '\0' ? impl_->problem.data() : curl_easy_strerror(code);
    impl_->easy.reset();
    return fail(explained.kind, fmt::format("{}: {} ({})", request.url, explained.advice, detail));
  }
  curl_easy_getinfo(impl_->easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

void CurlSession::drop_connection() { impl_->easy.reset(); }

}  // namespace yunjian::agent
