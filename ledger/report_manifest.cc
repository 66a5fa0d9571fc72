#include "ledger/report_manifest.h"

#include <algorithm>
#include <array>

#include "ledger/batch.h"
#include "ledger/leaves.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view manifest_form = "yunjian/manifest/v1";

bool is_month(std::string_view month) {
  return month.size() == 7 && parse_rfc3339(std::string(month) + "-01").has_value();
}

bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text.find(' ') == std::string_view::npos;
}

// "<first> <rest>"
std::pair<std::string_view, std::string_view> cut(std::string_view text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  return {text.substr(0, space), text.substr(std::min(space + 1, text.size()))};
}

std::string hash_text(const Hash& hash) { return to_base64(as_view(hash)); }

ReportManifest::File take_file(FieldReader& reader) {
  const auto [hash, rest] = cut(reader.take("file"));
  const auto [bytes, path] = cut(rest);
  ReportManifest::File file{.path = std::string(path), .bytes = reader.number("file", bytes)};
  const auto parsed = hash_from_base64(hash);
  if (!parsed || !is_pack_path(path)) {
    reader.refuse("file");
  } else {
    file.hash = *parsed;
  }
  return file;
}

std::uint64_t take_count(FieldReader& reader, std::string_view name, std::size_t max) {
  const std::uint64_t count = reader.take_number(name);
  if (count > max) reader.refuse(name);
  return reader.failed() ? 0 : count;
}

}  // namespace

bool is_pack_path(std::string_view path) {
  if (path.empty() || path.size() > 512) return false;
  while (true) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment.front() == '.') return false;
    if (slash == path.size()) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string format_report_manifest(const ReportManifest& manifest) {
  std::string out(manifest_form);
  out += '\n';
  append_field(out, "origin", manifest.origin);
  append_field(out, "month", manifest.month);
  append_field(out, "revision", std::to_string(manifest.revision));
  append_field(out, "previous", manifest.previous ? hash_text(*manifest.previous) : "-");
  append_field(out, "as_of", format_time(manifest.as_of));
  append_field(out, "rules", manifest.rules + ' ' + hash_text(manifest.rules_hash));
  append_field(out, "calendar", manifest.calendar);
  append_field(out, "inventory", hash_text(manifest.inventory));
  append_field(out, "size", std::to_string(manifest.tree.size));
  append_field(out, "root", hash_text(manifest.tree.root));
  append_field(out, "files", std::to_string(manifest.files.size()));
  for (const auto& file : manifest.files) {
    append_field(out, "file",
                 hash_text(file.hash) + ' ' + std::to_string(file.bytes) + ' ' + file.path);
  }
  append_field(out, "changes", std::to_string(manifest.changes.size()));
  for (const std::string& change : manifest.changes) append_field(out, "change", change);
  return out;
}

Result<ReportManifest> parse_report_manifest(std::string_view text) {
  FieldReader reader(text, manifest_form);
  ReportManifest manifest;
  manifest.origin = reader.take("origin", is_origin);
  manifest.month = reader.take("month", is_month);
  manifest.revision = reader.take_number("revision");
  manifest.previous = reader.take_optional_hash("previous");
  if ((manifest.revision > 1) != manifest.previous.has_value()) reader.refuse("previous");
  manifest.as_of = reader.take_time("as_of");
  const auto [rules, rules_hash] = cut(reader.take("rules"));
  manifest.rules = rules;
  const auto hash = hash_from_base64(rules_hash);
  if (!hash || !is_version(rules)) reader.refuse("rules");
  manifest.rules_hash = hash.value_or(Hash{});
  manifest.calendar = reader.take("calendar", is_version);
  manifest.inventory = reader.take_hash("inventory");
  manifest.tree.size = reader.take_number("size");
  manifest.tree.root = reader.take_hash("root");
  for (auto left = take_count(reader, "files", manifest_files_max); left > 0; --left) {
    manifest.files.push_back(take_file(reader));
    const auto& files = manifest.files;
    if (files.size() > 1 && files.back().path <= files[files.size() - 2].path) {
      reader.refuse("file");
    }
    if (reader.failed()) break;
  }
  for (auto left = take_count(reader, "changes", manifest_changes_max); left > 0; --left) {
    manifest.changes.emplace_back(reader.take("change"));
    if (reader.failed()) break;
  }
  if (auto done = reader.finish(); !done) return failure(done);
  return manifest;
}

std::string format_inputs(const std::vector<PackInput>& inputs) {
  std::string out;
  for (const PackInput& input : inputs) {
    out += input.stream;
    for (const std::uint64_t number : {input.first_batch, input.last_batch, input.first_record,
                                       input.last_record, input.records}) {
      out += ' ' + std::to_string(number);
    }
    out += '\n';
  }
  return out;
}

Result<std::vector<PackInput>> parse_inputs(std::string_view text) {
  std::vector<PackInput> inputs;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    auto [stream, rest] = cut(text.substr(0, end));
    std::array<std::uint64_t, 5> numbers{};
    bool good = end != std::string_view::npos && parse_stream_id(stream).has_value();
    for (std::uint64_t& number : numbers) {
      const auto [digits, behind] = cut(rest);
      const auto value = parse_decimal(digits);
      good = good && value;
      number = value ? *value : 0;
      rest = behind;
    }
    if (!good || !rest.empty() || (!inputs.empty() && stream <= inputs.back().stream)) {
      return fail(ErrorKind::reject, "line " + std::to_string(inputs.size() + 1) +
                                         " of the inputs is not 'stream first-batch last-batch "
                                         "first-record last-record records', or out of order");
    }
    inputs.push_back(
        {std::string(stream), numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]});
    text.remove_prefix(end + 1);
  }
  return inputs;
}

}  // namespace yunjian::ledger
