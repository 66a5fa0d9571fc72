#include "auditor/https_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr long too_many_requests = 429;
constexpr curl_off_t wait_s_max = 60;

}  // namespace

struct HttpsClient::Impl {
  Options options;
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::string body;

  ~Impl() {
    curl_slist_free_all(headers);
    if (curl != nullptr) curl_easy_cleanup(curl);
  }

  // Less than `size` stops the transfer: a hostile server must not fill the memory.
  static std::size_t take(char* data, std::size_t, std::size_t size, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    if (impl.body.size() + size > impl.options.answer_bytes_max) return 0;
    impl.body.append(data, size);
    return size;
  }
};

HttpsClient::HttpsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsClient::HttpsClient(HttpsClient&&) noexcept = default;
HttpsClient& HttpsClient::operator=(HttpsClient&&) noexcept = default;
HttpsClient::~HttpsClient() = default;

Result<HttpsClient> HttpsClient::open(Options options) {
  if (!options.base_url.starts_with("https://")) {
    return ledger::fail(ErrorKind::reject, "--collector must be an https:// URL");
  }
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->curl = curl_easy_init();
  if (impl->curl == nullptr) return ledger::fail(ErrorKind::fatal, "libcurl does not start");
  const std::string bearer = "Authorization: Bearer " + impl->options.token;
  impl->headers = curl_slist_append(nullptr, bearer.c_str());
  CURL* curl = impl->curl;
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, impl->headers);
  curl_easy_setopt(curl, CURLOPT_CAINFO, impl->options.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_3});
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, impl->options.timeout_s);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, impl->error.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Impl::take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, impl.get());
  return HttpsClient(std::move(impl));
}

Result<HttpAnswer> HttpsClient::get(const std::string& path) {
  curl_easy_setopt(impl_->curl, CURLOPT_HTTPGET, 1L);
  return perform(path);
}

Result<HttpAnswer> HttpsClient::post(const std::string& path, const std::string& body) {
  curl_easy_setopt(impl_->curl, CURLOPT_POST, 1L);
  curl_easy_setopt(impl_->curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(impl_->curl, CURLOPT_POSTFIELDS, body.data());
  return perform(path);
}

Result<HttpAnswer> HttpsClient::perform(const std::string& path) {
  const std::string url = impl_->options.base_url + path;
  for (int left = impl_->options.tries_max; true; --left) {
    auto answer = perform_once(url);
    if (!answer || answer->status != too_many_requests || left <= 1) return answer;
    curl_off_t wait_s = 0;
    curl_easy_getinfo(impl_->curl, CURLINFO_RETRY_AFTER, &wait_s);
    wait_s = std::clamp(wait_s, curl_off_t{1}, wait_s_max);
    std::this_thread::sleep_for(std::chrono::seconds(wait_s));
  }
}

Result<HttpAnswer> HttpsClient::perform_once(const std::string& url) {
  impl_->body.clear();
  impl_->error[0] = '\0';
  curl_easy_setopt(impl_->curl, CURLOPT_URL, url.c_str());
  const CURLcode code = curl_easy_perform(impl_->curl);
  if (code != CURLE_OK) {
    const char* why = impl_->error[0] != '\0' ? impl_->error.data() : curl_easy_strerror(code);
    return ledger::fail(
        ErrorKind::retry,
        fmt::format("{} did not answer: {}; check the address, the CA file and that "
                    "the collector runs",
                    url, why));
  }
  HttpAnswer answer;
  curl_easy_getinfo(impl_->curl, CURLINFO_RESPONSE_CODE, &answer.status);
  answer.body = std::move(impl_->body);
  return answer;
}

}  // namespace yunjian::auditor
