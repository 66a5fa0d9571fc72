#include "agent/ship/curl_session.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>

#include "ledger/base/bytes.h"

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
// A line this slow is still used: large bodies get the time they need.
constexpr std::size_t body_bytes_per_s_min = 512;

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size * count > answer_bytes_max) return 0;
  body.append(data, size * count);
  return size * count;
}

struct HeaderTarget {
  HttpAnswer* answer;
  const ledger::Clock* clock;
};

// Value of the header line when it is `name` (lower case, with colon); empty otherwise.
std::string_view header_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size()) return {};
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((line[i] | 0x20) != (name[i] | 0x20)) return {};
  }
  line.remove_prefix(std::min(line.find_first_not_of(' ', name.size()), line.size()));
  return line.substr(0, line.find_first_of("\r\n"));
}

// Retry-After only in the form in seconds: a date would depend on this host's clock.
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* target) {
  const std::string_view line(data, size * count);
  const HeaderTarget& into = *static_cast<HeaderTarget*>(target);
  if (const auto wait = header_value(line, "retry-after:"); !wait.empty()) {
    const auto seconds = ledger::parse_decimal(wait);
    if (seconds)
      into.answer->retry_after = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  }
  if (const auto text = header_value(line, "yunjian-time:");
      !text.empty() && into.clock != nullptr) {
    if (const auto time = ledger::parse_time(text)) {
      into.answer->clock_offset =
          std::chrono::duration_cast<std::chrono::milliseconds>(into.clock->wall() - *time);
    }
  }
  return line.size();
}

// Validity times only; names, signatures and the CA are looked at as ever.
CURLcode ignore_times(CURL*, void* context, void*) {
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(static_cast<SSL_CTX*>(context));
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
  return CURLE_OK;
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
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return {ErrorKind::retry, "the proxy does not help: check [collector] proxy"};
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
  bool check_times = true;
  bool refused_for_time = false;
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
    if (options.send_bytes_per_s_max > 0) {
      set(CURLOPT_MAX_SEND_SPEED_LARGE, static_cast<curl_off_t>(options.send_bytes_per_s_max));
    }
    if (!check_times) set(CURLOPT_SSL_CTX_FUNCTION, ignore_times);
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

  void note_refusal() {
    long result = X509_V_OK;
    curl_easy_getinfo(easy.get(), CURLINFO_SSL_VERIFYRESULT, &result);
    refused_for_time =
        result == X509_V_ERR_CERT_NOT_YET_VALID || result == X509_V_ERR_CERT_HAS_EXPIRED;
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
  HeaderTarget header_target{&answer, impl_->options.clock};
  HeaderList headers;
  impl_->set(CURLOPT_URL, request.url.c_str());
  impl_->set(CURLOPT_WRITEDATA, &answer.body);
  impl_->set(CURLOPT_HEADERDATA, &header_target);
  const std::size_t slowest = request.body.size() / body_bytes_per_s_min;
  impl_->set(CURLOPT_TIMEOUT,
             static_cast<long>(impl_->options.total_timeout.count() + static_cast<long>(slowest)));
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
    for (const std::string& header : request.headers) {
      headers.reset(curl_slist_append(headers.release(), header.c_str()));
    }
  }
  impl_->set(CURLOPT_HTTPHEADER, headers.get());
  impl_->problem[0] = '\0';
  const CURLcode code = curl_easy_perform(impl_->easy.get());
  impl_->set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  impl_->refused_for_time = false;
  if (code != CURLE_OK) {
    impl_->note_refusal();
    const Explained explained = explain(code);
    const std::string_view detail =
        impl_->problem[0] != '\0' ? impl_->problem.data() : curl_easy_strerror(code);
    impl_->easy.reset();
    return fail(explained.kind, fmt::format("{}: {} ({})", request.url, explained.advice, detail));
  }
  curl_easy_getinfo(impl_->easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t speed = 0;
  curl_easy_getinfo(impl_->easy.get(), CURLINFO_SPEED_UPLOAD_T, &speed);
  answer.sent_bytes_per_s = static_cast<std::uint64_t>(std::max<curl_off_t>(speed, 0));
  return answer;
}

void CurlSession::drop_connection() { impl_->easy.reset(); }

bool CurlSession::refused_for_time() const { return impl_->refused_for_time; }

void CurlSession::check_times(bool check) {
  if (check == impl_->check_times) return;
  impl_->check_times = check;
  impl_->easy.reset();
}

}  // namespace yunjian::agent
