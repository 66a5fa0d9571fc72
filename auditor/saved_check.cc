#include "auditor/saved_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "auditor/words.h"
#include "ledger/text_fields.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::string_view form = "yunjian/progress/v2\n";
constexpr std::string_view older_form = "yunjian/progress/v1\n";

ledger::Failure damaged(const std::string& path) {
  return ledger::fail(ErrorKind::corrupt,
                      path + " was changed; remove it and verify from the start");
}

// Takes the part that begins with the line "<name> <bytes>".
bool take_part(std::string_view& rest, std::string_view name, std::string& into) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name) || end <= name.size()) return false;
  const auto size = ledger::parse_decimal(rest.substr(name.size() + 1, end - name.size() - 1));
  if (!size || rest.size() - end - 1 < *size) return false;
  into = rest.substr(end + 1, *size);
  rest.remove_prefix(end + 1 + *size);
  return true;
}

// "-", or size and root.
bool read_tree(std::string_view text, std::optional<ledger::TreeHead>& into) {
  if (text == "-") return true;
  Words words(text);
  ledger::TreeHead tree;
  tree.size = words.number();
  tree.root = words.hash();
  into = tree;
  return words.good() && words.rest().empty();
}

}  // namespace

std::string saved_check_path(const std::string& directory, const ledger::Verifier& log) {
  const auto hash = ledger::sha256(log.name());
  return ledger::join_path(directory,
                           ledger::to_hex(ledger::as_view(hash)).substr(0, 16) + ".progress");
}

Result<void> write_saved_check(ledger::FileSystem& files, const std::string& path,
                               const SavedCheck& check) {
  std::string peaks;
  for (const ledger::Hash& peak : check.peaks) peaks += ledger::as_view(peak);
  std::string text(form);
  text += fmt::format("size {}\n", check.size);
  ledger::append_field(text, "peaks", peaks.empty() ? "-" : ledger::to_base64(peaks));
  const std::string compared =
      check.compared ? fmt::format("{} {}", check.compared->size,
                                   ledger::to_base64(ledger::as_view(check.compared->root)))
                     : "-";
  for (const auto& [name, part] : {std::pair("compared", &compared),
                                   {"counts", &check.counts},
                                   {"agents", &check.book},
                                   {"streams", &check.streams}}) {
    text += fmt::format("{} {}\n", name, part->size());
    text += *part;
  }
  text += ledger::to_hex(ledger::as_view(ledger::sha256(text))) + "\n";
  return ledger::replace_file(files, path, text, 0600);
}

Result<std::optional<SavedCheck>> read_saved_check(ledger::FileSystem& files,
                                                   const std::string& path) {
  auto there = files.exists(path);
  if (!there) return ledger::failure(there);
  if (!*there) return std::optional<SavedCheck>();
  auto text = files.read_file(path);
  if (!text) return ledger::failure(text);
  if (text->starts_with(older_form)) return std::optional<SavedCheck>();
  constexpr std::size_t hash_line = 65;
  if (!text->starts_with(form) || text->size() < form.size() + hash_line) return damaged(path);
  std::string_view rest = *text;
  const std::string_view sum = rest.substr(rest.size() - hash_line);
  rest.remove_suffix(hash_line);
  if (ledger::to_hex(ledger::as_view(ledger::sha256(rest))) + "\n" != sum) return damaged(path);
  rest.remove_prefix(form.size());
  SavedCheck check;
  const std::size_t first = rest.find('\n');
  const std::size_t second = rest.find('\n', first + 1);
  if (second == std::string_view::npos) return damaged(path);
  const std::string_view head = rest.substr(0, second + 1);
  const std::string fields = std::string(form) + std::string(head);
  ledger::FieldReader reader(fields, form.substr(0, form.size() - 1));
  check.size = reader.take_number("size");
  const std::string peaks = check.size == 0 ? std::string() : reader.take_base64("peaks");
  if (reader.failed() || peaks.size() % sizeof(ledger::Hash) != 0) return damaged(path);
  for (std::size_t at = 0; at < peaks.size(); at += sizeof(ledger::Hash)) {
    ledger::Hash peak;
    std::copy_n(peaks.begin() + static_cast<std::ptrdiff_t>(at), peak.size(), peak.begin());
    check.peaks.push_back(peak);
  }
  rest.remove_prefix(second + 1);
  std::string compared;
  if (!take_part(rest, "compared", compared) || !read_tree(compared, check.compared) ||
      !take_part(rest, "counts", check.counts) || !take_part(rest, "agents", check.book) ||
      !take_part(rest, "streams", check.streams) || !rest.empty()) {
    return damaged(path);
  }
  return std::optional<SavedCheck>(std::move(check));
}

}  // namespace yunjian::auditor
