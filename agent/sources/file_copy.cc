#include "agent/sources/file_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace yunjian::agent {
namespace {

constexpr std::size_t compared_bytes = 4096;

std::uint64_t size_of(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::string_view read_some(int descriptor, std::array<char, compared_bytes>& into,
                           std::uint64_t offset, std::size_t length) {
  const ssize_t got =
      pread(descriptor, into.data(), std::min(length, into.size()), static_cast<off_t>(offset));
  return {into.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

bool same_bytes(int a, int b, std::uint64_t offset, std::size_t length) {
  std::array<char, compared_bytes> buffer_a;
  std::array<char, compared_bytes> buffer_b;
  const auto bytes = read_some(a, buffer_a, offset, length);
  return bytes.size() == length && bytes == read_some(b, buffer_b, offset, length);
}

}  // namespace

bool begins_as(int descriptor, const Fingerprint& fingerprint) {
  if (fingerprint.length == 0) return true;
  std::array<char, compared_bytes> buffer;
  return fingerprint_of(read_some(descriptor, buffer, 0, fingerprint.length)) == fingerprint;
}

bool is_copy_of(int copy, int original, const FilePlace& place) {
  const std::uint64_t size = size_of(copy);
  const bool emptied = size_of(original) < place.offset || !begins_as(original, place.fingerprint);
  if (emptied) return place.fingerprint.length > 0 && begins_as(copy, place.fingerprint);
  const std::uint64_t common = std::min(size, size_of(original));
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(common, compared_bytes));
  return size <= size_of(original) && same_bytes(copy, original, 0, length) &&
         same_bytes(copy, original, common - length, length);
}

}  // namespace yunjian::agent
